import {open, rm, stat} from 'node:fs/promises';
import {setTimeout as pause} from 'node:timers/promises';

/** Whoever has the lock for longer was killed. */
const LOCK_MS_MAX = 60_000;
const LOCK_PAUSE_MS = 50;

/** Commands of one user that run at the same time do this one after the other: the file `lock` is there while one of them does. Its folder has to exist. */
export async function locked<Value>(lock: string, work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  while (!await isTaken(lock)) await pause(LOCK_PAUSE_MS, undefined, {signal});
  try {
    return await work();
  } finally {
    await rm(lock, {force: true});
  }
}

/** True: the lock is ours now. */
async function isTaken(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const {mtimeMs} = await stat(lock).catch(() => ({mtimeMs: Date.now()}));
    if (Date.now() - mtimeMs > LOCK_MS_MAX) await rm(lock, {force: true});
    return false;
  }
}
