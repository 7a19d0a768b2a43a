import {createHash} from 'node:crypto';
import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:net';
import path from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {startTicksOf} from './proc.ts';

/** Keeps everybody else from running a node with this data directory, until released or until this process ends. */
interface NodeLock {
  release(): Promise<void>;
}

/** `pid` is undefined in the instant between taking the lock and writing the file. */
export interface Holder {
  readonly pid?: number;
}

const TRIES_MAX = 10;
const RETRY_MS = 50;

/**
 * The lock is an abstract unix socket (unix(7)): the kernel gives it to one process only and takes it back when that dies, which no
 * file can promise. The pid file says who it is.
 */
export async function lockNode({root, pidFile}: {readonly root: string; readonly pidFile: string}): Promise<NodeLock | {readonly holder: Holder}> {
  for (let tries = 0; ; tries++) {
    const server = await listen(lockName(root));
    if (server !== undefined) return locked(server, pidFile);
    const pid = await readPid(pidFile);
    if (pid !== undefined) return {holder: {pid}};
    // Its holder is about to write its pid, or has just released it while a child that was being started still had a copy.
    if (tries === TRIES_MAX) return {holder: {}};
    await setTimeout(RETRY_MS);
  }
}

async function locked(server: Server, pidFile: string): Promise<NodeLock> {
  await mkdir(path.dirname(pidFile), {recursive: true, mode: 0o700});
  await writePid(pidFile, process.pid);
  return {
    release: async () => {
      await rm(pidFile, {force: true});
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

/** Undefined when another process listens there. */
async function listen(name: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  const isTaken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(true) : reject(error)));
    server.listen(name, () => resolve(false));
  });
  return isTaken ? undefined : server.unref();
}

/** The living process that a pid file means: one with this pid that began when the file says. Undefined for a stale file and for none. */
export async function readPid(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, pid, startTicks] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
  if (pid === undefined) return undefined;
  return (await startTicksOf(Number(pid))) === startTicks ? Number(pid) : undefined;
}

/** Throws when there is no such process. */
export async function writePid(file: string, pid: number): Promise<void> {
  const startTicks = await startTicksOf(pid);
  if (startTicks === undefined) throw new Error(`process ${pid} ended before its pid file was written`);
  await writeFile(`${file}.new`, `${pid} ${startTicks}\n`);
  await rename(`${file}.new`, file);
}

function lockName(root: string): string {
  return `\0flynn-${createHash('sha256').update(path.resolve(root)).digest('hex').slice(0, 32)}`;
}
