import {ApiError} from './problem.ts';

const UNIT_MS = {s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000} as const;

/**
 * A moment as people say it: `10m` (so long ago), `2026-11-25`, `2026-11-25T19:54:23Z`, with any offset and fraction.
 * @returns RFC 3339 with nanoseconds, UTC, as lines of the log have it
 * @throws {ApiError}
 */
export function readMoment(name: string, text: string, nowMs: number): string {
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  if (ago !== null) return nanoseconds(nowMs - Number(ago[1]) * UNIT_MS[ago[2] as keyof typeof UNIT_MS], '');
  const written = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const [, day, time = '00:00:00', fraction = '', offset = 'Z'] = written ?? [];
  const ms = Date.parse(`${day}T${time}${offset}`);
  if (written === null || Number.isNaN(ms)) throw new ApiError(400, `${name} is "${text}"; it has to be a time such as 10m, 2h, 1d or 2026-11-25T19:54:23Z`);
  return nanoseconds(ms, fraction);
}

function nanoseconds(ms: number, fraction: string): string {
  const [seconds = '', milliseconds = ''] = new Date(Math.max(0, ms)).toISOString().slice(0, -1).split('.');
  return `${seconds}.${(fraction === '' ? milliseconds : fraction).padEnd(9, '0')}Z`;
}
