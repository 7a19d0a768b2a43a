import {spawn} from 'node:child_process';
import {mkdir, open, readFile, rename, rm, stat} from 'node:fs/promises';
import path from 'node:path';
import type {Layout} from '../../reconciler/layout.ts';
import {nameOf, startTicksOf} from './proc.ts';
import {readPid, writePid} from './pid-file.ts';

/** The engine that we started ourselves, where no systemd does. */
export interface DockerdPlace {
  readonly log: string;
  /** Ours, with the start time: tells whether it still runs. */
  readonly pidFile: string;
  /** The last lines of its log when it was started by us and runs no more; undefined while it runs, or never was ours. */
  ended(): Promise<readonly string[] | undefined>;
}

/** The log is begun anew at a start when it is larger. At level `warn` a day is some kilobytes. */
const LOG_BYTES_MAX = 4 << 20;
const LOG_LINES_SHOWN = 8;

export function dockerdPlace({run}: Pick<Layout, 'run'>): DockerdPlace {
  const log = path.join(run, 'dockerd.log');
  const pidFile = path.join(run, 'dockerd.pid');
  return {
    log,
    pidFile,
    async ended() {
      const isOurs = (await readFile(pidFile, 'utf8').catch(() => '')) !== '';
      if (!isOurs || (await readPid(pidFile)) !== undefined) return undefined;
      return (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
    },
  };
}

/** Starts an engine that outlives us, and containers that outlive the engine. */
export async function startDockerd({log, pidFile}: DockerdPlace): Promise<void> {
  await mkdir(path.dirname(log), {recursive: true, mode: 0o700});
  await removeStalePidFiles();
  if (((await stat(log).catch(() => undefined))?.size ?? 0) > LOG_BYTES_MAX) await rename(log, `${log}.1`);
  await using output = await open(log, 'a');
  const child = spawn('dockerd', ['--live-restore', '--log-level=warn', '--host=unix:///var/run/docker.sock'], {
    detached: true, stdio: ['ignore', output.fd, output.fd], cwd: '/',
  });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  if (child.pid === undefined) throw new Error('bug: a spawned process has a pid');
  await writePid(pidFile, child.pid);
}

/** After a kill or a reboot another process may have the number that these files name: the engine would refuse to start. */
async function removeStalePidFiles(): Promise<void> {
  for (const [file, program] of [['/var/run/docker.pid', 'dockerd'], ['/var/run/docker/containerd/containerd.pid', 'containerd']] as const) {
    const pid = Number((await readFile(file, 'utf8').catch(() => '')).trim());
    // A zombie still has its name, and is nobody.
    const isAlive = pid > 0 && (await startTicksOf(pid)) !== undefined && (await nameOf(pid)) === program;
    if (!isAlive) await rm(file, {force: true});
  }
}
