import type {BuildContainer} from '../adapters/build-container.ts';
import {anySignal} from '../any-signal.ts';
import type {BuildLimits} from './build.ts';
import {formatDuration, formatLimit} from './output.ts';
import {readableScript} from './readable.ts';

/** A build that used more than it may. The message is for the pusher. */
export class LimitExceeded extends Error {
  override name = 'LimitExceeded';
}

/** Of one build, at a time. */
export const PROCESSES_MAX = 1024;
/** What one build may print, bytes. All that its pusher has not got yet waits for him in memory, and each line costs us more than it costs the build. */
export const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;

/** Between two looks at the disk, milliseconds. A look takes as long as there are files, hence also a share of time. */
const DISK_EVERY_MS = 2000;
const DISK_SHARE = 10;
/** Looks that may fail one after the other before the build is taken to hide its files. */
const DISK_FAILURES_MAX = 3;

/** A signal for the whole build: the caller's, its time limit, and `exceed` for other limits. */
export function limitSignal({timeMs}: BuildLimits, signal: AbortSignal): {signal: AbortSignal; exceed(limit: LimitExceeded): void; [Symbol.dispose](): void} {
  const limits = new AbortController();
  const timer = setTimeout(() => limits.abort(new LimitExceeded(`the build took longer than ${formatDuration(timeMs)}`)), timeMs);
  return {
    signal: anySignal([signal, limits.signal]),
    exceed: limit => limits.abort(limit),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/** Passes lines on as long as there are not too many of them. */
export function limitedPrint(print: (line: string) => void, exceed: (limit: LimitExceeded) => void): (line: string) => void {
  let leftBytes = OUTPUT_BYTES_MAX;
  return (line) => {
    if (leftBytes < 0) return;
    leftBytes -= Buffer.byteLength(line) + 1;
    if (leftBytes >= 0) print(line);
    else exceed(new LimitExceeded(`the build printed more than ${formatLimit(OUTPUT_BYTES_MAX)}`));
  };
}

/** The caller's signal, aborted also when the scope ends. */
export function abortable(signal: AbortSignal): {signal: AbortSignal; [Symbol.dispose](): void} {
  const own = new AbortController();
  return {signal: anySignal([signal, own.signal]), [Symbol.dispose]: () => own.abort()};
}

export interface DiskWatch {
  /** Bytes on the disk now. */
  measure(signal: AbortSignal): Promise<number>;
  readonly diskBytes: number;
  exceed(limit: LimitExceeded): void;
}

/** Looks at the disk again and again until the signal is aborted; calls `exceed` once when there is too much on it. Never rejects. */
export async function watchDisk({measure, diskBytes, exceed}: DiskWatch, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      const usedBytes = await measure(signal);
      failures = 0;
      if (usedBytes > diskBytes) return exceed(new LimitExceeded(`the build used more than ${formatLimit(diskBytes)} of disk`));
    } catch {
      failures += 1;
      if (failures >= DISK_FAILURES_MAX && !signal.aborted) return exceed(new LimitExceeded('the disk that the build uses could not be measured'));
    }
    await pause(Math.max(DISK_EVERY_MS, DISK_SHARE * (performance.now() - startedAt)), signal);
  }
}

export async function diskBytesOf(container: BuildContainer, signal: AbortSignal): Promise<number> {
  return (await container.writtenBytes(signal)) + (await cacheBytes(container, signal));
}

export async function cacheBytes(container: BuildContainer, signal: AbortSignal): Promise<number> {
  let answer = '';
  // Files come and go while it looks: what is gone counts nothing.
  // What can't be read is not counted, and would be a place to hide in.
  const text = `measure() { du --summarize --block-size=1 /tmp/cache 2>/dev/null; }
bytes=$(measure) || { ${readableScript(['/tmp/cache'])} >/dev/null; bytes=$(measure); }
echo "\${bytes%%[!0-9]*}"`;
  const command = {words: ['bash', '-c', text]};
  for await (const chunk of container.read(command, signal)) answer += Buffer.from(chunk).toString();
  const bytes = Number.parseInt(answer, 10);
  if (Number.isNaN(bytes)) throw new Error(`du answered "${answer.slice(0, 50)}"`);
  return bytes;
}

/** Ends early when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const {promise, resolve} = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), {once: true});
  await promise;
  clearTimeout(timer);
}
