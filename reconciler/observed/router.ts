import {stat} from 'node:fs/promises';
import {setTimeout as wait} from 'node:timers/promises';
import type {UnboundControl} from '../adapters/unbound.ts';
import type {Layout} from '../layout.ts';
import {maintenanceTarget, structureOf} from '../router/caddy/config.ts';
import {routerFiles} from '../router/files.ts';
import {addressOf, GENERATION_NAME, isStreamName} from '../router/names.ts';
import {answered, generationOf, keyOf, tableOf} from '../router/records.ts';
import {ROUTER_LETS_GO_MS} from '../router/times.ts';
import {unknownTarget} from '../router/unbound-config.ts';
import type {DesiredSystem} from '../desired/state.ts';
import type {NodeSettings} from '../settings.ts';
import {ConfigFile, lookAtLeaving, type LeavingLook, type ShiftAccess, type ShiftsSeen} from './shifts.ts';
import type {NameTable, ObservedRouter} from './state.ts';
import type {RouteStructure} from './structure.ts';

interface ObserverWorld {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly unbound: UnboundControl;
  shift(number: number): ShiftAccess;
  /** As of `ObservedRouter`. Absent: none is known. */
  refused?(): ReadonlyMap<string, string>;
}

/** What both servers say of themselves in short; comparing two of them tells whether anything changed. */
type Marks =
  | {readonly state: 'unreachable'; readonly error: string; readonly silent: readonly DesiredSystem['role'][]}
  | {readonly state: 'ready'; /** Of Caddy's configuration. */ readonly config: string; /** Absent: records are being changed, or were lost. */ readonly generation: string | undefined};

/**
 * All records are listed at least this often, because a record changed by hand does not change the generation.
 * Listing 1,000 hosts with three replicas each takes some 10 ms, asking for the generation takes less than 1.
 */
const LIST_EVERY_MS = 10_000;
/** Calls of `isAsLeft`, which the loop makes each second. */
const LIST_EVERY_LOOKS = 10;
const NO_CADDY = 'no Caddy is there';
/** After that nobody asks any more: no request is in flight for so long. */
const LEFT_KEPT_MS = 3_600_000;

/** Twice as long as Caddy needs, because the file is written before the server is told. */
export const FIRST_LOOK_AFTER_MS = 2 * ROUTER_LETS_GO_MS;

/** Looks at the router. It remembers only what cannot be looked up: when an address left the names. */
export class RouterObserver {
  readonly #world: ObserverWorld;
  #marks: Marks | undefined;
  #shifts: {readonly current: ShiftAccess | undefined; readonly leaving: readonly ShiftAccess[]; readonly paused: readonly DesiredSystem['role'][]} = {current: undefined, leaving: [], paused: []};
  readonly #file = new ConfigFile();
  #names: {readonly table: NameTable; readonly generation: string; readonly listedAtMs: number} | undefined;
  #structure: {readonly mark: string; readonly structure: RouteStructure | undefined} | undefined;
  #published: ReadonlySet<string> = new Set();
  readonly #leftAtMs = new Map<string, number>();
  #publishedStreams: ReadonlySet<string> = new Set();
  readonly #leftStreams = new Set<string>();
  readonly #silentSinceMs = new Map<DesiredSystem['role'], number>();
  #looks = 0;

  constructor(world: ObserverWorld) {
    this.#world = world;
  }

  /** `nowMs`: milliseconds since 1970. Rejects only when the signal is aborted. */
  async observe(nowMs: number, shifts: ShiftsSeen, signal: AbortSignal): Promise<ObservedRouter> {
    this.#shifts = {current: shifts.current === undefined ? undefined : this.#world.shift(shifts.current), leaving: shifts.leaving.map((shift) => this.#world.shift(shift)), paused: shifts.paused ?? []};
    try {
      if (this.#marks === undefined) await this.#waitForTheLastChange(nowMs, signal);
      return await this.#look(nowMs, shifts.leaving, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#names = undefined;
      if (this.#marks?.state !== 'unreachable') this.#marks = {state: 'unreachable', error: (error as Error).message, silent: []};
      return {state: 'unreachable', error: (error as Error).message, silentSinceMs: new Map(this.#silentSinceMs)};
    }
  }

  /**
   * False when the router is not as `observe` last saw it, by whoever's doing: time for a pass. Cheap enough for once
   * a second. A router that is as unreachable as before is as it was left.
   */
  async isAsLeft(signal: AbortSignal): Promise<boolean> {
    const before = this.#marks;
    const marks = await this.#readMarks(signal);
    if (before?.state !== 'ready' || marks.state !== 'ready') return before?.state === marks.state;
    if (before.generation !== marks.generation || before.config !== marks.config) return false;
    this.#looks += 1;
    return this.#looks % LIST_EVERY_LOOKS !== 0 || this.#areNamesAsLeft(signal);
  }

  /** By `host:port` of the upstream, as Caddy names them, through all shifts that `observe` was told of. Rejects when the current one does not answer. */
  async requestsInFlight(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const {current, leaving} = this.#shifts;
    if (current === undefined) throw new Error(NO_CADDY);
    const [counts, ...looks] = await Promise.all([current.caddy.requestsInFlight(signal), ...leaving.map((shift) => lookAtLeaving(shift, signal))]);
    const sum = new Map(counts);
    for (const [upstream, count] of looks.flatMap((look: LeavingLook) => [...look.upstreams])) sum.set(upstream, (sum.get(upstream) ?? 0) + count);
    return sum;
  }

  /**
   * What left the names just before we were killed is in nobody's memory. So the first look comes when Caddy has let go
   * of it in any case: at most `FIRST_LOOK_AFTER_MS` after the names were last written.
   */
  async #waitForTheLastChange(nowMs: number, signal: AbortSignal): Promise<void> {
    const written = await stat(routerFiles(this.#world.layout).records).catch(() => undefined);
    const ageMs = nowMs - (written?.mtimeMs ?? 0);
    if (ageMs < 0) return;
    // A timer knows whole milliseconds only, of its time and of the clock: it may come nearly two of them too early.
    const endMs = performance.now() + FIRST_LOOK_AFTER_MS - ageMs;
    for (let leftMs = FIRST_LOOK_AFTER_MS - ageMs; leftMs > 0; leftMs = endMs - performance.now()) await wait(Math.ceil(leftMs), undefined, {signal});
  }

  async #look(nowMs: number, leaving: readonly number[], signal: AbortSignal): Promise<ObservedRouter> {
    const marks = await this.#readMarks(signal);
    this.#noteSilence(marks, nowMs);
    const {current, leaving: access} = this.#shifts;
    if (marks.state === 'unreachable' || current === undefined) {
      this.#marks = marks;
      throw new Error(marks.state === 'unreachable' ? marks.error : NO_CADDY);
    }
    const {settings} = this.#world;
    const refused = this.#world.refused?.() ?? new Map();
    const [upstreams, structure, file, names, ...looks] = await Promise.all([
      current.caddy.requestsInFlight(signal), this.#structureAt(marks.config, current, signal), this.#file.structure(settings, current.layout, signal), this.#namesAt(nowMs, marks.generation, signal),
      ...access.map((shift) => lookAtLeaving(shift, signal)),
    ]);
    this.#marks = marks;
    this.#noteLeaving(names, nowMs);
    return {
      state: 'ready', names, structure, file, ...(refused.size > 0 && {refused}), leaving: new Map(looks.map(({upstreams: _, ...look}, index) => [leaving[index] ?? 0, look])),
      inFlight: byAddress([upstreams, ...looks.map((look: LeavingLook) => look.upstreams)]), maintenance: maintenanceTarget(settings),
      leftAtMs: new Map(this.#leftAtMs), leftStreams: new Set(this.#leftStreams),
    };
  }

  async #readMarks(signal: AbortSignal): Promise<Marks> {
    const {unbound} = this.#world;
    const {current, paused} = this.#shifts;
    const ask = async <Answer>(role: DesiredSystem['role'], question: () => Promise<Answer>): Promise<Answer> => {
      if (paused.includes(role)) throw new Error(`${role} is paused`);
      return question();
    };
    const [config, generation] = await Promise.allSettled([
      ask('router', () => current?.caddy.mark(signal) ?? Promise.reject(new Error(NO_CADDY))),
      ask('dns', () => unbound.resolveText(GENERATION_NAME, signal)),
    ]);
    signal.throwIfAborted();
    if (config.status === 'fulfilled' && generation.status === 'fulfilled') return {state: 'ready', config: config.value, generation: generation.value};
    const failures = [['router', config] as const, ['dns', generation] as const].flatMap(([role, {status, ...result}]) =>
      (status === 'rejected' && 'reason' in result ? [{role, error: (result.reason as Error).message}] : []));
    return {state: 'unreachable', error: failures.map(({error}) => error).join('; '), silent: failures.map(({role}) => role)};
  }

  #noteSilence(marks: Marks, nowMs: number): void {
    const silent = marks.state === 'unreachable' ? marks.silent : [];
    for (const role of this.#silentSinceMs.keys()) if (!silent.includes(role)) this.#silentSinceMs.delete(role);
    for (const role of silent) if (!this.#silentSinceMs.has(role)) this.#silentSinceMs.set(role, nowMs);
  }

  async #namesAt(nowMs: number, generation: string | undefined, signal: AbortSignal): Promise<NameTable> {
    const known = this.#names;
    if (known !== undefined && known.generation === generation && nowMs - known.listedAtMs < LIST_EVERY_MS) return known.table;
    const whole = tableOf(await this.#world.unbound.listRecords(signal));
    const table = answered(whole, unknownTarget(this.#world.settings));
    // Records changed by hand, or being changed, belong to no generation: they are listed each time until they are put right.
    this.#names = generationOf(whole) === generation ? {table, generation, listedAtMs: nowMs} : undefined;
    return table;
  }

  async #areNamesAsLeft(signal: AbortSignal): Promise<boolean> {
    try {
      const table = tableOf(await this.#world.unbound.listRecords(signal));
      if (this.#names !== undefined && generationOf(table) === this.#names.generation) return true;
    } catch {
      signal.throwIfAborted();
    }
    // The pass that this causes must not take the names from memory.
    this.#names = undefined;
    return false;
  }

  /** Read again when somebody may have changed it: of thousands of hosts it is too much for once a second. */
  async #structureAt(config: string, {layout, caddy}: ShiftAccess, signal: AbortSignal): Promise<RouteStructure | undefined> {
    const mark = `${layout.caddy} ${config}`;
    if (this.#structure?.mark !== mark) this.#structure = {mark, structure: structureOf(await caddy.config(signal), this.#world.settings, routerFiles(layout))};
    return this.#structure.structure;
  }

  #noteLeaving(names: NameTable, nowMs: number): void {
    const published = new Set([...names.values()].flat().map(keyOf));
    for (const key of this.#published) if (!published.has(key)) this.#leftAtMs.set(key, nowMs);
    for (const [key, leftAtMs] of this.#leftAtMs) if (published.has(key) || nowMs - leftAtMs > LEFT_KEPT_MS) this.#leftAtMs.delete(key);
    this.#published = published;
    for (const key of this.#publishedStreams) if (!published.has(key)) this.#leftStreams.add(key);
    for (const key of this.#leftStreams) if (!this.#leftAtMs.has(key)) this.#leftStreams.delete(key);
    this.#publishedStreams = new Set([...names].flatMap(([name, targets]) => (isStreamName(name) ? targets.map(keyOf) : [])));
  }
}

/** Caddy counts by the name that it dialled. What is not one of ours (git, the API) is left out. */
function byAddress(shifts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [dialled, count] of shifts.flatMap((upstreams) => [...upstreams])) {
    const colon = dialled.lastIndexOf(':');
    const address = addressOf(dialled.slice(0, colon));
    if (address === undefined) continue;
    const key = keyOf({address, port: Number(dialled.slice(colon + 1))});
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}
