# shellcheck shell=bash
# Django's static files, as on Heroku.

collect_static() {
  [ -d "$(find "$PYTHON_HOME/lib/" -path '*/site-packages/django' -print -quit)" ] || return 0
  if [ "${DISABLE_COLLECTSTATIC:-0}" != 0 ]; then
    step "Skipping Django collectstatic since the env var DISABLE_COLLECTSTATIC is set."
    return
  fi
  local manage
  manage=$(find . -maxdepth 3 -type f -name manage.py -not -path './.flynn/*' -printf '%d %P\n' | sort -n | head -n 1 | cut -d' ' -f2-)
  if [ -z "$manage" ]; then
    step "Skipping Django collectstatic since no manage.py file found."
    return
  fi
  step "\$ python $manage collectstatic --noinput"
  PYTHONPATH=. run python "$manage" collectstatic --noinput && return
  warn "Unable to generate Django static files: change the app, or turn this off with DISABLE_COLLECTSTATIC=1 in its env"
  fail "python $manage collectstatic --noinput failed: $(grep -v '^[[:space:]]*$' /tmp/output | tail -n 1)"
}
