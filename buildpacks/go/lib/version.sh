# shellcheck shell=bash
# The Go that go.mod wants, beside the one that there is.

go_version() { go env GOVERSION | cut -d' ' -f1 | sed 's/^go//'; }

# is_newer ONE OTHER
is_newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }

check_version() {
  local version least toolchain wish
  version=$(go_version)
  step "Using Go $version (Debian package golang-go)"
  least=$(sed -nE 's/^go[[:space:]]+([0-9][0-9a-z.]*).*/\1/p' go.mod | head -n 1)
  if [ -n "$least" ] && is_newer "$least" "$version"; then
    warn "go.mod says \"go $least\", and the stack has Go $version"
    fail "lower the go line of go.mod (go mod edit -go=${version%.*}) if the app does not need more, or build it with a Dockerfile"
  fi
  toolchain=$(sed -nE 's/^toolchain[[:space:]]+go([0-9][0-9a-z.]*).*/\1/p' go.mod | head -n 1)
  [ -n "$toolchain" ] && is_newer "$toolchain" "$version" && warn "go.mod suggests the toolchain go$toolchain: building with Go $version, which its go line allows"
  # Heroku's ways to choose; a newer Go builds modules as the one of their go line does.
  wish=${GOVERSION:-$(sed -nE 's,^//[[:space:]]*\+heroku[[:space:]]+goVersion[[:space:]]+(.*[^[:space:]])[[:space:]]*$,\1,p' go.mod | head -n 1)}
  wish=${wish#go}
  [ -z "$wish" ] && return
  if is_newer "${wish%.x}" "$version" && [[ $version != "${wish%.x}".* ]]; then
    fail "the app asks for go$wish (goVersion), and the stack has Go $version: ask for that, or build it with a Dockerfile"
  fi
  [[ $version == "${wish%.x}"* ]] || warn "the app asks for go$wish (goVersion): building with Go $version, which builds modules of older versions as these did"
}
