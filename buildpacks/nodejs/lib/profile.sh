# shellcheck shell=bash
# What the app's shell gets at its start, and the next buildpack's at its compile.

write_profile() {
  mkdir -p .profile.d
  cat >.profile.d/nodejs.sh <<'PROFILE'
export PATH="$HOME/.flynn/node/bin:$HOME/node_modules/.bin:$PATH"
export NODE_ENV=${NODE_ENV:-production} NPM_CONFIG_UPDATE_NOTIFIER=false
PROFILE
  # The packages are what the build made them, whatever pnpm would have to say of that.
  [ "$MANAGER" != pnpm ] || echo 'export npm_config_verify_deps_before_run=false pnpm_config_verify_deps_before_run=false' >>.profile.d/nodejs.sh
}

# Who builds with this buildpack alone may have put it where nothing can be written.
write_export() {
  [ -w "$BUILDPACK_DIR" ] || return 0
  cat >"$BUILDPACK_DIR/export" <<EXPORT
export PATH="$NODE_DIR/bin:$BUILD_DIR/node_modules/.bin:\$PATH" NODE_ENV="$NODE_ENV"
EXPORT
}
