# shellcheck shell=bash
# Which package manager installs the app's packages: the one whose lock file there is. Yarn before 2 and Yarn since 2 (berry) are two programs.

# Sets MANAGER (npm, yarn, berry or pnpm) and LOCK, its lock file; empty where there is none.
choose_manager() {
  local file found=() field
  for file in npm-shrinkwrap.json package-lock.json yarn.lock pnpm-lock.yaml; do [ -f "$file" ] && found+=("$file"); done
  # Npm reads the first only.
  [ "${found[*]}" = "npm-shrinkwrap.json package-lock.json" ] && found=(npm-shrinkwrap.json)
  if [ ${#found[@]} -gt 1 ]; then
    warn "Build failed"
    warn "Two different lock files found: ${found[0]} and ${found[1]}"
    fail "each is of another package manager, and only one can install the app's packages: remove the other with git rm"
  fi
  LOCK=${found[0]:-} field=$(jq -r '.packageManager // empty | strings' package.json)
  case $LOCK in
    *.json) MANAGER=npm ;;
    yarn.lock) if grep -q '^__metadata:' yarn.lock; then MANAGER=berry; else MANAGER=yarn; fi ;;
    pnpm-lock.yaml) MANAGER=pnpm ;;
    *)
      case $field in
        yarn@[01] | yarn@[01].*) MANAGER=yarn ;;
        yarn@*) MANAGER=berry ;;
        pnpm@*) MANAGER=pnpm ;;
        *) MANAGER=npm ;;
      esac
      ;;
  esac
  if [ -n "$field" ] && [ "${field%%@*}" != "${MANAGER/berry/yarn}" ]; then
    local but="which is none of npm, yarn and pnpm"
    [ -n "$LOCK" ] && but="and the lock file is $LOCK"
    warn "packageManager in package.json says \"${field%%+*}\", $but: installing with ${MANAGER/berry/yarn}"
  fi
  for file in bun.lock bun.lockb; do
    [ -f "$file" ] && [ -z "$LOCK" ] && warn "$file is not used: this buildpack installs with npm, yarn or pnpm"
  done
  return 0
}

# wanted_manager NAME: prints the version or range of it that package.json wants, if any. Corepack's field may have a hash behind a "+".
wanted_manager() {
  jq -r --arg name "$1" '
    (.packageManager // "" | strings | capture("^(?<name>[^@]+)@(?<version>[^+]+)") | select(.name == $name).version)
    // .engines[$name] // empty | strings' package.json
}

# Puts yarn or pnpm beside Node and on its PATH, by way of the cache, which holds one version. Npm is there already.
install_manager() {
  MANAGER_VERSION=$NPM_VERSION
  local package default title wanted by cached name file
  case $MANAGER in
    npm) return ;;
    yarn) package=yarn title=yarn default=1.x ;;
    berry) package=@yarnpkg/cli-dist title=yarn default=$(berry_of_lock) ;;
    pnpm) package=pnpm title=pnpm default=$(pnpm_of_lock) ;;
  esac
  if [ "$MANAGER" = berry ] && yarn_of_repository; then return; fi
  wanted=$(wanted_manager "$title") by="package.json"
  [ -n "$wanted" ] || { wanted=$default by="the format of ${LOCK:-a new lock file}"; }
  # The registry's "yarn" has a version 2 as well, and ">=1" means none of that.
  [ "$MANAGER" = yarn ] && [[ ! $wanted =~ ^[0-9.]+$ ]] && wanted="$wanted <2"
  MANAGER_VERSION=$(resolve_version "$package" "$title" "$wanted" "$by" "$default") || exit 1
  cached=$CACHE_DIR/manager/$MANAGER-$MANAGER_VERSION
  if [ ! -d "$cached" ]; then
    detail "Downloading $title $MANAGER_VERSION"
    rm -rf "$CACHE_DIR/manager"
    fetch_packages "$CACHE_DIR/manager-packages" "$package@$MANAGER_VERSION" || fail "$title $MANAGER_VERSION can't be installed from the npm registry"
    local packages=$CACHE_DIR/manager-packages/node_modules
    mkdir -p "$CACHE_DIR/manager" "$packages/$package/node_modules"
    # What it needs goes along: pnpm since 12 is a program in a package of its own.
    find "$packages" -mindepth 1 -maxdepth 1 -not -name '.*' -not -name "${package%%/*}" -exec mv -t "$packages/$package/node_modules" {} +
    rmdir --ignore-fail-on-non-empty "$packages/$package/node_modules"
    mv "$packages/$package" "$cached"
    rm -rf "$CACHE_DIR/manager-packages"
  fi
  cp -a "$cached" "$NODE_DIR/lib/node_modules/$title"
  while IFS=$'\t' read -r name file; do
    chmod +x "$NODE_DIR/lib/node_modules/$title/$file"
    ln -sf "../lib/node_modules/$title/$file" "$NODE_DIR/bin/$name"
  done < <(jq -r '.bin | to_entries[] | "\(.key)\t\(.value)"' "$cached/package.json")
  "$title" --version >/tmp/manager-version 2>&1 || {
    indent </tmp/manager-version
    fail "$title $MANAGER_VERSION does not run with Node.js $NODE_VERSION"
  }
  detail "Using $title $MANAGER_VERSION"
}

# A Yarn that is part of the repository (yarnPath in .yarnrc.yml).
yarn_of_repository() {
  local file
  file=$(sed -nE "s/^yarnPath:[[:space:]]*[\"']?([^\"'[:space:]]+)[\"']?[[:space:]]*$/\1/p" .yarnrc.yml 2>/dev/null)
  [ -n "$file" ] && [ -f "$file" ] || return 1
  # By way of its own place, because the app is built in one folder and runs in another.
  cat >"$NODE_DIR/bin/yarn" <<YARN
#!/bin/sh
exec node "\$(dirname "\$0")/../../../$file" "\$@"
YARN
  chmod +x "$NODE_DIR/bin/yarn"
  MANAGER_VERSION=$(yarn --version) || fail "yarn does not run: $file, from yarnPath in .yarnrc.yml"
  detail "Using yarn $MANAGER_VERSION ($file)"
}

# The oldest line that reads a lock file of this format without rewriting it.
berry_of_lock() {
  case $(sed -nE 's/^  version: "?([0-9]+).*/\1/p' yarn.lock 2>/dev/null | head -n 1) in
    4 | 5) echo 2.x ;;
    6 | 7) echo 3.x ;;
    *) echo 4.x ;;
  esac
}

pnpm_of_lock() {
  case $(sed -nE "s/^lockfileVersion: *'?\"?([0-9]+).*/\1/p" pnpm-lock.yaml 2>/dev/null | head -n 1) in
    5) echo 7.x ;;
    6) echo 8.x ;;
    9 | '') echo 10.x ;;
    *) echo '*' ;;
  esac
}
