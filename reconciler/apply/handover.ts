import {mkdir, readdir, rm, stat} from 'node:fs/promises';
import {setTimeout as wait} from 'node:timers/promises';
import {ConfigRefused} from '../adapters/caddy.ts';
import {hold} from '../adapters/caddy-hold.ts';
import type {RouteStructure} from '../observed/structure.ts';
import {routerFiles, shiftLayout} from '../router/files.ts';
import {LEAVING_MS} from '../router/times.ts';
import {refusedHosts} from './refused.ts';
import {lastWords, removeShift, writeShift, type ShiftContainer, type ShiftWorld} from './shift.ts';

/** Under full load 5,000 hosts with options took 13 s on two cores. */
const STARTS_MS_MAX = 60_000;
/** After it has stopped taking connections, it closes its listeners at once. */
const CLOSES_MS_MAX = 5_000;
const LOOK_MS = 20;

/**
 * Starts a Caddy with this structure beside the others, on the same ports, and makes it the one that comes back after a reboot. Rejects with a `ConfigRefused` when it
 * does not start; nothing is left of it then, and `onRefused` has been told which hosts it is because of, if it is because of hosts.
 */
export async function handOver({shift, structure, beside}: {readonly shift: number; readonly structure: RouteStructure; readonly beside: readonly number[]}, world: ShiftWorld, signal: AbortSignal): Promise<void> {
  await removeFoldersBut([...beside], world);
  await writeShift({shift, structure}, world, signal);
  const id = await world.engine.run(world.spec(shift), signal);
  try {
    await keepShift({id, shift}, world, signal);
  } catch (error) {
    if (!(error instanceof ConfigRefused)) throw error;
    const refused = await refusedHosts(structure, world, signal);
    world.onRefused(refused);
    const [first] = refused;
    if (first === undefined) throw error;
    throw new ConfigRefused(`Caddy refuses the routes of ${refused.map(({host}) => host.host).join(', ')}: ${first.cause}`, {cause: error});
  }
}

/** Waits until a Caddy that has been started answers. */
export async function keepShift({id, shift}: ShiftContainer, world: ShiftWorld, signal: AbortSignal): Promise<void> {
  try {
    await answers({id, shift}, world, signal);
    await world.engine.setRestart(id, 'always', signal);
  } catch (error) {
    signal.throwIfAborted();
    await removeShift({id, shift}, world, signal);
    throw error;
  }
}

/**
 * Lets a Caddy close its ports. Requests, event streams and websockets that it has go on, for `STREAMS_KEPT_MS` at most. Resolves when it
 * takes no connection any more. Safe to repeat.
 */
export async function retireShift({id, shift}: ShiftContainer, {layout, engine}: Pick<ShiftWorld, 'layout' | 'engine'>, signal: AbortSignal): Promise<void> {
  const {holdSocket} = routerFiles(shiftLayout(layout, shift));
  await hold(holdSocket, signal);
  await engine.send(id, 'SIGTERM', signal);
  // Only one that was told to leave is not to come back.
  await engine.setRestart(id, 'never', signal);
  const endMs = performance.now() + LEAVING_MS + CLOSES_MS_MAX;
  while (await isThere(holdSocket)) {
    if (performance.now() > endMs) throw new Error(`router shift ${shift} was told to leave and did not close its ports within ${LEAVING_MS + CLOSES_MS_MAX} ms`);
    await wait(LOOK_MS, undefined, {signal});
  }
}

async function answers({id, shift}: ShiftContainer, {engine, caddy}: ShiftWorld, signal: AbortSignal): Promise<void> {
  const admin = caddy(shift);
  const endMs = performance.now() + STARTS_MS_MAX;
  for (;;) {
    const isReady = await admin.isReady(signal).catch(() => false);
    signal.throwIfAborted();
    if (isReady) return;
    const seen = await engine.container(id, signal);
    // It would be waited for in vain, and with it whatever else is to be done about the router.
    if (seen?.status === 'running' && seen.isPaused) throw new Error('Caddy was paused by somebody before it had taken over');
    if (seen?.status !== 'running') throw new ConfigRefused(`Caddy did not start with its new configuration: ${await lastWords(id, engine, signal)}`);
    if (performance.now() > endMs) throw new Error(`Caddy was started with a new configuration and did not answer within ${STARTS_MS_MAX} ms`);
    await wait(LOOK_MS, undefined, {signal});
  }
}

/** What is left of containers that somebody removed. */
async function removeFoldersBut(shifts: readonly number[], {layout}: ShiftWorld): Promise<void> {
  await mkdir(layout.caddy, {recursive: true, mode: 0o700});
  for (const name of await readdir(layout.caddy)) {
    if (/^\d+$/.test(name) && !shifts.includes(Number(name))) await rm(shiftLayout(layout, Number(name)).caddy, {recursive: true, force: true});
  }
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).catch(() => undefined) !== undefined;
}
