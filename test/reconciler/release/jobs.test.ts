import test from 'ava';
import {Jobs} from '../../../reconciler/release/jobs.ts';
import type {ReleaseLine, ReleaseOutcome} from '../../../reconciler/release/releases.ts';

const HEALTHY: ReleaseOutcome = {result: 'healthy', release: 2, urls: []};
const forever = () => new AbortController().signal;

async function all(lines: AsyncIterable<ReleaseLine>): Promise<readonly string[]> {
  const said: string[] = [];
  for await (const line of lines) said.push('print' in line ? line.print : line.outcome.result);
  return said;
}

test('a release goes on when nobody listens, and who comes later hears all of it', async (t) => {
  const jobs = new Jobs(forever());
  const begun = Promise.withResolvers<void>();
  let runs = 0;
  const run = async (print: (line: string) => void): Promise<ReleaseOutcome> => {
    runs += 1;
    print('launching');
    await begun.promise;
    print('released');
    return HEALTHY;
  };
  const gone = new AbortController();
  const first = jobs.start('id', run).follow(gone.signal);
  t.deepEqual(await first.next(), {done: false, value: {print: 'launching'}});
  gone.abort();
  t.like(await first.next(), {done: true});
  const second = all(jobs.start('id', run).follow(forever()));
  begun.resolve();
  t.deepEqual(await second, ['launching', 'released', 'healthy']);
  t.deepEqual(await all(jobs.start('id', run).follow(forever())), ['launching', 'released', 'healthy']);
  t.is(runs, 1);
});

test('what a release was refused for is told to everybody, after the lines before it', async (t) => {
  const jobs = new Jobs(forever());
  const run = async (print: (line: string) => void): Promise<ReleaseOutcome> => {
    print('pulling');
    throw new Error('no such image');
  };
  for (const _ of [1, 2]) {
    const lines = jobs.start('id', run).follow(forever());
    t.deepEqual(await lines.next(), {done: false, value: {print: 'pulling'}});
    await t.throwsAsync(lines.next(), {message: 'no such image'});
  }
});

test('what a job said is remembered up to a limit', async (t) => {
  const lines = await all(new Jobs(forever()).start('id', async (print) => {
    for (let line = 1; line <= 3000; line += 1) print(`line ${line}`);
    return HEALTHY;
  }).follow(forever()));
  // The outcome came after them.
  t.is(lines.length, 1001);
  t.deepEqual(lines.slice(-2), ['line 3000', 'healthy']);
});

test('too many at once are refused, and those that have ended make room', async (t) => {
  const jobs = new Jobs(forever());
  const hold = Promise.withResolvers<ReleaseOutcome>();
  for (let id = 0; id < 100; id += 1) jobs.start(String(id), () => hold.promise);
  t.throws(() => jobs.start('more', () => hold.promise), {message: /100 releases are being made already/});
  hold.resolve(HEALTHY);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(await all(jobs.start('more', () => hold.promise).follow(forever())), ['healthy']);
});
