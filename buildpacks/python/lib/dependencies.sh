# shellcheck shell=bash
# The app's packages. Whatever file names them, pip installs them: lock files of other tools become lists with hashes first (locked.py).

# Sets PACKAGES_FILE, the file that names the packages.
check_files() {
  local file found=()
  for file in Pipfile.lock requirements.txt poetry.lock uv.lock; do [ -f "$file" ] && found+=("$file"); done
  [ ${#found[@]} -le 1 ] || fail "Multiple Python package manager files were found: ${found[*]}. Keep the one that is meant, and delete the others"
  PACKAGES_FILE=${found[0]:-}
  [ -z "$PACKAGES_FILE" ] || return 0
  [ -f Pipfile ] && fail "No Pipfile.lock found beside Pipfile: run 'pipenv lock' and commit it"
  [ -f pdm.lock ] && fail "pdm.lock is not supported: run 'pdm export --prod --output requirements.txt' and commit that file"
  for file in pyproject.toml setup.py; do
    [ -f "$file" ] || continue
    [ "$file" = pyproject.toml ] && ! grep -qE '^\[(project|build-system|tool\.poetry)\]' pyproject.toml && continue
    PACKAGES_FILE=$file
    return 0
  done
  fail "Couldn't find any supported Python package manager files: requirements.txt (an empty one, if there are no dependencies), Pipfile.lock, poetry.lock, uv.lock, pyproject.toml or setup.py"
}

# The folder in the repository that holds wheels, if there is one: then nothing is fetched.
wheel_folder() {
  local folder
  for folder in wheelhouse wheels vendor vendor/wheels; do
    compgen -G "$folder/*.whl" >/dev/null && echo "$folder" && return
  done
  return 1
}

install_dependencies() {
  if WHEELS=$(wheel_folder); then
    export PIP_NO_INDEX=1 PIP_FIND_LINKS="$BUILD_DIR/$WHEELS /usr/share/python-wheels"
    step "Using the packages in $WHEELS/, without an index"
  fi
  case $PACKAGES_FILE in
    requirements.txt) install_list ;;
    *.lock) install_locked ;;
    *) warn "$PACKAGES_FILE without a lock file: versions may differ from those you tested with. Commit a poetry.lock, uv.lock or requirements.txt" ;;
  esac
}

install_list() {
  step "Installing dependencies using 'pip install -r requirements.txt'"
  install_kept "$(lists_of requirements.txt)" -r requirements.txt
}

install_locked() {
  local lists=/tmp/locked tool
  case $PACKAGES_FILE in
    Pipfile.lock) tool=Pipenv ;;
    poetry.lock) tool=Poetry ;;
    uv.lock) tool=uv ;;
  esac
  step "Installing dependencies from $PACKAGES_FILE ($tool's lock file, installed by pip)"
  rm -rf "$lists"
  mkdir "$lists"
  /usr/bin/python3 "$BUILDPACK_DIR/lib/locked.py" "$PACKAGES_FILE" "$lists" || exit 1
  [ ! -s "$lists/hashed.txt" ] || install_kept "$lists/hashed.txt" --no-deps --require-hashes -r "$lists/hashed.txt"
  # What has no hash, such as a folder or a git repository, must not stand beside what has one.
  [ ! -s "$lists/others.txt" ] || pip_install --no-deps -r "$lists/others.txt"
}

# Installs what pip's arguments say, or takes the result of the last build when nothing that counts has changed. `lists`: files with requirements.
install_kept() {
  local lists=$1 key
  shift
  # shellcheck disable=SC2086
  key=$({ cat $lists; debian_version python3; debian_version python3-pip; [ -z "$WHEELS" ] || find "$WHEELS" -type f -exec sha256sum {} + | sort; } | key_of_stdin)
  if [ -d "$CACHE_DIR/python/$key" ]; then
    detail "Using the packages of the last build (same $PACKAGES_FILE, same Python)"
    cp -a "$CACHE_DIR/python/$key/." "$BUILD_DIR/.flynn/python/"
    return
  fi
  pip_install "$@"
  # Folders of the app may change without a change of the list.
  # shellcheck disable=SC2086
  grep -qsE '^[[:space:]]*(-e|--editable|\.|/)|file:' $lists || keep python "$key" "$BUILD_DIR/.flynn/python"
}

# A file with requirements and those that it includes.
lists_of() {
  local file=$1 seen=${2:-} included
  case " $seen " in *" $file "*) return ;; esac
  echo "$file"
  while read -r included; do
    included=$(dirname "$file")/$included
    [ -f "$included" ] && lists_of "$included" "$seen $file"
  done < <(sed -nE 's/^[[:space:]]*(-r|-c|--requirement|--constraint)[[:space:]=]*([^[:space:]#]+).*/\2/p' "$file")
}

pip_install() {
  touch /tmp/before-install
  if run pip install "$@" | sed -u '/: started$/d'; then
    compile_bytecode
    return
  fi
  local cause
  cause=$(grep -iE '^[[:space:]]*error: ' /tmp/output | grep -v subprocess-exited-with-error | tail -n 1 | sed -E 's/^[[:space:]]*[a-zA-Z]+: //') || true
  case $cause in
    *'No matching distribution'*)
      if [ -n "$WHEELS" ]; then
        cause+=" in $WHEELS/, and nothing else is asked for"
      elif grep -q 'Failed to establish a new connection' /tmp/output; then
        cause+=": the package index is out of reach"
      fi
      ;;
  esac
  fail "pip install failed: ${cause:-see above}"
}

# The app itself, where it is a project with a name of its own: its commands, and its modules in place.
install_project() {
  case $PACKAGES_FILE in
    pyproject.toml | setup.py)
      step "Installing the project and its dependencies using 'pip install --editable .'"
      pip_install --editable .
      ;;
    poetry.lock | uv.lock)
      /usr/bin/python3 "$BUILDPACK_DIR/lib/locked.py" --is-project "$PACKAGES_FILE" || return 0
      step "Installing the project using 'pip install --editable .'"
      pip_install --no-deps --editable .
      ;;
  esac
}
