# shellcheck shell=bash
# The app's packages and its own build scripts.

has_script() { [ -n "$(jq -r --arg name "$1" '.scripts[$name] // empty' package.json)" ]; }

has_packages() {
  is_workspace || jq -e '[.dependencies, .devDependencies, .optionalDependencies] | map(. // {} | length) | add > 0 or false' package.json >/dev/null
}

is_workspace() { jq -e '.workspaces' package.json >/dev/null || grep -q '^packages:' pnpm-workspace.yaml 2>/dev/null; }

# Scripts that run at an installation: what they write may be anywhere.
has_install_scripts() {
  local name
  for name in preinstall install postinstall preprepare prepare postprepare; do has_script "$name" && return 0; done
  [ -f binding.gyp ]
}

has_build_scripts() { has_script heroku-prebuild || has_script build || has_script heroku-postbuild; }

# Sets DEV: "none", "pruned" (there for the build, gone afterwards) or "kept". The variables are Heroku's.
decide_dev_packages() {
  local production=''
  case $MANAGER in
    npm) production=${NPM_CONFIG_PRODUCTION:-} ;;
    yarn) production=${YARN_PRODUCTION:-} ;;
    berry) [ "${YARN2_SKIP_PRUNING:-}" = true ] && production=false ;;
    pnpm) [ "${PNPM_SKIP_PRUNING:-}" = true ] && production=false ;;
  esac
  if [ "$production" = true ]; then DEV=none
  elif [ "$production" = false ] || [ "$NODE_ENV" != production ]; then DEV=kept
  # Development packages are installed only where something may use them.
  elif has_build_scripts || has_install_scripts || is_workspace; then DEV=pruned
  else DEV=none
  fi
}

install_packages() {
  has_script heroku-prebuild && run_script heroku-prebuild
  decide_dev_packages
  step "Installing dependencies"
  if ! has_packages; then
    detail "package.json names no packages, nothing to install"
    DEV=none
    has_install_scripts && install_with "${LOCK:+locked}"
    return 0
  fi
  [ -d node_modules ] && warn "node_modules is in the repository and is replaced: remove it there and add it to .gitignore" && rm -rf node_modules
  if [ -z "$LOCK" ]; then
    warn "no $(lock_name): versions may differ from those you tested with. Commit one: $(lock_command)"
    install_with ''
    return
  fi
  local key
  key=$(packages_key)
  if may_keep_packages && [ -d "$CACHE_DIR/packages/$key" ]; then
    detail "Using node_modules of the last build (same $LOCK, same Node.js)"
    cp -a "$CACHE_DIR/packages/$key" node_modules
    return
  fi
  install_with locked
  # One set is kept: the cache has a limit.
  rm -rf "$CACHE_DIR/packages"
  if may_keep_packages && [ -d node_modules ]; then
    mkdir -p "$CACHE_DIR/packages"
    cp -a node_modules "$CACHE_DIR/packages/unfinished"
    mv "$CACHE_DIR/packages/unfinished" "$CACHE_DIR/packages/$key"
  fi
}

lock_name() {
  case $MANAGER in
    npm) echo package-lock.json ;;
    yarn | berry) echo yarn.lock ;;
    pnpm) echo pnpm-lock.yaml ;;
  esac
}

lock_command() {
  case $MANAGER in
    npm) echo "npm install --package-lock-only" ;;
    yarn) echo "yarn install" ;;
    berry) echo "yarn install --mode=update-lockfile" ;;
    pnpm) echo "pnpm install --lockfile-only" ;;
  esac
}

# install_with locked|'': installs what the lock file says, or what package.json allows.
install_with() {
  local words
  case $MANAGER in
    npm)
      words=(npm install --no-package-lock)
      [ -n "$1" ] && words=(npm ci)
      if [ "$DEV" = none ]; then words+=(--omit=dev); else words+=(--include=dev); fi
      ;;
    yarn)
      words=(yarn install --ignore-engines --non-interactive --no-progress --prefer-offline)
      if [ -n "$1" ]; then words+=(--frozen-lockfile); else words+=(--no-lockfile); fi
      if [ "$DEV" = none ]; then words+=(--production=true); else words+=(--production=false); fi
      ;;
    berry)
      if [ "$DEV" = none ] && [ -n "$1" ] && can_focus; then words=(yarn workspaces focus --all --production)
      elif [ -n "$1" ]; then words=(yarn install --immutable)
      else words=(yarn install --no-immutable)
      fi
      ;;
    pnpm)
      words=(pnpm install)
      if [ -n "$1" ]; then words+=(--frozen-lockfile); else words+=(--no-frozen-lockfile); fi
      if [ "$DEV" = none ]; then words+=(--prod); else words+=(--prod=false); fi
      ;;
  esac
  run_manager "${words[@]}" || {
    [ -n "$1" ] && warn "when package.json and its lock file differ, run ${words[0]} install and commit the lock file"
    fail "${words[0]} ${words[1]} failed"
  }
}

run_manager() {
  detail "$*"
  with_variables "$@" 2>&1 | indent
}

# Where the managers keep what they downloaded, and what else they have to be told.
manager_settings() {
  export NPM_CONFIG_CACHE=$CACHE_DIR/npm
  case $MANAGER in
    yarn)
      YARN_REGISTRY=$(npm config get registry)
      export YARN_REGISTRY YARN_CACHE_FOLDER=$CACHE_DIR/yarn
      ;;
    berry)
      export YARN_GLOBAL_FOLDER=$CACHE_DIR/berry YARN_ENABLE_TELEMETRY=0 YARN_ENABLE_PROGRESS_BARS=0
      # Of settings in the repository the variable would take the place.
      if ! grep -q '^npmRegistryServer:' .yarnrc.yml 2>/dev/null; then
        YARN_NPM_REGISTRY_SERVER=$(npm config get registry)
        export YARN_NPM_REGISTRY_SERVER=${YARN_NPM_REGISTRY_SERVER%/}
      fi
      # Without node_modules the app runs from the archives, so they have to be in the app.
      is_pnp && export YARN_ENABLE_GLOBAL_CACHE=false
      ;;
    pnpm)
      # Both spellings: which one is read depends on the version.
      export npm_config_store_dir=$CACHE_DIR/pnpm/store pnpm_config_store_dir=$CACHE_DIR/pnpm/store
      export npm_config_cache_dir=$CACHE_DIR/pnpm/cache pnpm_config_cache_dir=$CACHE_DIR/pnpm/cache
      # The version is chosen already, and paths of the build's folder are of no use in the app.
      export npm_config_manage_package_manager_versions=false pnpm_config_manage_package_manager_versions=false pnpm_config_pm_on_fail=ignore
      export npm_config_extend_node_path=false pnpm_config_extend_node_path=false npm_config_update_notifier=false
      ;;
  esac
  return 0
}

# Part of Yarn since version 4.
can_focus() { [[ ${MANAGER_VERSION%%.*} -ge 4 ]] || [ -f .yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs ]; }

is_pnp() { [ "$MANAGER" = berry ] && ! grep -Eq "^nodeLinker:[[:space:]]*[\"']?(node-modules|pnpm)" .yarnrc.yml 2>/dev/null; }

# What decides over the contents of node_modules.
packages_key() {
  {
    cat "$LOCK"
    jq --sort-keys '{dependencies, devDependencies, optionalDependencies, peerDependencies, overrides, resolutions, pnpm, bundleDependencies}' package.json
    cat .npmrc .yarnrc pnpm-workspace.yaml 2>/dev/null || true
    echo "$MANAGER $MANAGER_VERSION $NODE_VERSION $NPM_VERSION $NODE_ENV $DEV"
    # Config vars may steer installations; only their sum is kept.
    for file in "$ENV_DIR"/*; do [ -f "$file" ] && echo "${file##*/}" && cat "$file"; done
    true
  } | sha256sum | cut -c1-32
}

# Not with scripts that write elsewhere, nor with links to folders of the app. Berry is quick with its own cache.
may_keep_packages() {
  [ "${NODE_MODULES_CACHE:-}" != false ] && ! has_install_scripts && ! is_workspace || return 1
  case $MANAGER in
    npm) ! jq -e '.packages // {} | map(select(.link == true)) | length > 0' "$LOCK" >/dev/null ;;
    yarn | pnpm) ! grep -Eq '(file|link|portal|patch):' "$LOCK" package.json && ! grep -q '^patchedDependencies:' "$LOCK" ;;
    berry) return 1 ;;
  esac
}

run_script() {
  step "Running $1"
  local words=("${MANAGER/berry/yarn}" run "$1")
  [ "$MANAGER" = berry ] || words=("${words[0]}" run --silent "$1")
  with_variables "${words[@]}" 2>&1 | indent || fail "the script \"$1\" of package.json failed"
}

run_builds() {
  if has_script heroku-postbuild; then
    run_script heroku-postbuild
  elif has_script build; then
    run_script build
  fi
}

prune_packages() {
  if [ "$DEV" = pruned ] && { is_workspace || jq -e '.devDependencies // {} | length > 0' package.json >/dev/null; }; then
    step "Pruning devDependencies"
    case $MANAGER in
      npm) run_manager npm prune --omit=dev --ignore-scripts ;;
      yarn) run_manager yarn install --frozen-lockfile --production=true --ignore-engines --ignore-scripts --prefer-offline --non-interactive --no-progress ;;
      berry)
        if can_focus; then run_manager yarn workspaces focus --all --production
        else warn "packages for development stay: pruning them takes Yarn 4, or its plugin workspace-tools in the repository"
        fi
        ;;
      # "pnpm prune" leaves the packages of a workspace out.
      pnpm) run_manager pnpm install --prod --frozen-lockfile --offline --ignore-scripts ;;
    esac || fail "pruning the packages for development failed"
  fi
  # When and where it was built: two builds of the same would differ.
  rm -f node_modules/.modules.yaml node_modules/.pnpm-workspace-state*.json
}

# Heroku's last word to an app, with the packages that will run.
clean_up() {
  if has_script heroku-cleanup; then run_script heroku-cleanup; fi
}
