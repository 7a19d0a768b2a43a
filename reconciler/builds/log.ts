import {createWriteStream, type WriteStream} from 'node:fs';
import {mkdir, open} from 'node:fs/promises';
import path from 'node:path';
import {once} from 'node:events';

const LOG_BYTES_MAX = 2_000_000;
const READ_BYTES = 64 * 1024;

/** What a build prints, in a file of bounded size. Whoever reads it meanwhile hears of what is new. */
export class BuildLog {
  readonly file: string;
  readonly #stream: WriteStream;
  #left = LOG_BYTES_MAX;
  #changed = Promise.withResolvers<void>();
  #isClosed = false;

  private constructor(file: string) {
    this.file = file;
    this.#stream = createWriteStream(file, {mode: 0o600, flags: 'wx'});
    // A full disk must not end a build whose output its pusher sees anyway.
    this.#stream.on('error', () => (this.#left = 0));
  }

  static async open(file: string): Promise<BuildLog> {
    await mkdir(path.dirname(file), {recursive: true, mode: 0o700}).catch(() => {});
    const log = new BuildLog(file);
    // Whoever reads it from now on finds it; what the disk refuses is noted above.
    await once(log.#stream, 'open').catch(() => {});
    return log;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when there is more to read, or no more will come. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  write(line: string): void {
    if (this.#left <= 0) return;
    this.#left -= Buffer.byteLength(line) + 1;
    this.#stream.write(this.#left > 0 ? `${line}\n` : `… the rest is left out: more than ${LOG_BYTES_MAX} bytes\n`, () => this.#wake());
  }

  async close(): Promise<void> {
    this.#left = 0;
    if (!this.#isClosed && !this.#stream.destroyed) {
      this.#stream.end();
      await Promise.race([once(this.#stream, 'close'), once(this.#stream, 'error')]);
    }
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** The lines of a log; of one that is still being written also those that come, until it is closed. Ends early when the signal is aborted. */
export async function* readLog(file: string, live: BuildLog | undefined, signal: AbortSignal): AsyncGenerator<string> {
  const gone = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => gone.resolve(), {once: true});
  await using handle = await open(file);
  const decoder = new TextDecoder();
  const buffer = Buffer.alloc(READ_BYTES);
  let rest = '';
  for (let at = 0; !signal.aborted;) {
    // Asked before reading: what comes in between is not missed.
    const changed = live?.changed;
    const isWhole = live?.isClosed ?? true;
    const {bytesRead} = await handle.read(buffer, 0, buffer.length, at);
    at += bytesRead;
    const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), {stream: true})).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (bytesRead > 0) continue;
    if (isWhole) break;
    await Promise.race([changed, gone.promise]);
  }
  // Of a reconciler that was killed in the middle of a line.
  if (rest !== '') yield rest;
}
