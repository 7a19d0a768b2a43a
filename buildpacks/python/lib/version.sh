# shellcheck shell=bash
# Python is Debian's: there is one version, and an app that asks for another one must hear of it.

check_version() {
  PYTHON_VERSION=$(/usr/bin/python3 -c 'import platform; print(platform.python_version())')
  local series=${PYTHON_VERSION%.*} package wanted='' origin=''
  package=$(basename "$(readlink -f /usr/bin/python3)")
  wanted_version
  if [ -n "$wanted" ]; then
    step "Using Python $wanted specified in $origin"
  else
    step "No Python version was specified. Using Python $series"
  fi
  case $wanted in
    '' | "$PYTHON_VERSION" | "$series" | 3) ;;
    "$series".*) warn "$origin asks for Python $wanted and gets $PYTHON_VERSION, which Debian keeps up to date: \"$series\" asks for that" ;;
    *) fail "Python $wanted ($origin) is not on this stack, which has $PYTHON_VERSION: ask for \"$series\", or build the app with a Dockerfile" ;;
  esac
  /usr/bin/python3 "$BUILDPACK_DIR/lib/range.py" || exit 1
  step "Installing Python $PYTHON_VERSION"
  detail "Debian package $package $(debian_version "$package")"
}

# Sets `wanted` and the file that it stands in, `origin`.
wanted_version() {
  if [ -f .python-version ]; then
    wanted=$(sed -n -e 's/#.*//' -e 's/[[:space:]]//g' -e '/./{p;q}' .python-version) origin=.python-version
  elif [ -f runtime.txt ]; then
    wanted=$(tr -d '[:space:]' <runtime.txt) origin=runtime.txt
  elif [ -f Pipfile.lock ]; then
    wanted=$(jq -r '._meta.requires // {} | .python_full_version // .python_version // empty' Pipfile.lock 2>/dev/null) origin=Pipfile.lock
  fi
  wanted=${wanted#python-}
  wanted=${wanted%.x}
}
