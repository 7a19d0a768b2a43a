/** Heroku's grammar of a push's output: people and scripts know it by heart. */
export function step(text: string): string {
  return `-----> ${text}`;
}

export function detail(text: string): string {
  return `       ${text}`;
}

export function warning(text: string): string {
  return ` !     ${text}`;
}

/** `45.2M`, as Heroku writes the size of a slug. */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)}M`;
}

/** `512M`, `2G` for limits, in the units that manifests use (`512Mi`). */
export function formatLimit(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes >= 1 ? `${round(gibibytes)}Gi` : `${round(bytes / 2 ** 20)}Mi`;
}

export function formatDuration(ms: number): string {
  return ms >= 60_000 ? `${round(ms / 60_000)} min` : `${round(ms / 1000)} s`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
