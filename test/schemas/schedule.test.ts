import test from 'ava';
import {isTimezone, nextTime, problemOfExpression, timeId, timeText} from '../../schemas/schedule.ts';

interface Case {
  readonly schedule: string;
  readonly timezone?: string;
  readonly after: string;
  /** One after the other. */
  readonly next: readonly string[];
}

const times = test.macro<[Case]>((t, {schedule, timezone = 'UTC', after, next}) => {
  let ms: number | undefined = Date.parse(after);
  const got: string[] = [];
  for (const _ of next) {
    ms = nextTime({expression: schedule, timezone}, ms ?? Infinity);
    got.push(ms === undefined ? 'never' : timeText(ms));
  }
  t.deepEqual(got, next);
});

test('goes on to the next day', times, {schedule: '0 3 * * *', after: '2026-11-25T03:00:00Z', next: ['2026-11-26T03:00:00Z', '2026-11-27T03:00:00Z']});
test('a moment just before counts', times, {schedule: '0 3 * * *', after: '2026-11-25T02:59:59.999Z', next: ['2026-11-25T03:00:00Z']});
test('seconds may stand in front', times, {schedule: '*/20 * * * * *', after: '2026-12-31T23:59:30Z', next: ['2026-12-31T23:59:40Z', '2027-01-01T00:00:00Z', '2027-01-01T00:00:20Z']});
test('either the day or the weekday is enough when both are given, as in crontab(5)', times, {schedule: '0 0 13 * fri', after: '2026-11-01T00:00:00Z', next: ['2026-11-06T00:00:00Z', '2026-11-13T00:00:00Z', '2026-11-20T00:00:00Z', '2026-11-27T00:00:00Z', '2026-12-04T00:00:00Z', '2026-12-11T00:00:00Z', '2026-12-13T00:00:00Z']});
test('7 is Sunday, as 0 is', times, {schedule: '0 0 * * 7', after: '2026-11-25T00:00:00Z', next: ['2026-11-29T00:00:00Z', '2026-12-06T00:00:00Z']});
test('names of months and days', times, {schedule: '30 6 1-7 feb-mar mon', after: '2026-03-06T00:00:00Z', next: ['2026-03-06T06:30:00Z', '2026-03-07T06:30:00Z', '2026-03-09T06:30:00Z']});
test('@daily', times, {schedule: '@daily', after: '2026-11-25T12:00:00Z', next: ['2026-11-26T00:00:00Z']});
test('29 February, eight years on', times, {schedule: '0 0 29 2 *', after: '2096-03-01T00:00:00Z', next: ['2104-02-29T00:00:00Z']});
test('by the clocks of a zone, in winter and in summer', times, {schedule: '0 3 * * *', timezone: 'Europe/Berlin', after: '2026-03-27T12:00:00Z', next: ['2026-03-28T02:00:00Z', '2026-03-29T01:00:00Z', '2026-03-30T01:00:00Z']});
test('a time that the clocks leave out is taken by the old clock', times, {schedule: '30 2 * * *', timezone: 'Europe/Berlin', after: '2026-03-28T12:00:00Z', next: ['2026-03-29T01:30:00Z', '2026-03-30T00:30:00Z']});
test('and is not done twice when the new clock names it too', times, {schedule: '0 2,3 * * *', timezone: 'Europe/Berlin', after: '2026-03-28T12:00:00Z', next: ['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z']});
test('in order, though one of them was moved behind the other', times, {schedule: '15,30 2,3 * * *', timezone: 'Europe/Berlin', after: '2026-03-29T00:00:00Z', next: ['2026-03-29T01:15:00Z', '2026-03-29T01:30:00Z', '2026-03-30T00:15:00Z']});
test('a time that comes twice is done the first time', times, {schedule: '30 2 * * *', timezone: 'Europe/Berlin', after: '2026-10-24T12:00:00Z', next: ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']});
test('but what is done every hour goes on through both', times, {schedule: '30 * * * *', timezone: 'Europe/Berlin', after: '2026-10-24T23:45:00Z', next: ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z']});
test('every half minute through the change, without a gap', (t) => {
  let ms = Date.parse('2026-10-25T00:58:00Z');
  const end = Date.parse('2026-10-25T02:02:00Z');
  while (ms < end) {
    const next: number = nextTime({expression: '*/30 * * * * *', timezone: 'Europe/Berlin'}, ms) ?? 0;
    t.is(next - ms, 30_000);
    ms = next;
  }
});
test('half an hour is a shift as well', times, {schedule: '45 1 * * *', timezone: 'Australia/Lord_Howe', after: '2026-04-04T00:00:00Z', next: ['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z']});
test('clocks far from Greenwich', times, {schedule: '0 0 * * *', timezone: 'Pacific/Kiritimati', after: '2026-11-25T00:00:00Z', next: ['2026-11-25T10:00:00Z', '2026-11-26T10:00:00Z']});

for (const [expression, problem] of [
  ['0 3 * * *', undefined],
  ['*/5 * * * * *', undefined],
  ['0 0 29 2 *', undefined],
  ['61 * * * *', '"61" is no minute'],
  ['0 25 * * *', '"25" is no hour'],
  ['0 3 * *', 'expected 5 or 6 fields but got 4: minute, hour, day, month and weekday, with seconds in front of them if need be'],
  ['every day', 'expected 5 or 6 fields but got 2: minute, hour, day, month and weekday, with seconds in front of them if need be'],
  ['0 0 30 2 *', 'there is no such day in any year'],
  ['0 0 31 4,6 *', 'there is no such day in any year'],
  ['0 0 L * *', '"L" is no day: days are numbers, lists (1,15), ranges (1-5) and steps (*/2)'],
  ['0 0 * * 1#2', '"1#2" is no day: days are numbers, lists (1,15), ranges (1-5) and steps (*/2)'],
] as const) {
  test(`"${expression}": ${problem ?? 'is a schedule'}`, (t) => t.is(problemOfExpression(expression), problem));
}

test('zones are IANA names', (t) => {
  t.deepEqual(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'].map(isTimezone), [true, true, true]);
  t.deepEqual(['Mars/Base', '', '+02:00', 'berlin'].map(isTimezone), [false, false, false, false]);
});

test('a moment\'s id sorts as the moments do', (t) => {
  t.is(timeId(Date.parse('2026-11-25T03:00:00.900Z')), '20261125-030000');
});
