# shellcheck shell=bash
# Config vars are for the app's own scripts; those that would change the build itself are not taken over.

# Names that this buildpack uses itself: what the app has under them, only its scripts see.
OWN_NAMES="BUILD_DIR CACHE_DIR ENV_DIR BUILDPACK_DIR OWN_NAMES BOOTSTRAP RESOLVED_MINUTES DEFAULT_NODE NODE_DIR NODE_PACKAGE NODE_VERSION NPM_SPEC NPM_VERSION WANTED WANTED_BY MANAGER MANAGER_VERSION LOCK DEV"

export_env() {
  local file
  for file in "$ENV_DIR"/*; do
    [ -f "$file" ] || continue
    case ${file##*/} in
      PATH | HOME | LD_* | BASH_* | ENV | IFS | GIT_DIR | STACK | PORT | SHELLOPTS) continue ;;
    esac
    case " $OWN_NAMES " in
      *" ${file##*/} "*) continue ;;
    esac
    export "${file##*/}=$(cat "$file")"
  done
}

# Runs a command with all variables of the app.
with_variables() {
  local name words=()
  for name in $OWN_NAMES; do
    [ -f "$ENV_DIR/$name" ] && words+=("$name=$(cat "$ENV_DIR/$name")")
  done
  env "${words[@]}" "$@"
}
