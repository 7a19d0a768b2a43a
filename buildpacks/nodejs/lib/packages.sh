# shellcheck shell=bash
# The app's packages and its own build scripts.

has_script() { [ -n "$(jq -r --arg name "$1" '.scripts[$name] // empty' package.json)" ]; }

has_packages() {
  jq -e '[.dependencies, .devDependencies, .optionalDependencies] | map(. // {} | length) | add > 0 or false' package.json >/dev/null ||
    jq -e '.workspaces' package.json >/dev/null
}

# Scripts that npm runs at an installation: what they write may be anywhere.
has_install_scripts() {
  local name
  for name in preinstall install postinstall preprepare prepare postprepare; do has_script "$name" && return 0; done
  [ -f binding.gyp ]
}

has_build_scripts() { has_script heroku-prebuild || has_script build || has_script heroku-postbuild; }

# Development packages are installed only where something may use them.
needs_dev_packages() { has_build_scripts || has_install_scripts; }

lock_file() {
  local file
  for file in npm-shrinkwrap.json package-lock.json; do [ -f "$file" ] && echo "$file" && return; done
  return 1
}

install_packages() {
  has_script heroku-prebuild && run_script heroku-prebuild
  PRUNE=no
  if ! has_packages; then
    step "Installing dependencies"
    detail "package.json names no packages, nothing to install"
    has_install_scripts && npm_install install
    return 0
  fi
  local file
  for file in yarn.lock pnpm-lock.yaml bun.lock; do
    [ -f "$file" ] && ! lock_file >/dev/null && warn "$file is not used: this buildpack installs with npm"
  done
  [ -d node_modules ] && warn "node_modules is in the repository and is replaced: remove it there and add it to .gitignore" && rm -rf node_modules
  local lock omit=--include=dev
  if needs_dev_packages; then PRUNE=yes; else omit=--omit=dev; fi
  step "Installing dependencies"
  if ! lock=$(lock_file); then
    warn "no package-lock.json: versions may differ from those you tested with. Commit one: npm install --package-lock-only"
    npm_install install --no-package-lock "$omit"
    return
  fi
  local key
  key=$(packages_key "$lock" "$omit")
  if may_keep_packages "$lock" && [ -d "$CACHE_DIR/packages/$key" ]; then
    detail "Using node_modules of the last build (same $lock, same Node.js)"
    cp -a "$CACHE_DIR/packages/$key" node_modules
    return
  fi
  npm_install ci "$omit"
  if may_keep_packages "$lock" && [ -d node_modules ]; then
    # One set is kept: the cache has a limit.
    rm -rf "$CACHE_DIR/packages"
    mkdir -p "$CACHE_DIR/packages"
    cp -a node_modules "$CACHE_DIR/packages/unfinished"
    mv "$CACHE_DIR/packages/unfinished" "$CACHE_DIR/packages/$key"
  fi
}

npm_install() {
  detail "npm $*"
  npm "$@" 2>&1 | indent || {
    [ "$1" = ci ] && warn "when package.json and its lock file differ, run npm install and commit the lock file"
    fail "npm $1 failed"
  }
}

# What decides over the contents of node_modules.
packages_key() {
  {
    cat "$1"
    jq --sort-keys '{dependencies, devDependencies, optionalDependencies, peerDependencies, overrides, bundleDependencies}' package.json
    cat .npmrc 2>/dev/null || true
    echo "$2 $NODE_VERSION $NPM_VERSION $NODE_ENV"
    # Config vars may steer installations; only their sum is kept.
    for file in "$ENV_DIR"/*; do [ -f "$file" ] && echo "${file##*/}" && cat "$file"; done
    true
  } | sha256sum | cut -c1-32
}

# Not with scripts that write elsewhere, nor with links to folders of the app.
may_keep_packages() {
  ! has_install_scripts && ! jq -e '.packages // {} | map(select(.link == true)) | length > 0' "$1" >/dev/null
}

run_script() {
  step "Running $1"
  npm run --silent "$1" 2>&1 | indent || fail "the script \"$1\" of package.json failed"
}

run_builds() {
  if has_script heroku-postbuild; then
    run_script heroku-postbuild
  elif has_script build; then
    run_script build
  fi
}

prune_packages() {
  [ "$PRUNE" = yes ] && [ -d node_modules ] && [ "${NPM_CONFIG_PRODUCTION:-}" != false ] || return 0
  jq -e '.devDependencies // {} | length > 0' package.json >/dev/null || return 0
  step "Pruning devDependencies"
  npm prune --omit=dev --ignore-scripts 2>&1 | indent || fail "npm prune failed"
}
