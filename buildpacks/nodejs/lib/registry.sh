# shellcheck shell=bash
# Questions to the npm registry, asked by the build image's own npm.

# A range's answer is asked for anew after this many minutes.
RESOLVED_MINUTES=1440
BOOTSTRAP=/flynn/node

# Options that the app wants for its Node may be unknown to ours.
bootstrap_npm() { NODE_OPTIONS='' PATH="$BOOTSTRAP/bin:$PATH" npm "$@"; }

# resolve_version PACKAGE TITLE RANGE WANTED_BY EXAMPLE: prints the newest version in a range. Asks the registry at most once a day.
resolve_version() {
  local package=$1 title=$2 range=$3 wanted_by=$4 example=$5 known answer version
  local none="there is no $title \"$range\" (from $wanted_by), expected a version or range such as \"$example\""
  if [[ $range =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then echo "$range"; return; fi
  known=$CACHE_DIR/resolved/$(sha256sum <<<"$package@$range" | cut -c1-16)
  if [ -n "$(find "$known" -mmin "-$RESOLVED_MINUTES" 2>/dev/null)" ]; then cat "$known"; return; fi
  if answer=$(bootstrap_npm view "$package@$range" version --json 2>/tmp/npm-error); then
    version=$(jq -r 'if type == "array" then .[] else . end' <<<"$answer" 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$version" ]; then
      mkdir -p "$CACHE_DIR/resolved"
      echo "$version" | tee "$known"
      return
    fi
    warn "$none" >&2
    return 1
  fi
  if grep -q E404 /tmp/npm-error; then
    warn "$none" >&2
    return 1
  fi
  if [ -f "$known" ]; then
    warn "the npm registry does not answer, taking the $title of the last build" >&2
    cat "$known"
    return
  fi
  indent </tmp/npm-error >&2
  warn "the npm registry did not say which versions of $title there are" >&2
  return 1
}

# fetch_packages FOLDER SPEC…: puts packages into FOLDER/node_modules. Their scripts don't run.
fetch_packages() {
  local folder=$1
  shift
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && echo '{}' >package.json && bootstrap_npm install --ignore-scripts --no-save --no-package-lock "$@" >/tmp/npm-error 2>&1) && return
  indent </tmp/npm-error
  return 1
}
