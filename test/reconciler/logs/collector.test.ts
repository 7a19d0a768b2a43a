import test, {type ExecutionContext} from 'ava';
import type {ContainerId} from '../../../schemas/ids.ts';
import type {RawLogLine} from '../../../reconciler/adapters/engine.ts';
import {Collector, type LoggedContainer} from '../../../reconciler/logs/collector.ts';
import {LostLines} from '../../../reconciler/logs/lost.ts';
import type {LogStore} from '../../../reconciler/logs/store.ts';
import {until} from '../../support/until.ts';
import {at, openStore, SHOP, temporary, texts} from './support.ts';

const ID = '4f149fd6aaaa4f149fd6aaaa' as ContainerId;
const WEB: LoggedContainer = {id: ID, app: SHOP, name: 'web.1', partition: 'web.1', release: 3, createdAtMs: 0, startedAtMs: 1};

/** An engine that has one container, which has written what it has written, and ends. */
class OneContainer {
  readonly lines: RawLogLine[] = [];
  readonly asked: (string | undefined)[] = [];

  write(seconds: number, text: string, stream = 'stdout'): void {
    this.lines.push({isStderr: stream === 'stderr', bytes: Buffer.from(`${at(seconds)} ${text}\n`)});
  }

  async* logBatches(_id: string, {since}: {readonly since?: string}): AsyncIterable<readonly RawLogLine[]> {
    this.asked.push(since);
    yield [];
    const asked = this.lines.filter(({bytes}) => since === undefined || bytes.toString('latin1', 0, since.length) >= since);
    for (let first = 0; first < asked.length; first += 2) yield asked.slice(first, first + 2);
  }

  async container(): Promise<undefined> {}
}

/** Collects until the container has ended, as a reconciler in its one life does. */
async function collect(t: ExecutionContext, engine: OneContainer, store: LogStore): Promise<void> {
  const collector = new Collector({engine, store, onProblem: (error) => t.fail(error.message), logBytesMax: () => 1_000_000, onLost: () => t.fail('nothing is lost')}, new AbortController().signal);
  collector.see([WEB]);
  await collector.drained(ID);
}

test('each life of ours goes on after the last line of the one before, also among lines of one moment', async (t) => {
  const folder = await temporary(t);
  const engine = new OneContainer();
  engine.write(1, 'one');
  engine.write(2, 'two');
  engine.write(2, 'two again');
  await collect(t, engine, await openStore(t, {folder}));
  engine.write(2, 'two once more');
  engine.write(3, 'three', 'stderr');
  await collect(t, engine, await openStore(t, {folder}));
  await collect(t, engine, await openStore(t, {folder}));
  t.deepEqual(await texts(await openStore(t, {folder})), ['web.1 one', 'web.1 two', 'web.1 two again', 'web.1 two once more', 'web.1 three']);
  t.is(engine.asked[0], undefined);
  t.is(engine.asked[1], at(1.99));
});

test('lines whose times are out of order by a little come once', async (t) => {
  const folder = await temporary(t);
  const engine = new OneContainer();
  engine.write(1, 'one');
  engine.write(1.002, 'three', 'stderr');
  engine.write(1.001, 'two');
  await collect(t, engine, await openStore(t, {folder}));
  engine.write(1.0015, 'two and a half');
  engine.write(1.003, 'four');
  await collect(t, engine, await openStore(t, {folder}));
  t.deepEqual([...await texts(await openStore(t, {folder}))].sort(), ['web.1 four', 'web.1 one', 'web.1 three', 'web.1 two', 'web.1 two and a half']);
});

test('what the engine has removed meanwhile does not make new lines look old', async (t) => {
  const folder = await temporary(t);
  const engine = new OneContainer();
  for (const text of ['a', 'b', 'c']) engine.write(1, text);
  await collect(t, engine, await openStore(t, {folder}));
  engine.lines.length = 0;
  engine.write(5, 'after');
  await collect(t, engine, await openStore(t, {folder}));
  t.deepEqual(await texts(await openStore(t, {folder})), ['web.1 a', 'web.1 b', 'web.1 c', 'web.1 after']);
});

test('a container that took the place of another one is read from its beginning', async (t) => {
  const store = await openStore(t);
  const engine = new OneContainer();
  engine.write(1, 'of the first');
  await collect(t, engine, store);
  const other = new OneContainer();
  other.write(0.5, 'of the second');
  const collector = new Collector({engine: other, store, onProblem: (error) => t.fail(error.message), logBytesMax: () => 1_000_000, onLost: () => t.fail('nothing is lost')}, new AbortController().signal);
  collector.see([{...WEB, id: 'bbbbbbbbbbbbbbbbbbbb' as ContainerId}]);
  await until('it is read', async () => (await texts(store)).length === 2);
  t.deepEqual(await texts(store), ['web.1 of the second', 'web.1 of the first']);
});

test('a hole in time behind a whole file of the engine, while we are behind, is lines that are lost; a pause is none', (t) => {
  const nowMs = Date.UTC(2026, 10, 25, 12, 0, 30);
  const see = (lost: LostLines, from: number, count: number, now = nowMs) => {
    let found = 0;
    for (let n = 0; n < count; n++) found += lost.see(Buffer.from(`${at(from + n / 1000)} ${'x'.repeat(60)}\n`), now);
    return found;
  };
  const flood = new LostLines(100_000);
  t.is(see(flood, 0, 1_000), 0);
  const lost = see(flood, 5, 1_000);
  t.true(lost > 3_900 && lost < 4_100, String(lost));
  const caughtUp = new LostLines(100_000);
  see(caughtUp, 0, 1_000, Date.UTC(2026, 10, 25, 12, 0, 2));
  t.true(see(caughtUp, 5, 1_000, Date.UTC(2026, 10, 25, 12, 0, 5)) > 3_900, 'the newest file may have been begun just now');
  const paused = new LostLines(100_000);
  see(paused, 0, 1_000, Date.UTC(2026, 10, 25, 12, 0, 1));
  t.is(see(paused, 5, 1_000, Date.UTC(2026, 10, 25, 12, 0, 5)), 0);
  const few = new LostLines(10_000_000);
  t.is(see(few, 0, 1_000) + see(few, 5, 1_000), 0);
});

/** An engine whose reader was not fast enough: it goes on with the newest file, and has told nothing of those in between. Asked anew, it tells what it still has. */
class SkippingEngine {
  readonly asked: (string | undefined)[] = [];
  /** Its log was read to the end. */
  readonly ended = Promise.withResolvers<void>();
  readonly #kept: readonly RawLogLine[];
  readonly #streams: readonly (readonly RawLogLine[])[];

  constructor({first, kept}: {readonly first: readonly RawLogLine[]; readonly kept: readonly RawLogLine[]}) {
    this.#kept = kept;
    this.#streams = [first];
  }

  async* logBatches(_id: string, {since}: {readonly since?: string}): AsyncIterable<readonly RawLogLine[]> {
    const all = this.#streams[this.asked.length] ?? this.#kept;
    this.asked.push(since);
    const told = all.filter(({bytes}) => since === undefined || bytes.toString('latin1', 0, since.length) >= since);
    for (let from = 0; from < told.length; from += 100) yield told.slice(from, from + 100);
  }

  async container(): Promise<undefined> {
    this.ended.resolve();
  }
}

/** One a millisecond, of 100 bytes. */
function lines(from: number, to: number): readonly RawLogLine[] {
  return Array.from({length: to - from}, (_, index) => ({isStderr: false, bytes: Buffer.from(`${at((from + index) / 1000)} line ${from + index} ${'x'.repeat(60)}\n`)}));
}

async function collectSkipping(t: ExecutionContext, engine: SkippingEngine) {
  const store = await openStore(t);
  const told: number[] = [];
  const nowMs = () => Date.UTC(2026, 10, 25, 12, 1);
  const collector = new Collector({engine, store, onProblem: (error) => t.fail(error.message), logBytesMax: () => 100_000, onLost: (_container, lost) => void told.push(lost), nowMs}, new AbortController().signal);
  collector.see([WEB]);
  await engine.ended.promise;
  const texted = await texts(store);
  return {told, numbers: texted.map((text) => Number(/^web\.1 line (\d+) /.exec(text)?.[1])), texted};
}

test('what the engine has skipped and still has is asked for, and comes once', async (t) => {
  const engine = new SkippingEngine({first: [...lines(0, 1_000), ...lines(3_000, 4_000)], kept: lines(0, 5_000)});
  const {told, numbers} = await collectSkipping(t, engine);
  t.deepEqual(told, []);
  t.deepEqual(numbers, Array.from({length: 5_000}, (_, index) => index));
  t.deepEqual(engine.asked, [undefined, at(0.989)]);
});

test('of what the engine has skipped, that is told as lost which it has not any more', async (t) => {
  const engine = new SkippingEngine({first: [...lines(0, 1_000), ...lines(3_000, 4_000)], kept: lines(2_000, 5_000)});
  const {told, numbers, texted} = await collectSkipping(t, engine);
  t.is(told.length, 1);
  t.true((told[0] ?? 0) > 950 && (told[0] ?? 0) < 1_050, String(told));
  t.deepEqual(numbers.filter((number) => !Number.isNaN(number)), [...Array(1_000).keys(), ...Array.from({length: 3_000}, (_, index) => 2_000 + index)]);
  t.regex(texted[1_000] ?? '', /^logs about \d+ lines of web\.1 are missing here/);
});

test('a pause of one who had fallen behind is none of that', async (t) => {
  const all = [...lines(0, 1_000), ...lines(3_000, 4_000)];
  const {told, numbers} = await collectSkipping(t, new SkippingEngine({first: all, kept: all}));
  t.deepEqual(told, []);
  t.is(numbers.length, 2_000);
});

test('containers that say nothing keep nobody from being read', async (t) => {
  const store = await openStore(t);
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  const engine = {
    async* logBatches(id: string, _: object, signal: AbortSignal): AsyncGenerator<readonly RawLogLine[]> {
      yield [];
      if (id.startsWith('quiet')) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      else yield [{isStderr: false, bytes: Buffer.from(`${at(1)} hello\n`)}];
    },
    async container(): Promise<undefined> {},
  };
  const collector = new Collector({engine, store, onProblem: (error) => t.fail(error.message), logBytesMax: () => 1_000_000, onLost: () => t.fail()}, ending.signal);
  collector.see([...Array.from({length: 20}, (_, n) => ({...WEB, id: `quiet${n}` as ContainerId, partition: `quiet.${n}`})), WEB]);
  await until('it is read', async () => (await texts(store)).length === 1);
  t.deepEqual(await texts(store), ['web.1 hello']);
});
