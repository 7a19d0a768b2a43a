# shellcheck shell=bash
# PHP and its extensions are Debian's, the packages are the app's: in vendor/, by composer.

show_platform() {
  PHP_SERIES=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
  step "Installing platform packages..."
  detail "- php ($(php -r 'echo PHP_VERSION;')): Debian package php$PHP_SERIES-cli $(debian_version "php$PHP_SERIES-cli")"
  local names
  names=$(dpkg-query --show --showformat '${db:Status-Abbrev}${Package}\n' "php$PHP_SERIES-*" | sed -nE "s/^ii +php$PHP_SERIES-//p" | grep -vxE 'cli|fpm|common|phpdbg' | paste -sd' ')
  detail "- extensions: ${names// /, }"
}

install_packages() {
  [ -f composer.json ] || return 0
  jq empty composer.json 2>/tmp/json-error || fail "composer.json is not valid JSON: $(cat /tmp/json-error)"
  export COMPOSER_HOME=$CACHE_DIR/composer COMPOSER_CACHE_DIR=$CACHE_DIR/composer/cache COMPOSER_NO_INTERACTION=1 COMPOSER_PROCESS_TIMEOUT=0 COMPOSER_ROOT_VERSION=${COMPOSER_ROOT_VERSION:-1.0.0}
  # Messages are not wrapped: who looks for the cause of a failure reads lines.
  export COLUMNS=500
  export PATH="$BUILD_DIR/vendor/bin:$PATH"
  echo "export PATH=\"$BUILD_DIR/vendor/bin:\$PATH\"" >"$BUILDPACK_DIR/export"
  step "Installing dependencies..."
  if [ ! -f composer.lock ] && jq -e '.require // {} | keys | any(contains("/"))' composer.json >/dev/null; then
    [ -f vendor/autoload.php ] || fail "No composer.lock found beside composer.json: run 'composer update' and commit it"
    warn "vendor/ is taken from the repository as it is: without a composer.lock nobody knows whether it is complete"
    return
  fi
  # Without versions of packages that are there only in tests, and with all classes known in advance.
  run composer install --no-dev --prefer-dist --optimize-autoloader --no-ansi --no-progress || fail "composer install failed: $(cause_of_failure)"
  if jq -e '.scripts.compile' composer.json >/dev/null; then
    step "Running 'composer compile'..."
    run composer run-script --no-dev --no-ansi compile || fail "composer compile failed: $(cause_of_failure)"
  fi
}

cause_of_failure() {
  local cause
  cause=$(grep -m 1 -E 'requires (php|PHP|ext-)|is not present in the lock file|curl error|could not be (downloaded|found|resolved)|does not contain a compatible set' <(grep -v 'Your lock file does not' /tmp/output; grep 'Your lock file does not' /tmp/output) | sed -E 's/^[[:space:]-]+//; s/[[:space:]]+$//')
  [ -n "$cause" ] || cause=$(grep -v '^[[:space:]]*$' /tmp/output | tail -n 1)
  case $cause in
    *'your php version'*) cause+=" This stack has Debian's PHP $PHP_SERIES: widen the range, or build the app with a Dockerfile" ;;
    *'requires PHP extension'*) cause+=" No Debian package is known to bring it" ;;
  esac
  echo "${cause:0:400}"
}
