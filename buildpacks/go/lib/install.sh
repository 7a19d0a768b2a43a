# shellcheck shell=bash
# Which main packages there are, and their binaries in bin/.

# Sets PACKAGES and FLAGS.
find_packages() {
  step "Detected Go modules via go.mod"
  detail "Module: $(go list -m 2>/dev/null || sed -nE 's/^module[[:space:]]+//p' go.mod)"
  # Paths of this machine are not in the binary, nor what git says: the same source gives the same bytes.
  FLAGS=(-trimpath -buildvcs=false -tags heroku)
  if [ -f vendor/modules.txt ]; then
    FLAGS+=(-mod=vendor)
    detail "Using the modules in vendor/"
  fi
  [ -n "${GO_LINKER_SYMBOL:-}" ] && FLAGS+=(-ldflags "-X $GO_LINKER_SYMBOL=${GO_LINKER_VALUE:-}")
  step "Determining packages to install"
  local spec
  spec=${GO_INSTALL_PACKAGE_SPEC:-$(sed -nE 's,^//[[:space:]]*\+heroku[[:space:]]+install[[:space:]]+,,p' go.mod | head -n 1)}
  # Words: patterns of packages, such as ./cmd/...
  # shellcheck disable=SC2206
  PACKAGES=(${spec:-./...})
  local listed
  listed=$(go list -find "${FLAGS[@]}" -f '{{if eq .Name "main"}}{{.ImportPath}} {{.Target}}{{end}}' "${PACKAGES[@]}" 2>/tmp/output) || {
    indent </tmp/output
    explain
    fail "go list failed: the packages of the app could not be read"
  }
  [ -n "$listed" ] || fail "there is no main package in ${PACKAGES[*]}: nothing to run. Name one with \"// +heroku install ./cmd/name\" in go.mod"
  PACKAGES=() BINARIES=()
  local package target
  detail "Detected the following main packages to install:"
  while read -r package target; do
    detail "  $package"
    PACKAGES+=("$package") BINARIES+=("${target##*/}")
  done <<<"$listed"
}

install_packages() {
  [ "$CACHED" = no ] || detail "Using the compiler's cache of the last build"
  step "Running: go install ${FLAGS[*]} ${PACKAGES[*]}"
  run go install "${FLAGS[@]}" "${PACKAGES[@]}" || {
    explain
    fail "go install failed: the app does not compile"
  }
  detail "Installed the following binaries:"
  local name
  for name in "${BINARIES[@]}"; do detail "  ./bin/$name"; done
  write_services
}

explain() {
  if grep -qE 'dial tcp|no such host|i/o timeout|connection refused|x509:' /tmp/output; then
    fail "modules could not be downloaded: commit them (go mod vendor), or name a proxy in reach with the variable GOPROXY"
  elif grep -q 'inconsistent vendoring' /tmp/output; then
    fail "vendor/ is not what go.mod says: run go mod vendor and commit it"
  elif grep -qE 'missing go.sum entry|updates to go.mod needed' /tmp/output; then
    fail "go.mod or go.sum is not complete: run go mod tidy and commit them"
  fi
}

# One binary is web. Of several each is a service of its name, and that of the module itself is web.
write_services() {
  local index module name
  module=$(go list -m 2>/dev/null || true)
  mkdir -p .flynn/go
  for index in "${!BINARIES[@]}"; do
    name=${BINARIES[index]}
    if [ ${#BINARIES[@]} -eq 1 ] || [ "${PACKAGES[index]}" = "$module" ]; then echo "web bin/$name"; else echo "$name bin/$name"; fi
  done >.flynn/go/services
}

write_profile() {
  mkdir -p .profile.d
  # shellcheck disable=SC2016
  echo 'export PATH="$PATH:$HOME/bin"' >.profile.d/go.sh
}
