# shellcheck shell=bash
# Made by the Python buildpack: read before the app starts.
export PATH="$HOME/.flynn/python/bin:$PATH" VIRTUAL_ENV="$HOME/.flynn/python"
export PYTHONUNBUFFERED=${PYTHONUNBUFFERED-1} PYTHONPATH=${PYTHONPATH-$HOME}
# gunicorn and uvicorn: the router is the only one that reaches the app, and replaces these headers.
export FORWARDED_ALLOW_IPS=${FORWARDED_ALLOW_IPS-*}

# As many web workers as fit, where memory has a limit: two a core and one, at least 256 MB for each. gunicorn and uvicorn read it.
if [ -z "${WEB_CONCURRENCY-}" ]; then
  # cgroup v2, then v1, whose "no limit" is a number too large for any machine.
  memory_mb=$(($(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | grep -m 1 -x '[0-9]*' || echo 0) / 1048576))
  read -r quota period < <(cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null | tr '\n' ' ')
  cores=$(nproc)
  [[ ${quota-} =~ ^[1-9][0-9]*$ ]] && cores=$(((quota + period - 1) / period))
  if [ "$memory_mb" -gt 0 ] && [ "$memory_mb" -lt 1048576 ]; then
    WEB_CONCURRENCY=$((memory_mb / 256 < 1 ? 1 : memory_mb / 256 < cores * 2 + 1 ? memory_mb / 256 : cores * 2 + 1))
    export WEB_CONCURRENCY
  fi
  unset memory_mb quota period cores
fi
