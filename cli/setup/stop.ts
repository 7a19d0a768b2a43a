import {setTimeout} from 'node:timers/promises';
import type Docker from 'dockerode';
import type {Layout} from '../../reconciler/layout.ts';
import {Failure} from '../command.ts';
import {type DockerdPlace} from './dockerd.ts';
import {inParallel} from './in-parallel.ts';
import {deadline, ourContainers, type OurContainer} from './ours.ts';
import {readPid} from './pid-file.ts';

type Print = (line: string) => void;

/** The reconciler cancels builds and waits for what it has begun. It survives a kill, so that is no harm if it takes longer. */
const RECONCILER_STOP_MS = 30_000;
const DOCKERD_STOP_MS = 30_000;
/** More at once make the engine no faster (measured). */
const PARALLEL_MAX = 8;
const STOP_GRACE_MS_DEFAULT = 30_000;
/** What containers of the platform get: they hold nothing. */
const PLATFORM_GRACE_MS = 10_000;

/** Resolves to whether one ran. */
export async function stopReconciler({pidFile}: Pick<Layout, 'pidFile'>, print: Print, signal: AbortSignal): Promise<boolean> {
  const pid = await readPid(pidFile);
  if (pid === undefined) return false;
  print(`stopping the reconciler (process ${pid})`);
  await endProcess({pid, pidFile, graceMs: RECONCILER_STOP_MS}, signal);
  return true;
}

/** Apps first, with their own grace; then what routes to them. Removes them too: the next start makes new ones. */
export async function removeContainers({docker, instance, print}: {readonly docker: Docker; readonly instance: string; readonly print: Print}, signal: AbortSignal): Promise<number> {
  const all = await ourContainers(docker, instance, signal);
  const isPlatform = ({role}: OurContainer) => role === 'router' || role === 'dns' || role === 'tcp';
  const groups = [all.filter((container) => !isPlatform(container)), all.filter(isPlatform)];
  for (const group of groups) {
    await inParallel(group, PARALLEL_MAX, async (container) => {
      if (container.isRunning) print(`stopping ${container.name}`);
      await removeContainer(docker, {container, graceMs: isPlatform(container) ? PLATFORM_GRACE_MS : graceMsOf(container.facts)}, signal);
    });
  }
  return all.length;
}

/** Stops the engine if we started it, and only if nothing of anybody else runs in it. Says what it does. */
export async function stopDockerd({docker, place, print}: {readonly docker: Docker; readonly place: DockerdPlace; readonly print: Print}, signal: AbortSignal): Promise<void> {
  const pid = await readPid(place.pidFile);
  if (pid === undefined) return;
  const running = await docker.listContainers({abortSignal: deadline(signal)});
  if (running.length > 0) {
    print(`the Docker Engine that flynn started goes on: ${running.length} containers that are not ours run in it`);
    return;
  }
  print(`stopping the Docker Engine that flynn started (process ${pid})`);
  await endProcess({pid, pidFile: place.pidFile, graceMs: DOCKERD_STOP_MS}, signal);
}

async function removeContainer(docker: Docker, {container, graceMs}: {readonly container: OurContainer; readonly graceMs: number}, signal: AbortSignal): Promise<void> {
  const handle = docker.getContainer(container.id);
  // 304: stopped already; 404, 409: somebody else removes it.
  const tolerated = [304, 404, 409];
  const unlessTolerated = (error: {statusCode?: number}) => {
    if (error.statusCode === undefined || !tolerated.includes(error.statusCode)) throw error;
  };
  if (container.isRunning) {
    await handle.stop({t: Math.ceil(graceMs / 1000), abortSignal: deadline(signal, graceMs + 20_000)}).catch(unlessTolerated);
  }
  await handle.remove({force: true, v: true, abortSignal: deadline(signal)}).catch(unlessTolerated);
}

/** SIGTERM, then SIGKILL after `graceMs`. The pid file keeps us from hitting another process that got the number. */
async function endProcess({pid, pidFile, graceMs}: {readonly pid: number; readonly pidFile: string; readonly graceMs: number}, signal: AbortSignal): Promise<void> {
  for (const [name, waitMs] of [['SIGTERM', graceMs], ['SIGKILL', 5000]] as const) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw new Failure(`process ${pid} can't be stopped: ${error instanceof Error ? error.message : String(error)}`, {advice: ['run this as root'], cause: error});
    }
    const late = AbortSignal.timeout(waitMs);
    while (!late.aborted) {
      if ((await readPid(pidFile)) !== pid) return;
      await setTimeout(50, undefined, {signal});
    }
  }
  throw new Failure(`process ${pid} does not even end by SIGKILL`, {advice: ['it waits for a disk or the kernel: look at dmesg']});
}

/** As the container itself was labelled, whatever became of its manifest. */
export function graceMsOf(facts: string | undefined): number {
  try {
    const {stopGraceMs} = JSON.parse(facts ?? '{}') as {readonly stopGraceMs?: unknown};
    return typeof stopGraceMs === 'number' && stopGraceMs >= 0 ? stopGraceMs : STOP_GRACE_MS_DEFAULT;
  } catch {
    return STOP_GRACE_MS_DEFAULT;
  }
}
