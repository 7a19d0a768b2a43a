# shellcheck shell=bash
# PHP-FPM behind Caddy, by the name `.flynn/php/web` and by those that Procfiles for Heroku have.

install_server() {
  step "Preparing runtime environment..."
  mkdir -p .flynn/php/bin .profile.d
  cp "$BUILDPACK_DIR/server/Caddyfile" "$BUILDPACK_DIR/server/php-fpm.conf" .flynn/php/
  sed "s/@PHP@/$PHP_SERIES/" "$BUILDPACK_DIR/server/web" >.flynn/php/web
  chmod 755 .flynn/php/web
  local name
  for name in heroku-php-apache2 heroku-php-nginx; do
    ln -s ../web ".flynn/php/bin/$name"
    # As the package heroku/heroku-buildpack-php would, which is for development only.
    if grep -qs "vendor/bin/$name" Procfile && [ ! -e "vendor/bin/$name" ]; then
      mkdir -p vendor/bin
      ln -s ../../.flynn/php/web "vendor/bin/$name"
    fi
  done
  # shellcheck disable=SC2016
  echo 'export PATH="$HOME/vendor/bin:$HOME/.flynn/php/bin:$PATH"' >.profile.d/php.sh
  if [ -n "$(find . -maxdepth 3 -name .htaccess -not -path './vendor/*' -not -path './node_modules/*' -print -quit)" ]; then
    warn ".htaccess is not read: Caddy serves files that are there, and hands everything else to index.php"
  fi
  [ -f Procfile ] || detail "Serving with PHP-FPM and Caddy"
}
