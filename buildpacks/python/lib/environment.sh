# shellcheck shell=bash
# Where the app's packages are. It is built below BUILD_DIR and runs below /app, and a virtual environment knows its own path: it is made by way
# of a link at /app, so that all paths in it are those that it has when it runs.

APP_DIR=/app
PYTHON_HOME=$APP_DIR/.flynn/python

make_environment() {
  rm -rf "$PYTHON_HOME" "$BUILD_DIR/.flynn/python"
  mkdir -p "$BUILD_DIR/.flynn"
  # Pip is a program of the build alone: 12 MB that no app needs.
  /usr/bin/python3 -m venv --without-pip "$PYTHON_HOME"
  mv "$PYTHON_HOME" "$BUILD_DIR/.flynn/python"
  ln -s "$BUILD_DIR/.flynn/python" "$PYTHON_HOME"
  rm -f "$PYTHON_HOME"/bin/[Aa]ctivate* "$PYTHON_HOME/.gitignore"
  cat >"$BUILDPACK_DIR/export" <<EXPORT
export PATH="$PYTHON_HOME/bin:\$PATH" PIP_PYTHON=$PYTHON_HOME/bin/python
EXPORT
  # shellcheck disable=SC1091
  source "$BUILDPACK_DIR/export"
  export PYTHONUNBUFFERED=1
  # Files that a run leaves beside the app's own would be other bytes each time.
  export PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
  export PIP_CACHE_DIR=$CACHE_DIR/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PIP_NO_COLOR=1 PIP_NO_COMPILE=1
  # Its own 15 s and five tries would hang a push for minutes when the index is out of reach.
  export PIP_DEFAULT_TIMEOUT=${PIP_DEFAULT_TIMEOUT:-15} PIP_RETRIES=${PIP_RETRIES:-2}
  # What is compiled here has no debug information: it would hold the paths of temporary folders.
  export CFLAGS="${CFLAGS:-} -g0" SOURCE_DATE_EPOCH=315532800
}

# Of what was installed. With hashes in place of times: files in images have other times than here, and Python would compile all at each start.
compile_bytecode() {
  find "$PYTHON_HOME/lib/" -name '*.py' -newer /tmp/before-install | LC_ALL=C sort >/tmp/installed
  # Some packages bring files that are for other versions of Python.
  "$PYTHON_HOME/bin/python" -m compileall -q --invalidation-mode unchecked-hash -i /tmp/installed >/dev/null 2>&1 || true
}

# Projects that are installed in place are found by their path, which is another one when they run. Histories of git are other bytes each time.
forget_build_folder() {
  find "$BUILD_DIR/.flynn/python/src" -maxdepth 2 -name .git -exec rm -rf {} + 2>/dev/null || true
  find "$BUILD_DIR/.flynn/python/lib" -type f \( -name '*.pth' -o -name '__editable__*' -o -name '*.egg-link' -o -name direct_url.json \) -exec sed -i "s#$BUILD_DIR#$APP_DIR#g" {} +
}

write_profile() {
  mkdir -p .profile.d
  cp "$BUILDPACK_DIR/lib/profile.sh" .profile.d/python.sh
}
