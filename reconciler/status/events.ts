import {Partition} from '../logs/partition.ts';
import type {FlynnEvent} from './status.ts';

/** Events kept in memory; older ones are on disk. */
const RECENT_MAX = 1_000;
/** History on disk: so many files of this size, some ten thousand events. */
const SEGMENTS_MAX = 8;
const SEGMENT_BYTES_MAX = 512 * 1024;
const READ_BYTES = 128 * 1024;

/** What happened, newest last, and who wants to hear of it at once. The history is on disk, so that it outlives us. */
export class EventLog {
  readonly #history: Partition;
  readonly #recent: FlynnEvent[] = [];
  /** How many there are in the history before the first of the recent ones: its number, as line of the history. */
  #older: number;
  readonly #listeners = new Set<(event: FlynnEvent) => void>();
  /** When the last event of the life before this one was: nobody has told what happened after it. Milliseconds since 1970. */
  readonly lastBeforeMs: number;

  private constructor(history: Partition, lastBeforeMs: number) {
    this.#history = history;
    this.#older = history.end.line;
    this.lastBeforeMs = lastBeforeMs;
  }

  static async open(folder: string): Promise<EventLog> {
    const history = await Partition.open({
      folder,
      segmentBytesMax: () => SEGMENT_BYTES_MAX,
      onWritten: () => {
        if (history.segments.length > SEGMENTS_MAX) history.removeFirst().catch(() => {});
      },
      // Nobody could be told but by an event: they are in memory, and the disk is tried again.
      onProblem: () => {},
    });
    const last = history.segments.at(-1);
    const lines = last === undefined ? [] : eventsIn(await history.readSegment(last));
    return new EventLog(history, Date.parse(lines.at(-1)?.at ?? '') || 0);
  }

  add(event: Omit<FlynnEvent, 'at'> & {readonly at?: string}): void {
    const full: FlynnEvent = {at: new Date().toISOString(), ...event};
    this.#recent.push(full);
    if (this.#recent.length > RECENT_MAX) this.#older += this.#recent.splice(0, this.#recent.length - RECENT_MAX).length;
    if (!this.#history.isFull) this.#history.append(Buffer.from(`${JSON.stringify(full)}\n`));
    for (const listener of this.#listeners) listener(full);
  }

  /** The newest ones. */
  recent(): readonly FlynnEvent[] {
    return [...this.#recent];
  }

  /** What was before the recent ones of this moment, as far as it is kept, oldest first. */
  async *older(): AsyncGenerator<FlynnEvent> {
    const until = this.#older;
    await this.#history.written();
    for (let position = this.#history.start; position.line < until;) {
      const {bytes, next} = await this.#history.read(position, READ_BYTES);
      if (bytes.length === 0) return;
      const events = eventsIn(bytes);
      yield* next.line <= until ? events : events.slice(0, until - position.line);
      position = next;
    }
  }

  listen(listener: (event: FlynnEvent) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), {once: true});
  }

  /** Resolves when the history is on disk. */
  async written(): Promise<void> {
    await this.#history.written();
  }
}

function eventsIn(bytes: Buffer): readonly FlynnEvent[] {
  return bytes.toString('utf8').split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as FlynnEvent];
    } catch {
      // Somebody edited the file.
      return [];
    }
  });
}
