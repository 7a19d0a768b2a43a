# shellcheck shell=bash
# Rails' asset pipeline, and any other app whose Rakefile has `assets:precompile`.

precompile_assets() {
  [ -f Rakefile ] || [ -f rakefile ] || [ -f Rakefile.rb ] || [ -f rakefile.rb ] || return 0
  # Whatever compiles JavaScript finds the build image's Node behind one that another buildpack brought.
  [ ! -d /flynn/node/bin ] || export PATH="$PATH:/flynn/node/bin"
  # There is no database and no secret in a build; Rails asks for both.
  export SECRET_KEY_BASE_DUMMY=1 SECRET_KEY_BASE=${SECRET_KEY_BASE:-only-for-the-build} DATABASE_URL=${DATABASE_URL:-$(dummy_database)}
  [ -n "$DATABASE_URL" ] || unset DATABASE_URL
  step "Detecting rake tasks"
  if ! rake -P >/tmp/tasks 2>&1; then
    indent </tmp/tasks
    warn "Could not detect rake tasks: ensure you can run 'bundle exec rake -P' against your app, with the gems of production"
    has_gem railties && fail "Could not detect rake tasks: $(cause_of_abort /tmp/tasks)"
    return 0
  fi
  has_task assets:precompile || return 0
  if compgen -G 'public/assets/*manifest*.json' >/dev/null || compgen -G 'public/assets/.*manifest*.json' >/dev/null; then
    detail "Detected manifest file, assuming assets were compiled locally"
    return
  fi
  if has_gem railties; then step "Preparing app for Rails asset pipeline"; else step "Precompiling assets"; fi
  load_assets
  detail "Running: rake assets:precompile"
  run rake assets:precompile || fail "Precompiling assets failed: $(cause_of_abort /tmp/output)"
  if has_task assets:clean; then
    detail "Cleaning assets"
    run rake assets:clean || fail "rake assets:clean failed"
    [ ! -d tmp/cache/assets ] || keep assets tmp-cache tmp/cache/assets
  fi
}

# Without the bundle where rake is not in it: Ruby brings one.
rake() { if has_gem rake; then bundle exec rake "$@"; else command rake "$@"; fi; }

# What rake says behind "rake aborted!".
cause_of_abort() { grep -m 1 -A 1 'rake aborted!' "$1" | tail -n 1 | grep . || grep -v '^[[:space:]]*$' "$1" | tail -n 1; }

has_task() { grep -qE "^rake $1\$" /tmp/tasks; }

# What compilers keep to be faster the next time.
load_assets() {
  [ -d "$CACHE_DIR/assets/tmp-cache" ] || return 0
  mkdir -p tmp/cache
  cp -an "$CACHE_DIR/assets/tmp-cache" tmp/cache/assets
}

dummy_database() {
  if has_gem pg; then echo "postgresql://user:pass@127.0.0.1/dbname"
  elif has_gem mysql2; then echo "mysql2://user:pass@127.0.0.1/dbname"
  elif has_gem trilogy; then echo "trilogy://user:pass@127.0.0.1/dbname"
  fi
}
