import {spawn} from 'node:child_process';
import {appendFileSync, closeSync, openSync, readFileSync, renameSync, statSync} from 'node:fs';
import path from 'node:path';
import type {Layout} from '../../reconciler/layout.ts';

/** The log and the one before it: so much at most on disk, twice. */
const LOG_BYTES_MAX = 8 << 20;
const LOG_LINES_SHOWN = 20;
/** Set for the process that runs in the background: it writes its log itself, so that it can keep it small. */
export const DETACHED_VARIABLE = 'FLYNN_DETACHED';
const MAIN = path.resolve(import.meta.dirname, '..', 'main.ts');

/** What its parent can know of the process in the background. */
interface Detached {
  readonly pid: number;
  /** The end of what it said when it has ended; undefined while it runs. */
  died(): Promise<readonly string[] | undefined>;
}

/** Starts `flynn up` on this data directory as a process that outlives us and our terminal. */
export async function startDetached({root, log}: Layout, env: NodeJS.ProcessEnv): Promise<Detached> {
  rotate(log);
  const from = statSync(log, {throwIfNoEntry: false})?.size ?? 0;
  const output = openSync(log, 'a', 0o640);
  try {
    const child = spawn(process.execPath, [MAIN, 'up', '--data', root], {
      detached: true, cwd: '/', stdio: ['ignore', output, output], env: {...env, [DETACHED_VARIABLE]: '1'},
    });
    let hasEnded = false;
    child.once('exit', () => (hasEnded = true));
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    return {pid: child.pid ?? 0, died: async () => (hasEnded ? endOf(log, from) : undefined)};
  } finally {
    closeSync(output);
  }
}

/** Writes lines with their time; begins the file anew, keeping the one before, when it gets too large. */
export function logWriter(log: string, now: () => Date): (line: string) => void {
  let size = statSync(log, {throwIfNoEntry: false})?.size ?? 0;
  return (line) => {
    const text = `${now().toISOString()} ${line}\n`;
    if (size + text.length > LOG_BYTES_MAX) {
      renameSync(log, `${log}.1`);
      size = 0;
    }
    appendFileSync(log, text, {mode: 0o640});
    size += text.length;
  };
}

function rotate(log: string): void {
  if ((statSync(log, {throwIfNoEntry: false})?.size ?? 0) > LOG_BYTES_MAX) renameSync(log, `${log}.1`);
}

function endOf(log: string, from: number): readonly string[] {
  const text = readFileSync(log);
  // A log that was begun anew meanwhile is shorter: then all of it is news.
  return text.subarray(text.length < from ? 0 : from).toString().trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
}
