import {createWriteStream} from 'node:fs';
import {mkdir, readdir, rm} from 'node:fs/promises';
import path from 'node:path';
import {once} from 'node:events';

const LOGS_MAX = 20;
const LOG_BYTES_MAX = 2_000_000;

export interface BuildLog {
  /** Absolute path, `…/<number>.log`. */
  readonly file: string;
  write(line: string): void;
  close(): Promise<void>;
}

/** A new log in `folder`, numbered after the newest there; only the newest LOGS_MAX are kept, each of bounded size. */
export async function openBuildLog(folder: string): Promise<BuildLog> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  const numbers = (await readdir(folder)).map(name => Number(/^(\d+)\.log$/.exec(name)?.[1])).filter(Number.isInteger);
  numbers.sort((one, other) => other - one);
  for (const old of numbers.slice(LOGS_MAX - 1)) await rm(path.join(folder, `${old}.log`), {force: true});
  const file = path.join(folder, `${(numbers[0] ?? 0) + 1}.log`);
  const stream = createWriteStream(file, {mode: 0o600, flags: 'wx'});
  let left = LOG_BYTES_MAX;
  // A full disk must not end a build whose output its pusher sees anyway.
  stream.on('error', () => (left = 0));
  return {
    file,
    write(line) {
      if (left <= 0) return;
      left -= Buffer.byteLength(line) + 1;
      stream.write(left > 0 ? `${line}\n` : `… the rest is left out: more than ${LOG_BYTES_MAX} bytes\n`);
    },
    async close() {
      if (stream.destroyed) return;
      stream.end();
      await Promise.race([once(stream, 'close'), once(stream, 'error')]);
    },
  };
}
