# shellcheck shell=bash
# Heroku's grammar of a build's output, and what every compile needs. The same file in each buildpack whose runtime is a Debian package.
step() { echo "-----> $*"; }
detail() { echo "       $*"; }
warn() { echo " !     $*"; }
fail() {
  warn "$*"
  exit 1
}
indent() { sed -u -e '/^[[:space:]]*$/d' -e 's/^/       /'; }

# Config vars are for the app's own programs; those that would change the build itself are not taken over.
export_env() {
  local file
  for file in "$ENV_DIR"/*; do
    [ -f "$file" ] || continue
    case ${file##*/} in
      PATH | HOME | LD_* | BASH_* | ENV | IFS | GIT_DIR | STACK | PORT | SHELLOPTS | PYTHONHOME | PYTHONPATH | VIRTUAL_ENV) continue ;;
      BUILD_DIR | CACHE_DIR | ENV_DIR | BUILDPACK_DIR | BUNDLER_VERSION | PHP_INI_SCAN_DIR) continue ;;
    esac
    export "${file##*/}=$(cat "$file")"
  done
}

# Runs a command with its output indented, and kept in /tmp/output for who looks for the cause of a failure.
run() { "$@" 2>&1 | tee /tmp/output | indent; }

# The version of an installed Debian package, as `dpkg` counts.
debian_version() { dpkg-query --show --showformat '${Version}' "$1"; }

# The app's own script, if it has one: bin/pre_compile, bin/post_compile.
run_hook() {
  [ -f "bin/$1" ] || return 0
  step "Running bin/$1 hook"
  chmod +x "bin/$1"
  run "bin/$1" || fail "bin/$1 failed"
}

# What decides over the result beside the files that are named on stdin: config vars, of which only the sum is kept, and this buildpack.
key_of_stdin() {
  {
    cat
    cat "$BUILDPACK_DIR"/lib/* "$BUILDPACK_DIR"/bin/compile
    local file
    for file in "$ENV_DIR"/*; do [ -f "$file" ] && echo "${file##*/}" && cat "$file"; done
    true
  } | sha256sum | cut -c1-32
}

# One result is kept for the next build: the cache has a limit.
keep() {
  local what=$1 key=$2 folder=$3
  rm -rf "${CACHE_DIR:?}/$what"
  mkdir -p "$CACHE_DIR/$what"
  cp -a "$folder" "$CACHE_DIR/$what/.unfinished"
  mv "$CACHE_DIR/$what/.unfinished" "$CACHE_DIR/$what/$key"
}
