# shellcheck shell=bash
# Heroku's grammar of a build's output.
step() { echo "-----> $*"; }
detail() { echo "       $*"; }
warn() { echo " !     $*"; }
fail() {
  warn "$*"
  exit 1
}
indent() { sed -u -e '/^$/d' -e 's/^/       /'; }
