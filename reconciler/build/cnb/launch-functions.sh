# What launch.ts writes its lines with: changes of one variable, by the rules of layers' environments. A delimiter only stands between two values.
flynn_override() { export "$1=$2"; }
flynn_default() { [ -n "${!1:-}" ] || export "$1=$2"; }
flynn_prepend() { export "$1=$2${!1:+$3${!1}}"; }
flynn_append() { export "$1=${!1:+${!1}$3}$2"; }
# Runs a program of exec.d, which writes TOML to its descriptor 3: lines of a name and a text. Each escape of a TOML text means the same in
# bash's $'…', and only these get there. 82: exit codes from 80 to 89 are a launcher's (Platform API).
flynn_run() {
  local told line text name value status=0 out
  local basic='^[[:blank:]]*([A-Za-z_][A-Za-z0-9_]*)[[:blank:]]*=[[:blank:]]*"(([^"\]|\\[btnfr"\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*)"[[:blank:]]*(#.*)?$'
  local literal="^[[:blank:]]*([A-Za-z_][A-Za-z0-9_]*)[[:blank:]]*=[[:blank:]]*'([^']*)'[[:blank:]]*(#.*)?\$"
  exec {out}>&1
  told=$("$1" 3>&1 1>&"$out" {out}>&- </dev/null) || status=$?
  exec {out}>&-
  if [ "$status" -ne 0 ]; then
    echo "$1 ended with $status, so the app is not started" >&2
    exit 82
  fi
  while IFS= read -r line; do
    if [[ $line =~ $basic ]]; then
      name=${BASH_REMATCH[1]} text=${BASH_REMATCH[2]//\'/\\\'}
      eval "value=\$'$text'"
    elif [[ $line =~ $literal ]]; then
      name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
    elif [[ $line =~ ^[[:blank:]]*(#.*)?$ ]]; then
      continue
    else
      echo "$1 printed \"$line\", expected lines such as NAME = \"value\", so the app is not started" >&2
      exit 82
    fi
    export "$name=$value"
  done <<<"$told"
}
