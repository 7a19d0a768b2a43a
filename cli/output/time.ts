const UNITS = [['d', 86_400], ['h', 3_600], ['m', 60]] as const;

/** `5s`, `3m`, `2h`, `4d`: whole units, rounded down. Times in the future (clocks differ) count as now. */
export function age(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(at)) / 1000));
  for (const [unit, size] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return `${seconds}s`;
}

/** `2026/11/23 10:12:01`, in the reader's time zone, as `heroku ps` prints it. */
export function localTime(at: string): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
