import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {EngineLogs, Engine} from '../adapters/engine.ts';
import type {AppIds} from '../app-ids.ts';
import type {ClusterConfig} from '../desired/cluster.ts';
import type {DesiredApp} from '../desired/state.ts';
import {Drains} from '../drains/drains.ts';
import type {Layout} from '../layout.ts';
import {Collector, type LoggedContainer} from '../logs/collector.ts';
import {readLog} from '../logs/read.ts';
import type {AccessEntry} from '../logs/access-log.ts';
import {RequestCounters} from '../logs/requests.ts';
import {ownerOfRequests} from './owner-of-requests.ts';
import type {Attribution} from '../logs/router-log.ts';
import {followRouterLogs} from '../logs/router-logs.ts';
import {LogStore} from '../logs/store.ts';
import {followTcpLog, type ConnectionOwner} from '../logs/tcp-log.ts';
import type {TcpEntry} from '../logs/tcp-entry.ts';
import {TcpCounters} from '../logs/tcp-traffic.ts';
import {Traffic} from '../logs/traffic.ts';
import type {PassReport} from '../loop.ts';
import type {DrainStatus, LogLine, LogQuery} from '../node.ts';
import type {Job, ObservedContainer, ObservedJob, ObservedRun, ObservedState} from '../observed/state.ts';
import {MAINTENANCE_ADDRESS} from '../router/caddy/config.ts';
import {routerFiles, shiftLayout} from '../router/files.ts';
import {ownerOfBackend} from '../router/haproxy-config.ts';
import {addressOf} from '../router/names.ts';
import type {EventLog} from '../status/events.ts';
import {Exits} from '../status/exits.ts';
import type {FlynnEvent} from '../status/status.ts';

/** Of cluster.yaml, until it has been read. */
const LIMITS_DEFAULT: ClusterConfig['logs'] = {appBytesMax: 64 * 2 ** 20, ageMsMax: 7 * 24 * 60 * 60_000};
const LOG_BYTES_DEFAULT = 10 * 2 ** 20;
/** Events that tell of nothing that an app's owner would look for in its log. */
const QUIET = new Set(['log-lost', 'remove-container', 'write-deploy', 'publish-names', 'hand-over', 'keep-shift', 'retire-shift', 'remove-shift', 'load-routes', 'remove-image', 'forget-app', 'commit']);

/** Addresses of replicas that are remembered for requests which ended after them. */
const ADDRESSES_MAX = 10_000;

export interface NodeLogsOptions {
  readonly engine: EngineLogs & Pick<Engine, 'container'>;
  readonly layout: Pick<Layout, 'logs' | 'caddy' | 'caddyShared' | 'unbound' | 'haproxy' | 'drains'>;
  readonly node: string;
  readonly events: EventLog;
  cluster(): ClusterConfig | undefined;
  readonly ids: Pick<AppIds, 'idOf' | 'nameOf'>;
  openSecret(sealed: string): Promise<string>;
}

interface LogsParts extends Pick<NodeLogsOptions, 'events' | 'cluster'> {
  readonly store: LogStore;
  readonly collector: Collector;
  readonly drains: Drains;
}

/** A node's logs: what comes in, and where it goes. */
export class NodeLogs {
  readonly store: LogStore;
  readonly #collector: Collector;
  readonly #exits: Exits;
  readonly #drains: Drains;
  readonly #cluster: NodeLogsOptions['cluster'];
  readonly #events: EventLog;
  /** What the apps answered lately, by spec. */
  readonly requests = new RequestCounters();
  /** What has come for each replica since this process began. */
  readonly traffic = new Traffic();
  readonly connections = new TcpCounters();
  readonly #replicas = new Map<string, Attribution>();
  readonly #learned = Promise.withResolvers<void>();
  #whose: (host: string, path: string) => AppName | undefined = () => undefined;
  #desired: readonly DesiredApp[] = [];

  private constructor({store, collector, events, drains, cluster}: LogsParts) {
    this.store = store;
    this.#collector = collector;
    this.#drains = drains;
    this.#cluster = cluster;
    this.#events = events;
    this.#exits = new Exits(events.lastBeforeMs);
  }

  static async open({engine, layout, node, events, cluster, ids, openSecret}: NodeLogsOptions, signal: AbortSignal): Promise<NodeLogs> {
    const onProblem = (error: Error) => events.add({kind: 'log-problem', message: error.message});
    const store = await LogStore.open({folder: layout.logs, limits: () => cluster()?.logs ?? LIMITS_DEFAULT, idOf: (app) => ids.idOf(app), nameOf: (id) => ids.nameOf(id), onProblem}, signal);
    events.listen((event) => noteEvent(store, event), signal);
    const drains = new Drains({folder: layout.drains, store, node, openSecret, onNews: (news) => events.add({actor: 'flynn', ...news})}, signal);
    const logs = new NodeLogs({store, collector: new Collector({engine, store, onProblem, logBytesMax: () => cluster()?.logBytesMax ?? LOG_BYTES_DEFAULT, onLost: (container, lines) => events.add(lostEvent(container, lines))}, signal), events, drains, cluster});
    const requests = () => followRouterLogs({
      folder: layout.caddy, fileOf: (shift) => routerFiles(shiftLayout(layout, shift)).accessLog, placeFolder: path.join(layout.logs, 'router-places'),
      store, counters: logs.requests, traffic: logs.traffic, attribute: (entry) => logs.#attribute(entry), onProblem,
    }, signal);
    const connections = () => followTcpLog({
      file: routerFiles(layout).haproxyLog, placeFile: path.join(layout.logs, 'router-places', 'tcp.json'),
      store, counters: logs.connections, attribute: (entry) => logs.#ownerOf(entry), onProblem,
    }, signal);
    // What came while no reconciler ran is of replicas that nobody knows before the first look.
    void logs.#learned.promise.then(() => Promise.all([requests(), connections()])).catch(onProblem);
    return logs;
  }

  /** Called after each pass. */
  see({seen}: PassReport): void {
    if (seen === undefined) return;
    const {observed: {containers, jobs, runs, journal}, plan, desired: {commit}} = seen;
    this.#collector.see([
      ...containers.flatMap((container) => toLogged(container, `${container.service}.${container.slot}`)),
      ...jobs.flatMap((job) => toLogged(job, nameOf(job.job))),
      // What is attended is seen by who started it.
      ...runs.filter(({isDetached}) => isDetached).flatMap((run) => toLogged(run, `run.${run.number}`, 'run')),
    ]);
    this.#learn(seen.desired.apps, {containers, journal});
    this.#learned.resolve();
    for (const {atMs, replica: _, ...exit} of this.#exits.see(containers, plan)) {
      this.#events.add({at: new Date(atMs).toISOString(), ...exit, commit, actor: 'flynn'});
    }
  }

  /** Before a container is removed, its last words are read. */
  async beforeRemoval(id: string): Promise<void> {
    await this.#collector.drained(id);
  }

  async drains(): Promise<readonly DrainStatus[]> {
    await this.#drains.settled();
    return this.#drains.status();
  }

  read(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    return readLog(query, this.store, signal);
  }

  /** A line of a build, as its pusher sees it. */
  noteBuild(app: LoggedContainer['app'], text: string): void {
    this.store.note(app, {name: 'build'}, {text});
  }

  /** Whose an address is, or was. */
  replicaAt(address: string): Attribution | undefined {
    return this.#replicas.get(address);
  }

  #attribute({upstream, host, path}: Pick<AccessEntry, 'upstream' | 'host' | 'path'>): Attribution | undefined {
    const [name = ''] = upstream.split(':', 1);
    const address = addressOf(name) ?? name;
    const replica = this.#replicas.get(address);
    if (replica !== undefined) return replica;
    const app = this.#whose(host, path);
    return app && {app, ...(address === MAINTENANCE_ADDRESS && {isInMaintenance: true})};
  }

  /** The port is the app's, whoever has the replica's address by now. */
  #ownerOf({backend, upstream}: Pick<TcpEntry, 'backend' | 'upstream'>): ConnectionOwner | undefined {
    const owner = ownerOfBackend(backend);
    const replica = upstream === undefined ? undefined : this.#replicas.get(upstream);
    return owner && {...(replica?.app === owner.app && replica), ...owner};
  }

  #learn(apps: readonly DesiredApp[], {containers, journal}: Pick<ObservedState, 'containers' | 'journal'>): void {
    for (const container of containers) {
      if (container.state !== 'running' || container.address === undefined) continue;
      const {app, service, slot, release, specHash} = container;
      this.#replicas.set(container.address, {app, replica: `${service}.${slot}`, release, spec: specHash});
    }
    for (const address of this.#replicas.keys()) if (this.#replicas.size > ADDRESSES_MAX) this.#replicas.delete(address);
    if (this.#desired === apps) return;
    this.#desired = apps;
    const known = apps.flatMap((app) => (app.state === 'resolved' ? app : journal.get(app.name)?.lastGood ?? []));
    this.#drains.follow([...this.#cluster()?.drains ?? [], ...known.flatMap(({name, drains = []}) => drains.map((drain) => ({app: name, ...drain})))]);
    this.#whose = ownerOfRequests(known.flatMap(({name, routes}) => routes.map(({host, path}) => ({app: name, host, path}))));
  }

  /** Resolves when all that came in is on disk. */
  async written(): Promise<void> {
    await this.store.written();
  }
}

function noteEvent(store: LogStore, {at, app, kind, message, release, container}: FlynnEvent): void {
  if (app === undefined || QUIET.has(kind)) return;
  const origin = {name: 'platform', ...(release !== undefined && {release}), ...(container !== undefined && {container})};
  for (const text of message.split('\n')) store.note(app, origin, {text, atMs: Date.parse(at)});
}

function lostEvent({app, name, release, id}: LoggedContainer, lines: number): Omit<FlynnEvent, 'at'> {
  return {app, kind: 'log-lost', actor: 'flynn', message: `about ${lines} lines of ${name} are missing in the log: they came faster than the engine's log could be read`, container: id.slice(0, 12), ...(release !== undefined && {release})};
}

/** One that was only made has written nothing. */
function toLogged(container: ObservedContainer | ObservedJob | ObservedRun, name: string, partition = name): readonly LoggedContainer[] {
  if (container.state === 'created') return [];
  const {id, app, release, createdAtMs, startedAtMs} = container;
  return [{id, app, name, partition, release, createdAtMs, startedAtMs}];
}

/** All runs of a cron are one log. */
function nameOf(job: Job): string {
  return job.kind === 'cron' ? `cron.${job.cron}` : job.kind;
}
