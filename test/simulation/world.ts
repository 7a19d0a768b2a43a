import type {AppName, CommitId, ServiceName, SpecHash, TreeId} from '../../schemas/ids.ts';
import type {ContainerRecord} from '../../reconciler/adapters/engine.ts';
import {changed} from '../../reconciler/apply/cron-books.ts';
import {execute, type World} from '../../reconciler/apply/executors.ts';
import {restarted, type RestartNote} from '../../reconciler/desired/restarted.ts';
import type {DesiredApp, DesiredService, DesiredState, ResolvedApp, Strategy} from '../../reconciler/desired/state.ts';
import {toJob, toReplica} from '../../reconciler/observed/containers.ts';
import {NetworkObserver} from '../../reconciler/observed/networks.ts';
import {nextHealth, type HealthHistory} from '../../reconciler/observed/health.ts';
import type {CronBook, DeployRecord, Health, NameTable, ObservedContainer, ObservedState} from '../../reconciler/observed/state.ts';
import type {RouteStructure} from '../../reconciler/observed/structure.ts';
import {actionKey, type Action, type Plan} from '../../reconciler/plan/action.ts';
import {plan} from '../../reconciler/plan/plan.ts';
import {FakeEngine, type Fault} from '../support/fake-engine.ts';
import {app, image, service} from '../support/make.ts';

const INSTANCE = 'flynn';
const NO_ROUTES: RouteStructure = {hosts: []};
const never = new AbortController().signal;

/**
 * A release of the simulation: `bad` ones crash at once, `slow` ones take their time to get healthy, `sick` ones never do, of `partly` bad
 * ones only the first replica works.
 */
export type Kind = 'good' | 'slow' | 'bad' | 'sick' | 'partly';

/** What the manifests of the one app say. */
export interface Wish {
  readonly release: number;
  /** Of web, and of a worker without a port. */
  readonly replicas: {readonly web: number; readonly worker: number};
  /** Of a release that is not known yet. */
  readonly kinds: {readonly web: Kind; readonly worker: Kind};
  readonly strategy: Strategy;
  readonly isSuspended: boolean;
}

/**
 * One node in memory with a virtual clock: the real planner, executors, labels and health rules over a fake engine, DNS
 * server and disk, each of which may refuse a change or lose the answer.
 */
export class SimulatedNode {
  nowMs = 10_000_000;
  readonly engine: FakeEngine;
  readonly random: () => number;
  readonly kinds = new Map<string, Kind>();
  isFaulty = true;
  /** Copies of a service that the node has room for: what others have, who are of a higher class, takes some away. */
  room = Infinity;
  wanted: readonly DesiredApp[] = [];
  /** Replicas that somebody asked to be restarted. */
  notes: readonly RestartNote[] = [];
  names: NameTable = new Map();
  readonly #world: World;
  readonly #journal = new Map<AppName, DeployRecord>();
  readonly #crons = new Map<AppName, CronBook>();
  readonly #histories = new Map<string, HealthHistory>();
  readonly #leftAtMs = new Map<string, number>();
  /** Stops that take their time: container id → when it ends. */
  readonly #stopping = new Map<string, {readonly key: string; readonly endsAtMs: number}>();

  constructor(random: () => number) {
    this.random = random;
    const nextFault = (): Fault => {
      const roll = this.isFaulty ? random() : 1;
      return roll < 0.12 ? 'refused' : roll < 0.24 ? 'answer-lost' : 'none';
    };
    const faultily = async (change: () => void) => {
      const fault = nextFault();
      if (fault === 'refused') throw new Error('injected: refused');
      change();
      if (fault === 'answer-lost') throw new Error('injected: answer lost');
    };
    this.engine = new FakeEngine({nextFault, nowMs: () => this.nowMs});
    this.#world = {
      engine: this.engine,
      journal: {
        records: this.#journal,
        write: (record) => faultily(() => this.#journal.set(record.app, record)),
        forget: (name) => faultily(() => this.#journal.delete(name)),
      },
      crons: {
        write: ({app: name, cron, runs, next}) => faultily(() => {
          const crons = this.#crons.get(name)?.crons ?? {};
          this.#crons.set(name, {app: name, crons: {...crons, [cron]: changed(crons[cron] ?? {runs: []}, runs, next)}});
        }),
        forgetCron: (name, cron) => faultily(() => {
          const {[cron]: _, ...others} = this.#crons.get(name)?.crons ?? {};
          this.#crons.set(name, {app: name, crons: others});
        }),
        forget: (name) => faultily(() => this.#crons.delete(name)),
      },
      router: {
        publishNames: (names) => faultily(() => this.#publish(names)),
        handOver: async () => {},
        keepShift: async () => {},
        retireShift: async () => {},
        removeShift: async () => {},
        loadRoutes: async () => {},
        loadTcp: async () => {},
      },
      certificates: {write: async () => {}, remove: async () => {}, order: async () => {}, publishRedirects: async () => {}},
      images: {rebuild: async () => {}, pull: async () => {}},
      registry: {pushAgain: async () => {}, remove: async () => {}},
      leftovers: {removeCache: async () => {}, removeBuildLogs: async () => {}},
      systemSpec: () => {
        throw new Error('bug: the simulated node has no containers of the platform');
      },
      instance: INSTANCE,
      logBytesMax: 1,
      openEnv: async () => ({}),
    };
  }

  /** The manifests now say this. */
  want({release, replicas, kinds, strategy, isSuspended}: Wish): void {
    const services = (['web', 'worker'] as const).map((name): DesiredService => {
      const spec = name === 'web' ? `v${release}` : `w${release}`;
      const kind = this.kinds.get(spec) ?? kinds[name];
      this.kinds.set(spec, kind);
      // With no replicas every release is as good as any: it would only be found out, and go on crashing, once it is scaled up.
      const least = {good: 0, slow: 0, bad: 1, sick: 1, partly: 2}[kind];
      this.engine.addImage(image(spec), {'flynn.instance': INSTANCE, 'flynn.app': 'shop'});
      const made = service(spec, Math.max(least, replicas[name]), name, strategy);
      const {port: _, ...facts} = made.container.facts;
      return name === 'web' ? made : {...made, name: name as ServiceName, container: {...made.container, facts}};
    });
    const tree = JSON.stringify([release, services.map((one) => one.replicas), strategy, isSuspended]) as TreeId;
    this.wanted = [{...app(`v${release}`, 1), specKey: `key v${release}` as SpecHash, treeId: tree, services, ...(isSuspended && {isSuspended})}];
  }

  /** Somebody wants one of the replicas replaced. */
  renew(): void {
    const [wanted] = this.wanted;
    const [web] = wanted?.state === 'resolved' ? wanted.services : [];
    if (web === undefined) return;
    const note = {service: 'web', slot: 1 + Math.floor(this.random() * Math.max(1, web.replicas)), specHash: web.specHash, atMs: this.nowMs};
    this.notes = [...this.notes.filter(({slot}) => slot !== note.slot), note];
  }

  /** The current manifests again, with their files changed in some other way. */
  touch(): void {
    this.wanted = this.wanted.map((wanted) => ({...wanted, treeId: `${wanted.treeId}'` as TreeId}));
  }

  desired(): DesiredState {
    return {commit: 'c'.repeat(40) as CommitId, apps: this.wanted.map((app) => this.#placed(restarted(app, this.notes))), system: [], keptImages: 5, networks: {range: '10.213.0.0/16', prefix: 25}, nodes: []};
  }

  #placed(app: DesiredApp): DesiredApp {
    if (app.state === 'invalid' || app.isSuspended === true) return app;
    const services = app.services.map((service): DesiredService => (service.replicas <= this.room ? service : {...service, replicas: this.room, unplaced: {replicas: service.replicas - this.room, on: 'room'}}));
    return {...app, services};
  }

  async observe(): Promise<ObservedState> {
    const records = await this.engine.containers([`flynn.instance=${INSTANCE}`]);
    const containers = records.map((record) => toReplica(record, INSTANCE, (id) => this.#health(id))).filter((replica) => replica !== undefined);
    return {
      nowMs: this.nowMs,
      containers: containers.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      jobs: records.map(toJob).filter((job) => job !== undefined),
      system: [],
      abandonedBuilds: [],
      ...await new NetworkObserver({engine: this.engine, instance: INSTANCE, hostSubnets: async () => []}).look(records, this.nowMs, never),
      runs: [],
      images: (await this.engine.images([])).map(({id, createdAtMs}) => ({id: id as ReturnType<typeof image>, app: 'shop' as AppName, createdAtMs})),
      clutter: {caches: [], buildLogs: [], packageImages: [], isDiskLow: false},
      journal: new Map(this.#journal),
      crons: new Map(this.#crons),
      router: {state: 'ready', names: this.names, structure: NO_ROUTES, file: NO_ROUTES, leaving: new Map(), inFlight: this.#inFlight(), maintenance: {address: '127.0.0.3', port: 3553}, leftAtMs: new Map(this.#leftAtMs), leftStreams: new Set()},
      tcp: {file: undefined, running: {state: 'silent', sinceMs: 0}, takenPorts: new Set(), ownPorts: new Map(), connections: new Map()},
      operations: new Set([...this.#stopping.values()].map(({key}) => key)),
    };
  }

  /** One pass. What fails, fails silently: the next look tells. Every action is announced before it is carried out. */
  async pass(onAction: (action: Action, observed: ObservedState) => void): Promise<{observed: ObservedState; plan: Plan}> {
    const observed = await this.observe();
    const next = plan(this.desired(), observed);
    for (const action of next.actions) {
      // A kill -9 in the middle: the rest of the plan is not carried out.
      if (this.isFaulty && this.random() < 0.05) break;
      onAction(action, observed);
      if (action.kind === 'stop-container' && this.random() < 0.5) {
        this.#stopping.set(action.id, {key: actionKey(action), endsAtMs: this.nowMs + this.random() * action.graceMs});
        continue;
      }
      await execute(action, this.#world, never).catch(() => {});
    }
    return {observed, plan: next};
  }

  /** Time passes: probes are made, bad releases crash, slow stops end. */
  async tick(ms: number): Promise<void> {
    this.nowMs += ms;
    const records = await this.engine.containers([]);
    // Stopping what somebody removed meanwhile ends at once.
    for (const id of this.#stopping.keys()) if (!records.some((record) => record.id === id)) this.#stopping.delete(id);
    for (const record of records) {
      const stop = this.#stopping.get(record.id);
      if (stop !== undefined && this.nowMs >= stop.endsAtMs) {
        this.engine.exit(record.id, 143);
        this.#stopping.delete(record.id);
      }
      if (record.status === 'running') this.#live(record);
      else this.#stopping.delete(record.id);
    }
  }

  /** kill -9 of the reconciler: what it only remembered is gone. */
  restartReconciler(): void {
    this.#histories.clear();
    this.#leftAtMs.clear();
    this.#stopping.clear();
  }

  /** One of the running containers, by chance. */
  async anyRunning(): Promise<ContainerRecord | undefined> {
    const running = (await this.engine.containers([])).filter(({status}) => status === 'running');
    return running[Math.floor(this.random() * running.length)];
  }

  async healthy(observed: ObservedState): Promise<readonly ObservedContainer[]> {
    return observed.containers.filter((container) => container.state === 'running' && container.health.state === 'healthy');
  }

  lastGood(): ResolvedApp | undefined {
    return this.#journal.get('shop' as AppName)?.lastGood;
  }

  #live(record: ContainerRecord & {status: 'running'}): void {
    const upMs = this.nowMs - record.startedAtMs;
    const kind = this.kinds.get(record.labels['flynn.spec'] ?? '') ?? 'good';
    const isBad = kind === 'bad' || (kind === 'partly' && record.labels['flynn.slot'] !== '1');
    if (isBad && upMs > 200) return this.engine.exit(record.id, 3);
    const isUp = !record.isPaused && !isBad && (kind === 'good' || kind === 'partly' || (kind === 'slow' && upMs > 8_000));
    const history = this.#histories.get(record.id) ?? {health: {state: 'starting'}, failures: 0};
    const {check} = JSON.parse(record.labels['flynn.facts'] ?? '{}') as {check: Parameters<typeof nextHealth>[2]};
    this.#histories.set(record.id, nextHealth(history, isUp ? {ok: true} : {ok: false, detail: 'nothing listens'}, check, upMs));
  }

  #health(id: string): Health {
    return this.#histories.get(id)?.health ?? {state: 'unknown'};
  }

  #publish(names: NameTable): void {
    const after = new Set([...names.values()].flat().map(({address, port}) => `${address}:${port}`));
    for (const {address, port} of [...this.names.values()].flat()) if (!after.has(`${address}:${port}`)) this.#leftAtMs.set(`${address}:${port}`, this.nowMs);
    this.names = names;
  }

  #inFlight(): ReadonlyMap<string, number> {
    const addresses = [...this.#leftAtMs.keys()];
    return new Map(this.isFaulty ? addresses.filter(() => this.random() < 0.3).map((address) => [address, 1]) : []);
  }
}
