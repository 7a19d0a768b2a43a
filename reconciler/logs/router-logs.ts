import {readdir, rm} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as wait} from 'node:timers/promises';
import {anySignal} from '../any-signal.ts';
import {followRouterLog, newestOf, type RouterLogOptions} from './router-log.ts';

export interface RouterLogsOptions extends Omit<RouterLogOptions, 'file' | 'placeFile' | 'told'> {
  /** Each Caddy has a folder in it, whose name is a number, with its access log. */
  readonly folder: string;
  /** Where is written down how far each one was read. */
  readonly placeFolder: string;
  readonly fileOf: (shift: number) => string;
}

/** How soon the log of a Caddy that has just started is found. */
const LOOK_MS = 500;

/** Follows the access logs of all Caddys that there are. Ends by the signal. */
export async function followRouterLogs(options: RouterLogsOptions, signal: AbortSignal): Promise<void> {
  const {folder, placeFolder, fileOf, onProblem} = options;
  const told = await newestOf(options.store);
  const following = new Map<number, {readonly ending: AbortController; readonly ended: Promise<void>}>();
  const placeFileOf = (shift: number) => path.join(placeFolder, `${shift}.json`);
  while (!signal.aborted) {
    const there = new Set(await numbersIn(folder));
    for (const shift of there) {
      if (following.has(shift)) continue;
      const ending = new AbortController();
      const ended = followRouterLog({...options, told, file: fileOf(shift), placeFile: placeFileOf(shift)}, anySignal([signal, ending.signal])).catch(onProblem);
      following.set(shift, {ending, ended});
    }
    for (const [shift, {ending, ended}] of following) {
      if (there.has(shift)) continue;
      following.delete(shift);
      ending.abort();
      // A later one may have the same number. Not before this one has written it for the last time.
      void ended.then(() => rm(placeFileOf(shift), {force: true})).catch(onProblem);
    }
    await wait(LOOK_MS, undefined, {signal}).catch(() => {});
  }
}

async function numbersIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
