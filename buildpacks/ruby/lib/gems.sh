# shellcheck shell=bash
# Ruby is Debian's, the gems are the app's: in vendor/bundle, as on Heroku.

has_gem() { grep -qsE "^    $1 \(" Gemfile.lock; }

make_environment() {
  [ -f Gemfile.lock ] || fail "Gemfile.lock required. Please check it in."
  # Versions of Ruby that gems with extensions are compiled for: 3.3.0 for every 3.3.
  RUBY_API=$(ruby -e 'print Gem.ruby_api_version')
  RUBY_VERSION=$(ruby -e 'print RUBY_VERSION')
  BUNDLER_VERSION=$(ruby -e 'print Gem::Specification.find_all_by_name("bundler").map(&:version).max')
  local package
  package=$(basename "$(readlink -f /usr/bin/ruby)")
  step "Using Ruby version: ruby-$RUBY_VERSION"
  detail "Debian package $package $(debian_version "$package")"
  # Bundler would fetch the version that wrote the lock file, and restart with it.
  export BUNDLER_VERSION BUNDLE_DISABLE_VERSION_CHECK=true BUNDLE_USER_HOME=$CACHE_DIR/bundler
  export BUNDLE_PATH=vendor/bundle BUNDLE_BIN=vendor/bundle/bin BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT=${BUNDLE_WITHOUT-development:test}
  # Its own ten seconds and four tries a gem would hang a push when rubygems.org is out of reach.
  export BUNDLE_TIMEOUT=${BUNDLE_TIMEOUT:-15} BUNDLE_RETRY=${BUNDLE_RETRY:-1}
  # Messages are not wrapped: who looks for the cause of a failure reads lines.
  export THOR_COLUMNS=1000
  export BUNDLE_JOBS=${BUNDLE_JOBS:-4} NOKOGIRI_USE_SYSTEM_LIBRARIES=${NOKOGIRI_USE_SYSTEM_LIBRARIES-true}
  export RACK_ENV=${RACK_ENV:-production} RAILS_ENV=${RAILS_ENV:-production} DISABLE_SPRING=1
  local file
  for file in vendor/bundle .bundle/config; do
    [ -e "$file" ] || continue
    warn "$file is in the repository and is replaced: remove it there and add it to .gitignore"
    rm -rf "$file"
  done
  export PATH="$BUILD_DIR/bin:$BUILD_DIR/vendor/bundle/bin:$BUILD_DIR/vendor/bundle/ruby/$RUBY_API/bin:$PATH"
  cat >"$BUILDPACK_DIR/export" <<EXPORT
export PATH="$BUILD_DIR/bin:$BUILD_DIR/vendor/bundle/bin:$BUILD_DIR/vendor/bundle/ruby/$RUBY_API/bin:\$PATH"
export BUNDLER_VERSION=$BUNDLER_VERSION BUNDLE_PATH=vendor/bundle BUNDLE_BIN=vendor/bundle/bin BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT=$BUNDLE_WITHOUT
EXPORT
}

install_gems() {
  step "Installing dependencies using bundler $BUNDLER_VERSION"
  local key cached
  key=$RUBY_API-$({ cat Gemfile Gemfile.lock; cat ./*.gemspec .ruby-version 2>/dev/null; debian_version ruby; [ ! -d vendor/cache ] || find vendor/cache -type f -exec sha256sum {} + | sort; } | key_of_stdin)
  cached=$(compgen -G "$CACHE_DIR/ruby/$RUBY_API-*" | head -n 1) || true
  # A bundle for other gems is a beginning all the same: most of them stay, and those with extensions take minutes.
  [ -z "$cached" ] || { mkdir -p vendor && cp -a "$cached" vendor/bundle; }
  if [ "${cached##*/}" = "$key" ]; then
    detail "Using the gems of the last build (same Gemfile.lock, same Ruby)"
    return
  fi
  bundle_install
  detail "Cleaning up the bundler cache."
  bundle clean >/dev/null 2>&1 || true
  remove_traces
  [ ! -d vendor/bundle ] || keep ruby "$key" vendor/bundle
}

# Gems in vendor/cache need no network. Where some are missing there, as with private gems only, the rest is fetched.
bundle_install() {
  local missing='' cause settings="BUNDLE_WITHOUT='$BUNDLE_WITHOUT' BUNDLE_PATH=$BUNDLE_PATH BUNDLE_DEPLOYMENT=1"
  if compgen -G 'vendor/cache/*.gem' >/dev/null; then
    detail "Running: $settings bundle install --local"
    run bundle install --local && return
    cause=$(cause_of_failure)
    [[ $cause == 'Could not find'* ]] || fail "Failed to install gems via Bundler: $cause"
    missing="not all gems are in vendor/cache, and "
    detail "vendor/cache does not have all gems: asking the sources in the Gemfile"
  fi
  detail "Running: $settings bundle install"
  run bundle install && return
  fail "Failed to install gems via Bundler: $missing$(cause_of_failure)"
}

# Bundler's reason, in one line, with what to write instead where it is the version of Ruby.
cause_of_failure() {
  local pattern='Could not (find|reach)|Your Ruby version is|Your bundle only supports|An error occurred while installing|[Nn]etwork error|The dependencies in your gemfile changed|frozen'
  local cause
  cause=$(grep -v '^[[:space:]]*$' /tmp/output | sed -nE "/$pattern/,\$ p" | head -n 5 | tr -s '[:space:]' ' ' | sed 's/ $//')
  [ -n "$cause" ] || cause=$(grep -v '^[[:space:]]*$' /tmp/output | tail -n 1)
  [[ $cause != 'Your Ruby version is'* ]] || cause+=". This stack has Debian's: ask for \"~> ${RUBY_API%.*}.0\", or build the app with a Dockerfile"
  echo "${cause:0:400}"
}

# Downloads, and what tells of the compilation of extensions: other bytes each time, and nothing that a gem needs.
remove_traces() {
  rm -rf "vendor/bundle/ruby/$RUBY_API/cache"
  find vendor/bundle \( -name gem_make.out -o -name mkmf.log -o -path '*/ext/*.o' \) -delete
  find "vendor/bundle/ruby/$RUBY_API/bundler" -name .git -prune -exec rm -rf {} + 2>/dev/null || true
}

write_profile() {
  mkdir -p .profile.d
  sed -e "s/@API@/$RUBY_API/" -e "s/@BUNDLER@/$BUNDLER_VERSION/" "$BUILDPACK_DIR/lib/profile.sh" >.profile.d/ruby.sh
}
