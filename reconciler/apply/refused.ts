import {setTimeout as wait} from 'node:timers/promises';
import {routerFiles, shiftLayout} from '../router/files.ts';
import type {RouteStructure, StructuredHost} from '../observed/structure.ts';
import {lastWords, removeShift, writeShift, type RefusedHost, type ShiftWorld} from './shift.ts';

/** No shift has this number: what is tried with it is never started. */
const TRIAL = 0;
const TRIAL_MS_MAX = 20_000;
const LOOK_MS = 20;
/** A bad host among a thousand takes some twenty. */
const TRIALS_MAX = 100;

/**
 * Which hosts it is because of that Caddy refuses a configuration: none when it is not because of hosts. They are tried by halves, each time by a Caddy that only
 * reads its configuration. With their causes, in Caddy's words.
 */
export async function refusedHosts(structure: RouteStructure, world: ShiftWorld, signal: AbortSignal): Promise<readonly RefusedHost[]> {
  let trials = 0;
  const among = async (hosts: readonly StructuredHost[]): Promise<readonly RefusedHost[]> => {
    trials += 1;
    if (trials > TRIALS_MAX) return [];
    const cause = await tried({...structure, hosts}, world, signal);
    if (cause === undefined) return [];
    const [only] = hosts;
    if (only === undefined) return [];
    if (hosts.length === 1) return [{host: only, cause}];
    const middle = Math.ceil(hosts.length / 2);
    return [...await among(hosts.slice(0, middle)), ...await among(hosts.slice(middle))];
  };
  // Whoever refuses it without any host refuses it with each.
  if (await tried({...structure, hosts: []}, world, signal) !== undefined) return [];
  return among(structure.hosts);
}

/** What Caddy says against it; undefined: nothing. */
async function tried(structure: RouteStructure, world: ShiftWorld, signal: AbortSignal): Promise<string | undefined> {
  const {engine, layout} = world;
  await writeShift({shift: TRIAL, structure}, world, signal);
  const id = await engine.run({...world.spec(TRIAL), command: ['caddy', 'validate', '--config', routerFiles(shiftLayout(layout, TRIAL)).caddyConfig]}, signal);
  try {
    const endMs = performance.now() + TRIAL_MS_MAX;
    for (;;) {
      const seen = await engine.container(id, signal);
      if (seen?.status === 'exited') return seen.exitCode === 0 ? undefined : await lastWords(id, engine, signal);
      if (performance.now() > endMs) throw new Error(`Caddy did not read a configuration within ${TRIAL_MS_MAX} ms`);
      await wait(LOOK_MS, undefined, {signal});
    }
  } finally {
    await removeShift({id, shift: TRIAL}, world, signal);
  }
}
