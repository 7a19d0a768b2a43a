import type {AppName} from '../../schemas/ids.ts';
import type {LogLine, LogQuery} from '../node.ts';
import type {Partition, Position} from './partition.ts';
import {byTime, Filter} from './query.ts';
import {formatAt, headOf} from './record.ts';
import type {LogStore} from './store.ts';

/** What is read of a partition at a time. */
const CHUNK_BYTES = 128 * 1024;
/** Of many partitions at once, less of each. */
const CHUNKS_BYTES_MAX = 4 * 1024 * 1024;
const CHUNK_BYTES_MIN = 8 * 1024;

/** An app's log in time order. With `follow` it ends only by the signal; who reads slowly makes nothing grow, and is told what he missed. */
export async function* readLog(query: LogQuery, store: LogStore, signal: AbortSignal): AsyncGenerator<LogLine> {
  const filter = new Filter(query);
  // Listening begins before the look, or the lines between the two would be news to nobody.
  const following = new Following(query.app, store, filter, signal);
  await store.written(query.app);
  following.begin();
  const limits = new Map(chosen(query.app, store, filter).map(([name, partition]) => [name, partition.end]));
  if (query.lines === undefined) yield* forward({query, store, filter, limits});
  else yield* await lastLines({query, store, filter, limits}, query.lines);
  if (query.follow) yield* following.lines();
}

interface Reading {
  readonly query: LogQuery;
  readonly store: LogStore;
  readonly filter: Filter;
  /** Where each partition ended when the reading began. */
  readonly limits: ReadonlyMap<string, Position>;
}

function chosen(app: AppName, store: LogStore, filter: Filter): readonly (readonly [string, Partition])[] {
  return [...store.partitions(app)].filter(([name]) => filter.wantsPartition(name));
}

/** From the newest segment of each partition backwards, for as long as that can change the answer. */
async function lastLines({query, store, filter, limits}: Reading, count: number): Promise<readonly LogLine[]> {
  let found: readonly LogLine[] = [];
  if (count === 0) return found;
  for (const [name, partition] of chosen(query.app, store, filter)) {
    const limit = limits.get(name);
    let own: readonly LogLine[] = [];
    for (const segment of partition.segments.toReversed()) {
      if (limit === undefined || segment.firstLine > limit.segment) continue;
      const all = await partition.readSegment(segment);
      const bytes = segment.firstLine === limit.segment ? all.subarray(0, limit.offset) : all;
      own = [...filter.lines(bytes), ...own];
      const oldest = bytes.length === 0 ? '' : headOf(bytes, 0).at;
      const isEnough = own.length >= count || (query.since !== undefined && oldest < query.since);
      if (isEnough || (found.length === count && oldest < (found[0]?.at ?? ''))) break;
    }
    found = [...found, ...own].toSorted(byTime).slice(-count);
  }
  return found;
}

/** From the beginning, or from `since`: a few chunks of each partition are all that is held. */
async function* forward({query, store, filter, limits}: Reading): AsyncGenerator<LogLine> {
  const partitions = chosen(query.app, store, filter);
  const bytesMax = Math.max(CHUNK_BYTES_MIN, Math.min(CHUNK_BYTES, CHUNKS_BYTES_MAX / partitions.length));
  const heads: Head[] = [];
  for (const [name, partition] of partitions) {
    const lines = linesOf(partition, {from: firstSince(partition, query.since), limit: limits.get(name) ?? partition.end, bytesMax}, filter);
    const {value} = await lines.next();
    if (value !== undefined) heads.push({lines, line: value});
  }
  while (heads.length > 0) {
    const first = heads.reduce((earliest, head) => (head.line.at < earliest.line.at ? head : earliest));
    yield first.line;
    const {value} = await first.lines.next();
    if (value === undefined) heads.splice(heads.indexOf(first), 1);
    else first.line = value;
  }
}

interface Head {
  readonly lines: AsyncGenerator<LogLine, undefined>;
  line: LogLine;
}

/** The last segment that may begin before `since`. */
function firstSince(partition: Partition, since: string | undefined): Position {
  const segment = since === undefined ? undefined : partition.segments.find(({writtenAtMs}) => formatAt(writtenAtMs + CLOCK_MS) >= since);
  if (since === undefined) return partition.start;
  return segment === undefined ? partition.end : {segment: segment.firstLine, offset: 0, line: segment.firstLine};
}

/** A file system's times are coarser than ours. */
const CLOCK_MS = 1_000;

async function* linesOf(partition: Partition, {from, limit, bytesMax}: {readonly from: Position; readonly limit: Position; readonly bytesMax: number}, filter: Filter): AsyncGenerator<LogLine, undefined> {
  for (let position = from; position.line < limit.line;) {
    const {bytes, next} = await partition.read(position, bytesMax);
    if (bytes.length === 0) return;
    const isLast = next.segment === limit.segment && next.offset > limit.offset;
    const wanted = isLast ? bytes.subarray(0, bytes.length - (next.offset - limit.offset)) : bytes;
    yield* filter.lines(wanted).toSorted(byTime);
    position = next;
  }
}

/** What comes after a moment. Positions in files are all that is kept: the lines wait on disk. */
class Following {
  readonly #app: AppName;
  readonly #store: LogStore;
  readonly #filter: Filter;
  readonly #signal: AbortSignal;
  readonly #positions = new Map<string, Position>();
  readonly #news = new Set<string>();
  #wake = () => {};

  constructor(app: AppName, store: LogStore, filter: Filter, signal: AbortSignal) {
    this.#app = app;
    this.#store = store;
    this.#filter = filter;
    this.#signal = signal;
    store.listen((changed, partition) => {
      if (changed !== app || !filter.wantsPartition(partition)) return;
      this.#news.add(partition);
      this.#wake();
    }, signal);
    signal.addEventListener('abort', () => this.#wake(), {once: true});
  }

  begin(): void {
    for (const [name, partition] of chosen(this.#app, this.#store, this.#filter)) this.#positions.set(name, partition.end);
  }

  async *lines(): AsyncGenerator<LogLine> {
    while (!this.#signal.aborted) {
      const names = [...this.#news];
      this.#news.clear();
      const found = (await Promise.all(names.map((name) => this.#read(name)))).flat();
      yield* found.toSorted(byTime);
      if (this.#news.size === 0 && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #read(name: string): Promise<readonly LogLine[]> {
    const partition = this.#store.partitions(this.#app).get(name);
    if (partition === undefined) return [];
    const {bytes, next, lost} = await partition.read(this.#positions.get(name) ?? partition.start, CHUNK_BYTES);
    this.#positions.set(name, next);
    // There may be more: this one has its turn again after the others.
    if (bytes.length > 0) this.#news.add(name);
    const lines = this.#filter.lines(bytes);
    return lost === 0 ? lines : [missed(name, lost, lines[0]?.at), ...lines];
  }
}

function missed(name: string, lost: number, at: string | undefined): LogLine {
  return {at: at ?? formatAt(Date.now()), source: 'flynn', name: 'logs', stream: 'stderr', text: `${lost} lines of ${name} are left out: they were removed before they could be sent, because more came than the log may keep`};
}
