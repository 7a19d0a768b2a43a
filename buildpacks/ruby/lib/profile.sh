# shellcheck shell=bash
# Made by the Ruby buildpack: read before the app starts.
export PATH="$HOME/bin:$HOME/vendor/bundle/bin:$HOME/vendor/bundle/ruby/@API@/bin:$PATH"
export BUNDLER_VERSION=@BUNDLER@ BUNDLE_PATH="$HOME/vendor/bundle" BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT=${BUNDLE_WITHOUT-development:test}
# The colon at the end: Ruby's own gems as well.
export GEM_PATH="$HOME/vendor/bundle/ruby/@API@:${GEM_PATH-}"
export RACK_ENV=${RACK_ENV:-production} RAILS_ENV=${RAILS_ENV:-production} DISABLE_SPRING=1
export RAILS_SERVE_STATIC_FILES=${RAILS_SERVE_STATIC_FILES:-enabled} RAILS_LOG_TO_STDOUT=${RAILS_LOG_TO_STDOUT:-enabled}
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
# A generated one would be another one in each replica, and stand in the image.
if [ -f config/application.rb ] && [ -z "${SECRET_KEY_BASE-}${RAILS_MASTER_KEY-}" ] && [ ! -f config/master.key ]; then
  echo "SECRET_KEY_BASE is not set, Rails will not start without: openssl rand -hex 64 | flynn env set --secret SECRET_KEY_BASE" >&2
fi
