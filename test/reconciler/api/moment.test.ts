import test from 'ava';
import {readMoment} from '../../../reconciler/api/moment.ts';

const NOW_MS = Date.UTC(2026, 10, 25, 12, 0, 0, 500);

for (const [text, expected] of [
  ['10m', '2026-11-25T11:50:00.500000000Z'],
  ['1d', '2026-11-24T12:00:00.500000000Z'],
  ['30s', '2026-11-25T11:59:30.500000000Z'],
  ['2026-11-25', '2026-11-25T00:00:00.000000000Z'],
  ['2026-11-25T10:00', '2026-11-25T10:00:00.000000000Z'],
  ['2026-11-25T10:00:01.25Z', '2026-11-25T10:00:01.250000000Z'],
  ['2026-11-25T10:00:01.123456789+02:00', '2026-11-25T08:00:01.123456789Z'],
] as const) {
  test(`${text} is a moment`, (t) => t.is(readMoment('since', text, NOW_MS), expected));
}

for (const text of ['', 'yesterday', '10', '10w', '2026-13-01', '-5m', '2026-11-25T25:00Z']) {
  test(`"${text}" is none`, (t) => {
    t.throws(() => readMoment('since', text, NOW_MS), {message: `since is "${text}"; it has to be a time such as 10m, 2h, 1d or 2026-11-25T19:54:23Z`});
  });
}
