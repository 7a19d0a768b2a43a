import type {EngineLogs, Engine} from './adapters/engine.ts';
import type {ClusterConfig} from './desired/cluster.ts';
import type {Layout} from './layout.ts';
import {Collector, type LoggedContainer} from './logs/collector.ts';
import {readLog} from './logs/read.ts';
import {LogStore} from './logs/store.ts';
import type {PassReport} from './loop.ts';
import type {LogLine, LogQuery} from './node.ts';
import type {ObservedContainer, ObservedRun} from './observed/state.ts';
import type {EventLog} from './status/events.ts';
import {Exits} from './status/exits.ts';
import type {FlynnEvent} from './status/status.ts';

/** Of cluster.yaml, until it has been read. */
const LIMITS_DEFAULT: ClusterConfig['logs'] = {appBytesMax: 64 * 2 ** 20, ageMsMax: 7 * 24 * 60 * 60_000};
/** Events that tell of nothing that an app's owner would look for in its log. */
const QUIET = new Set(['write-deploy', 'publish-names', 'load-routes', 'remove-image', 'forget-app', 'commit']);

export interface NodeLogsOptions {
  readonly engine: EngineLogs & Pick<Engine, 'container'>;
  readonly layout: Pick<Layout, 'logs'>;
  readonly events: EventLog;
  limits(): ClusterConfig['logs'] | undefined;
}

/** A node's logs: what comes in, and where. */
export class NodeLogs {
  readonly store: LogStore;
  readonly #collector: Collector;
  readonly #exits: Exits;
  readonly #events: EventLog;

  private constructor(store: LogStore, collector: Collector, events: EventLog) {
    this.store = store;
    this.#collector = collector;
    this.#events = events;
    this.#exits = new Exits(events.lastBeforeMs);
  }

  static async open({engine, layout, events, limits}: NodeLogsOptions, signal: AbortSignal): Promise<NodeLogs> {
    const onProblem = (error: Error) => events.add({kind: 'log-problem', message: error.message});
    const store = await LogStore.open({folder: layout.logs, limits: () => limits() ?? LIMITS_DEFAULT, onProblem}, signal);
    events.listen((event) => noteEvent(store, event), signal);
    return new NodeLogs(store, new Collector({engine, store, onProblem}, signal), events);
  }

  /** Called after each pass. */
  see({seen}: PassReport): void {
    if (seen === undefined) return;
    const {observed: {containers, runs}, plan, desired: {commit}} = seen;
    this.#collector.see([...containers.flatMap((one) => toLogged(one, `${one.service}.${one.slot}`)), ...runs.filter(({isDetached}) => isDetached).flatMap((run) => toLogged(run, `run.${run.number}`))]);
    for (const {atMs, replica: _, ...exit} of this.#exits.see(containers, plan)) {
      this.#events.add({at: new Date(atMs).toISOString(), ...exit, commit, actor: 'flynn'});
    }
  }

  /** Before a container is removed, its last words are read. */
  async beforeRemoval(id: string): Promise<void> {
    await this.#collector.drained(id);
  }

  read(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    return readLog(query, this.store, signal);
  }

  /** A line of a build, as its pusher sees it. */
  noteBuild(app: LoggedContainer['app'], text: string): void {
    this.store.note(app, {name: 'build'}, {text});
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

/** One that was only made has written nothing. */
function toLogged(container: ObservedContainer | ObservedRun, name: string): readonly LoggedContainer[] {
  if (container.state === 'created') return [];
  const {id, app, release, createdAtMs, startedAtMs} = container;
  return [{id, app, name, release, createdAtMs, startedAtMs}];
}
