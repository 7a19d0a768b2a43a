import {stat} from 'node:fs/promises';
import path from 'node:path';
import type {CaddyAdmin} from '../adapters/caddy.ts';
import {readIfThere} from '../adapters/files.ts';
import type {Layout} from '../layout.ts';
import {structureOf} from '../router/caddy/config.ts';
import {routerFiles} from '../router/files.ts';
import type {DesiredSystem} from '../desired/state.ts';
import type {NodeSettings} from '../settings.ts';
import {currentShift} from '../router/shifts.ts';
import type {LeavingShift, ObservedSystem} from './system.ts';
import type {RouteStructure} from './structure.ts';

/** One Caddy among those that take over from each other: its files and itself. */
export interface ShiftAccess {
  readonly layout: Layout;
  readonly caddy: CaddyAdmin;
}

/** Which of the Caddys are there. */
export interface ShiftsSeen {
  /** Absent: none. */
  readonly current: number | undefined;
  /** That run and are older. */
  readonly leaving: readonly number[];
  /** Roles of which somebody has paused the container that counts: nobody is asked whose answer could only be waited for. Absent: none. */
  readonly paused?: readonly DesiredSystem['role'][];
}

export function shiftsIn(system: readonly ObservedSystem[]): ShiftsSeen {
  const shifts = system.filter(({role}) => role === 'router');
  const current = currentShift(shifts)?.shift;
  const paused = (['router', 'dns', 'tcp'] as const).filter((role) => currentShift(system.filter((one) => one.role === role))?.state === 'paused');
  return {current, ...(paused.length > 0 && {paused}), leaving: shifts.filter(({shift, state}) => current !== undefined && shift < current && state === 'running').map(({shift}) => shift).toSorted((a, b) => a - b)};
}

export interface LeavingLook extends LeavingShift {
  /** By `host:port` of the upstream, as Caddy names them. */
  readonly upstreams: ReadonlyMap<string, number>;
}

/** One that no longer answers is not known to have no requests. Rejects only when the signal is aborted. */
export async function lookAtLeaving({layout, caddy}: ShiftAccess, signal: AbortSignal): Promise<LeavingLook> {
  const [closedAtMs, upstreams] = await Promise.all([closedSince(layout), caddy.requestsInFlight(signal).catch(() => undefined)]);
  signal.throwIfAborted();
  const inFlight = upstreams && [...upstreams.values()].reduce((sum, count) => sum + count, 0);
  return {...(closedAtMs !== undefined && {closedAtMs}), ...(inFlight !== undefined && {inFlight}), upstreams: upstreams ?? new Map()};
}

/** A Caddy that closes its listeners removes their sockets: nothing else has been made or removed in its folder since then. */
async function closedSince(layout: Layout): Promise<number | undefined> {
  const {holdSocket} = routerFiles(layout);
  const [socket, folder] = await Promise.all([holdSocket, path.dirname(holdSocket)].map((name) => stat(name).catch(() => undefined)));
  return socket === undefined ? folder?.mtimeMs ?? 0 : undefined;
}

/** What a Caddy starts from. The file is read again when it was written again. */
export class ConfigFile {
  #read: {readonly mark: string; readonly structure: RouteStructure | undefined} | undefined;

  /** Undefined: not there, or not exactly what we would write for these settings. */
  async structure(settings: NodeSettings, layout: Layout, signal: AbortSignal): Promise<RouteStructure | undefined> {
    const files = routerFiles(layout);
    const seen = await stat(files.caddyConfig).catch(() => undefined);
    if (seen === undefined) return undefined;
    const mark = `${files.caddyConfig} ${seen.ino} ${seen.mtimeMs} ${seen.size}`;
    if (this.#read?.mark !== mark) this.#read = {mark, structure: structureOf(parsed(await readIfThere(files.caddyConfig, signal)), settings, files)};
    return this.#read.structure;
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
