import test from 'ava';
import {ANSWER_BOUNDS_MS, Traffic, type CountedAnswer} from '../../../reconciler/logs/traffic.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {SHOP} from './support.ts';

const answer = (change: Partial<CountedAnswer> = {}): CountedAnswer => ({app: SHOP, replica: 'web.1', atMs: 0, status: 200, bytes: 10, bytesIn: 1, answerMs: 4, ...change});

test('requests are counted by app and replica, those that none got apart', (t) => {
  const traffic = new Traffic();
  for (const status of [200, 204, 301, 404, 500]) traffic.add(answer({status}));
  traffic.add(answer({replica: 'web.2', answerMs: 40_000}));
  const {replica: _, ...lost} = answer({status: 503, failure: {level: 'error', code: 'H14', description: 'No web processes running'}});
  traffic.add(lost);
  t.deepEqual(traffic.figures(0).map(({app, replica, requests, statuses, errors, bytesIn, bytesOut}) => ({app, replica, requests, statuses, errors, bytesIn, bytesOut})), [
    {app: SHOP, replica: undefined, requests: 1, statuses: {'5xx': 1}, errors: {H14: 1}, bytesIn: 1, bytesOut: 10},
    {app: SHOP, replica: 'web.1', requests: 5, statuses: {'2xx': 2, '3xx': 1, '4xx': 1, '5xx': 1}, errors: {}, bytesIn: 5, bytesOut: 50},
    {app: SHOP, replica: 'web.2', requests: 1, statuses: {'2xx': 1}, errors: {}, bytesIn: 1, bytesOut: 10},
  ]);
});

test('times until answers are a histogram that grows with its bounds, and quantiles of it', (t) => {
  const traffic = new Traffic();
  for (let ms = 1; ms <= 100; ms += 1) traffic.add(answer({answerMs: ms}));
  traffic.add(answer({answerMs: 60_000}));
  const [figures] = traffic.figures(0);
  t.deepEqual(figures?.answeredWithin, [5, 10, 25, 50, 100, 100, 100, 100, 100, 100, 100, 100]);
  t.is(figures?.answeredWithin.length, ANSWER_BOUNDS_MS.length);
  t.deepEqual([figures?.requests, figures?.answerMsSum], [101, 5050 + 60_000]);
  for (const [seen = 0, exact] of [[figures?.p50Ms, 51], [figures?.p95Ms, 96]] as const) t.true(seen >= exact && seen <= exact * 1.1, `${seen} for ${exact}`);
});

test('a single slow request is as slow as it was', (t) => {
  const traffic = new Traffic();
  traffic.add(answer({answerMs: 60_000}));
  const [{p50Ms = 0, p95Ms = 0} = {}] = traffic.figures(0);
  t.is(p50Ms, p95Ms);
  t.true(p95Ms >= 60_000 && p95Ms <= 66_000, String(p95Ms));
});

test('the last minute moves on, and what is read late counts where it belongs', (t) => {
  const traffic = new Traffic();
  const minute = () => traffic.figures(600_000)[0]?.requestsOfLastMinute;
  for (const atMs of [500_000, 545_000, 575_000, 599_999, 550_000]) traffic.add(answer({atMs}));
  t.is(minute(), 4);
  traffic.add(answer({atMs: 10_000}));
  t.is(minute(), 4, 'one of ten minutes ago is none of the last one');
  t.is(traffic.figures(640_000)[0]?.requestsOfLastMinute, 1);
  t.is(traffic.figures(900_000)[0]?.requestsOfLastMinute, 0);
});

test('however many replicas there were, a bounded number is remembered: those with the latest requests', (t) => {
  const traffic = new Traffic(3);
  for (let slot = 1; slot <= 5; slot += 1) traffic.add(answer({replica: `web.${slot}`, atMs: slot === 1 ? 1_000_000 : slot}));
  t.deepEqual(traffic.figures(0).map(({replica}) => replica), ['web.1', 'web.4', 'web.5']);
});

test('a replica without a request for a day is forgotten', (t) => {
  const traffic = new Traffic();
  traffic.add(answer({atMs: 1_000, app: 'old' as AppName}));
  traffic.add(answer({atMs: 3_600_000}));
  traffic.forgetOld(24 * 3_600_000 + 2_000);
  t.deepEqual(traffic.figures(0).map(({app}) => app), [SHOP]);
});
