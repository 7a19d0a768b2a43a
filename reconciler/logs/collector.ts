import type {AppName, ContainerId} from '../../schemas/ids.ts';
import type {Engine, EngineLogs, RawLogLine} from '../adapters/engine.ts';
import {LostLines} from './lost.ts';
import {middleOf, msOf, record} from './record.ts';
import {resumeOf} from './resume.ts';
import type {LogStore} from './store.ts';

/** A container whose log is kept. */
export interface LoggedContainer {
  readonly id: ContainerId;
  readonly app: AppName;
  /** `web.1` */
  readonly name: string;
  /** Where its lines go to: mostly its name. */
  readonly partition: string;
  readonly release?: number;
  readonly createdAtMs: number;
  /** Of its present or last run. */
  readonly startedAtMs: number;
}

export interface CollectorOptions {
  readonly engine: EngineLogs & Pick<Engine, 'container'>;
  readonly store: LogStore;
  onProblem(error: Error): void;
  /** Bytes of one of the engine's two files of a container. */
  logBytesMax(): number;
  /** About so many lines came faster than they could be read, since this was last told. */
  onLost(container: LoggedContainer, lines: number): void;
  /** Default: now. */
  nowMs?(): number;
}

/** Digits of an id that name a container well enough. */
const ID_LENGTH = 12;
/** Logs that are looked into at once at a start: each makes the engine read a file from its beginning. */
const OPENINGS_MAX = 4;
/** The engine went away, or the disk is full: tried again this often. */
const RETRY_MS = 1_000;
/** What is lost is an event, but not one a second. */
const LOST_EVERY_MS = 60_000;
/** A container is not kept from being removed for longer than this because its log is still being read. */
export const DRAIN_MS_MAX = 10_000;
const AT_BYTES = '2026-11-25T19:54:23.123456789Z'.length;

/**
 * Brings the logs of containers into the store, each line once: also after a kill of ours, or of the engine, it goes on after the last line
 * that the store has. Reads no faster than the store can write.
 */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #signal: AbortSignal;
  /** By run of a container. Present: being read, or read to its end. */
  readonly #runs = new Map<string, Promise<void>>();
  readonly #lost = new Map<ContainerId, {readonly lines: number; readonly atMs: number}>();
  #openings = 0;
  readonly #queue: (() => void)[] = [];

  constructor(options: CollectorOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** All containers that there are. Called after each look. */
  see(containers: readonly LoggedContainer[]): void {
    const keys = new Set(containers.map(keyOf));
    const ids = new Set(containers.map(({id}) => id));
    for (const id of this.#lost.keys()) if (!ids.has(id)) this.#lost.delete(id);
    for (const key of this.#runs.keys()) if (!keys.has(key)) this.#runs.delete(key);
    for (const container of containers) if (!this.#runs.has(keyOf(container))) this.#runs.set(keyOf(container), this.#collect(container));
  }

  /** Resolves when all that a container wrote is in the store, as far as can be: before it is removed. It must have stopped. */
  async drained(id: string): Promise<void> {
    const runs = [...this.#runs].filter(([key]) => key.startsWith(`${id} `)).map(([, run]) => run);
    if (runs.length === 0) return;
    const {promise: tooLong, resolve} = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, DRAIN_MS_MAX);
    await Promise.race([Promise.all(runs), tooLong]).finally(() => clearTimeout(timer));
  }

  async #collect(container: LoggedContainer): Promise<void> {
    const {engine, onProblem} = this.#options;
    let told = '';
    let skipped: Missing | undefined;
    while (!this.#signal.aborted) {
      try {
        skipped = await this.#read(container, skipped);
        if (skipped !== undefined) continue;
        // The stream ends with the container, but also with the engine.
        const there = await engine.container(container.id, this.#signal);
        if (there?.status !== 'running' || there.startedAtMs !== container.startedAtMs) return;
      } catch (error) {
        if (this.#signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        if (message !== told) onProblem(new Error(`the log of ${container.name} of ${container.app} can't be read: ${message}`, {cause: error}));
        told = message;
      }
      await pause(RETRY_MS, this.#signal);
    }
  }

  /**
   * Until the stream ends, or has skipped something: a reader that is behind when the engine changes files twice goes on with the newest one, and
   * leaves out what it has and could still tell (26.1.5). It is asked anew then, from the last line on; `skipped` is what was seen of it. Each time
   * brings half a file at least, so that this comes to an end.
   */
  async #read(container: LoggedContainer, skipped: Missing | undefined): Promise<Missing | undefined> {
    const {engine, store} = this.#options;
    const {app, name, partition, release, createdAtMs} = container;
    const giveBack = await this.#opening();
    try {
      const id = container.id.slice(0, ID_LENGTH);
      const {since, known, lastAt} = await resumeOf(await store.partition(app, partition), {container: id, createdAtMs});
      const origin = {source: 'app', name, container: id, ...(release !== undefined && {release})} as const;
      const middles = {stdout: middleOf(origin, 'stdout'), stderr: middleOf(origin, 'stderr')};
      let left = known;
      let hole = skipped;
      const lost = new LostLines(this.#options.logBytesMax());
      for await (const batch of engine.logBatches(container.id, since === undefined ? {} : {since}, this.#signal)) {
        giveBack();
        let fresh = batch;
        while (left > 0 && fresh.length > 0) {
          const [first] = fresh;
          if (first === undefined || first.bytes.toString('latin1', 0, AT_BYTES) > lastAt) left = 0;
          else {
            fresh = fresh.slice(1);
            left -= 1;
            // It has what was before, and so what came after it: nothing is missing.
            hole = undefined;
          }
        }
        const [first] = fresh;
        if (hole !== undefined && first !== undefined) await this.#tellLost(container, missingUntil(first, hole, lastAt));
        if (first !== undefined) hole = undefined;
        const {lines, missing} = untilHole(fresh, lost, this.#options.nowMs?.() ?? Date.now());
        await store.append(app, partition, toRecords(lines, middles));
        if (missing === undefined) continue;
        await store.written(app);
        return missing;
      }
      await store.written(app);
      return undefined;
    } finally {
      giveBack();
    }
  }

  async #tellLost(container: LoggedContainer, {lines, at}: Missing): Promise<void> {
    const {app, name, partition} = container;
    await this.#options.store.append(app, partition, record(at, {source: 'flynn', name: 'logs'}, `about ${lines} lines of ${name} are missing here: they came faster than the engine's log could be read`));
    const told = this.#lost.get(container.id) ?? {lines: 0, atMs: 0};
    const sum = told.lines + lines;
    const isDue = Date.now() - told.atMs >= LOST_EVERY_MS;
    this.#lost.set(container.id, {lines: isDue ? 0 : sum, atMs: isDue ? Date.now() : told.atMs});
    if (isDue) this.#options.onLost(container, sum);
  }

  /** Resolves when there is room to open a log; the answer gives it back, once. */
  async #opening(): Promise<() => void> {
    if (this.#openings >= OPENINGS_MAX) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#openings += 1;
    let isGiven = false;
    const giveBack = () => {
      if (isGiven) return;
      isGiven = true;
      this.#openings -= 1;
      this.#queue.shift()?.();
    };
    return giveBack;
  }
}

/** About so many lines before the one of that time. */
interface Missing {
  readonly lines: number;
  readonly at: string;
}

/** Those before which nothing seems to be missing, and what is missing after them. */
function untilHole(lines: readonly RawLogLine[], lost: LostLines, nowMs: number): {readonly lines: readonly RawLogLine[]; readonly missing?: Missing} {
  for (const [index, line] of lines.entries()) {
    const count = lost.see(line.bytes, nowMs);
    if (count > 0) return {lines: lines.slice(0, index), missing: {lines: count, at: atOf(line)}};
  }
  return {lines};
}

/** Of what was skipped, what is not there any more: as much of it as the hole is still wide. */
function missingUntil(first: RawLogLine, {lines, at}: Missing, lastAt: string): Missing {
  const wideMs = Math.max(1, msOf(at) - msOf(lastAt));
  const leftMs = Math.min(wideMs, Math.max(0, msOf(atOf(first)) - msOf(lastAt)));
  return {lines: Math.max(1, Math.round(lines * leftMs / wideMs)), at: atOf(first)};
}

function atOf({bytes}: RawLogLine): string {
  return bytes.toString('latin1', 0, AT_BYTES);
}

function keyOf({id, startedAtMs}: LoggedContainer): string {
  return `${id} ${startedAtMs}`;
}

function toRecords(lines: readonly RawLogLine[], {stdout, stderr}: {readonly stdout: Buffer; readonly stderr: Buffer}): Buffer {
  const records = Buffer.allocUnsafe(lines.reduce((sum, {bytes, isStderr}) => sum + bytes.length + (isStderr ? stderr : stdout).length - 1, 0));
  let at = 0;
  for (const {bytes, isStderr} of lines) {
    at += bytes.copy(records, at, 0, AT_BYTES);
    at += (isStderr ? stderr : stdout).copy(records, at);
    // The space after the time is in what came between.
    at += bytes.copy(records, at, AT_BYTES + 1);
  }
  return records;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, {once: true});
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
