import {parse, validateDetailed} from 'node-cron';

/** `0 3 * * *` in a time zone: when something is to be done. */
export interface Schedule {
  readonly expression: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timezone: string;
}

export const TIMEZONE_DEFAULT = 'UTC';

/** A date that a schedule names comes within this many days or never: 29 February is eight years apart around 2100. */
const DAYS_MAX = 8 * 366;
/** Clocks are put forward or back by at most this, in milliseconds (two hours at Antarctica/Troll). */
const SHIFT_MS_MAX = 2 * 3_600_000;
const DAY_MS = 86_400_000;

/** Why this is no schedule, in words that follow it; undefined when it is one. */
export function problemOfExpression(expression: string): string | undefined {
  const {valid, errors} = validateDetailed(expression);
  const [error] = errors;
  if (!valid && (error?.field === 'expression' || error?.value === undefined)) return `${error?.message ?? 'it can\'t be read'}: minute, hour, day, month and weekday, with seconds in front of them if need be`;
  if (!valid && error?.message.includes('impossible')) return NEVER;
  if (!valid) return `"${error?.value}" is no ${FIELD_WORDS[error?.field ?? ''] ?? 'field'}`;
  const {dayOfMonth, dayOfWeek} = parse(expression);
  const odd = [...dayOfMonth, ...dayOfWeek].find((value) => typeof value === 'string');
  if (odd !== undefined) return `"${odd}" is no day: days are numbers, lists (1,15), ranges (1-5) and steps (*/2)`;
  if (nextTime({expression, timezone: 'UTC'}, 0) === undefined) return NEVER;
  return undefined;
}

export function isTimezone(timezone: string): boolean {
  try {
    return /^[A-Za-z]/.test(timezone) && clockOf(timezone) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The first moment after `afterMs` that a schedule names, in milliseconds since 1970. Undefined: there is none, ever. Pure: the same
 * arguments give the same moment on every machine.
 *
 * As crontab(5) has it: when days of the month *and* weekdays are given, either of them is enough. Where clocks are put forward, a time that
 * is left out is taken by the old clock (02:30 is done at 03:30). Where they are put back, a time that comes twice is done the first time;
 * but a schedule that names every hour goes on through both.
 */
export function nextTime(schedule: Schedule, afterMs: number): number | undefined {
  return followed(schedule)(afterMs);
}

/** `nextTime` of one schedule, for who asks for many times of it: reading an expression takes longer than following it. */
export function followed({expression, timezone}: Schedule): (afterMs: number) => number | undefined {
  const fields = fieldsOf(expression);
  const clock = clockOf(timezone);
  return (afterMs) => firstAfter(afterMs, fields, clock);
}

function firstAfter(afterMs: number, fields: Fields, clock: Clock): number | undefined {
  let best: number | undefined;
  for (const wallMs of wallTimes(fields, afterMs + Math.min(...clock.offsetsAround(afterMs)))) {
    const offsets = clock.offsetsAround(wallMs - clock.offsetAt(wallMs));
    if (best !== undefined && wallMs - Math.max(...offsets) >= best) break;
    const later = momentsOf(wallMs, {clock, offsets, isEach: fields.isHourly}).filter((ms) => ms > afterMs);
    best = Math.min(best ?? Infinity, ...later);
    if (best === Infinity) best = undefined;
  }
  return best;
}

/** `20261125-030000` of a moment, in UTC: short, and sorted as the moments are. */
export function timeId(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** `2026-11-25T03:00:00Z` of a moment. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}Z`;
}

const NEVER = 'there is no such day in any year';
const FIELD_WORDS: Readonly<Record<string, string>> = {second: 'second', minute: 'minute', hour: 'hour', dayOfMonth: 'day of the month', month: 'month', dayOfWeek: 'weekday'};

interface Fields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly isHourly: boolean;
  isDay(date: Date): boolean;
}

function fieldsOf(expression: string): Fields {
  const {second, minute, hour, dayOfMonth, month, dayOfWeek} = parse(expression);
  const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);
  const [days, months, weekdays] = [new Set(dayOfMonth), new Set(month), new Set(dayOfWeek)];
  const [isEveryDay, isEveryWeekday] = [days.size === 31, weekdays.size === 7];
  return {
    seconds: sorted(second),
    minutes: sorted(minute),
    hours: sorted(hour),
    isHourly: hour.length === 24,
    isDay(date) {
      if (!months.has(date.getUTCMonth() + 1)) return false;
      const [isNamed, isNamedWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
      return isEveryDay || isEveryWeekday ? isNamed && isNamedWeekday : isNamed || isNamedWeekday;
    },
  };
}

/** What a clock on the wall shows, later than `afterWallMs`, whenever the schedule names it; as if the wall were in Greenwich. */
function* wallTimes({seconds, minutes, hours, isDay}: Fields, afterWallMs: number): Generator<number> {
  const firstDayMs = Math.floor(afterWallMs / DAY_MS) * DAY_MS;
  for (let day = 0; day <= DAYS_MAX; day += 1) {
    const dayMs = firstDayMs + day * DAY_MS;
    if (!isDay(new Date(dayMs))) continue;
    for (const hour of hours) {
      if (dayMs + (hour + 1) * 3_600_000 <= afterWallMs) continue;
      for (const minute of minutes) {
        for (const second of seconds) {
          const wallMs = dayMs + ((hour * 60 + minute) * 60 + second) * 1000;
          if (wallMs > afterWallMs) yield wallMs;
        }
      }
    }
  }
}

/** When the clocks show this: once, or twice where they are put back (the first time only, unless `isEach`). */
function momentsOf(wallMs: number, {clock, offsets, isEach}: {clock: Clock; offsets: readonly number[]; isEach: boolean}): readonly number[] {
  const moments = offsets.map((offset) => wallMs - offset).filter((ms) => ms + clock.offsetAt(ms) === wallMs).toSorted((a, b) => a - b);
  // Left out by the clocks: as if they had not been put forward yet.
  if (moments.length === 0) return [wallMs - (offsets[0] ?? 0)];
  return isEach ? moments : moments.slice(0, 1);
}

interface Clock {
  /** By how much the clocks of the zone are ahead of Greenwich, in milliseconds. */
  offsetAt(ms: number): number;
  /** Those of a little earlier and a little later: one, but for the days on which clocks are put forward or back. */
  offsetsAround(ms: number): readonly number[];
}

/** @throws {RangeError} when there is no such time zone */
function clockOf(timezone: string): Clock {
  if (timezone === TIMEZONE_DEFAULT) return {offsetAt: () => 0, offsetsAround: () => [0]};
  const format = new Intl.DateTimeFormat('en-US', {timeZone: timezone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric'});
  const offsetAt = (ms: number): number => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({type, value}) => [type, Number(value)]));
    const {year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0} = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  };
  return {offsetAt, offsetsAround: (ms) => [...new Set([offsetAt(ms - SHIFT_MS_MAX), offsetAt(ms + SHIFT_MS_MAX)])]};
}
