import type {AppName, ContainerId, ImageDigest} from '../../schemas/ids.ts';
import type {ContainerRecord, Engine, ImageRecord} from '../adapters/engine.ts';
import type {AppIds} from '../app-ids.ts';
import * as labels from '../labels.ts';
import {toJob, toReplica, toSystem} from './containers.ts';
import {NetworkObserver} from './networks.ts';
import {toRun} from './runs.ts';
import type {Probed, Prober} from './prober.ts';
import type {ObservedContainer, ObservedImage, ObservedJob, ObservedRun, ObservedState} from './state.ts';

/** However quiet the engine's events are, everything is listed anew this often, in milliseconds. */
const RELIST_MS = 30_000;
/** Pause before the engine's events are asked for again, in milliseconds, after the stream ended. */
const RECONNECT_MS = 250;
/** Container events that change nothing that we look at. Command checks alone would wake the loop all the time. */
const QUIET = /^(create$|exec_|attach|top|resize|copy|export|archive-path|extract-to-dir|health_status)/;

export interface EngineObserverOptions {
  readonly engine: Engine;
  readonly instance: string;
  readonly prober: Prober;
  /** Whether a build of the app with this id is in progress in this process. */
  isBuilding(id: string): boolean;
  /** Absent: every app goes by its name. */
  readonly ids?: Pick<AppIds, 'nameOf'>;
  /** Subnets that the host itself routes. */
  hostSubnets(): Promise<readonly string[]>;
  /** Whether somebody is connected to this run. */
  isAttended(name: string): boolean;
}

/**
 * What the engine has of ours. Between passes it keeps what it saw, and looks again only at what the engine's events (or
 * our own actions) say has changed; a lost event stream makes it list everything.
 */
export class EngineObserver {
  readonly #options: EngineObserverOptions;
  readonly #records = new Map<string, ContainerRecord>();
  /** What a record's labels say, read once: with 1,000 containers that was a third of a pass, and most of its garbage. */
  readonly #replicas = new WeakMap<ContainerRecord, {readonly replica: ObservedContainer | undefined}>();
  #images: readonly ObservedImage[] = [];
  /** Image id → when an event last named it. */
  readonly #imageEventAtMs = new Map<string, number>();
  readonly #changed = new Set<string>();
  readonly #networks: NetworkObserver;
  #isAllStale = true;
  #areImagesStale = true;
  #listedAtMs = 0;

  constructor(options: EngineObserverOptions) {
    this.#options = options;
    this.#networks = new NetworkObserver(options);
  }

  /** Rejects when the engine can't be asked; what was seen before is then still to be read anew. */
  async look(nowMs: number, signal: AbortSignal): Promise<Pick<ObservedState, 'containers' | 'jobs' | 'system' | 'abandonedBuilds' | 'runs' | 'images' | 'networks' | 'sharedNetworks' | 'connected' | 'takenSubnets'>> {
    await this.#refresh(nowMs, signal);
    const {prober, isBuilding, isAttended} = this.#options;
    const records = [...this.#records.values()];
    const seen = records.flatMap((record) => {
      const replica = this.#replicaOf(record);
      return replica === undefined ? [] : [{record, replica}];
    });
    prober.follow(seen.flatMap(({record, replica}) => toProbed(record, replica)));
    const isAbandoned = (record: ContainerRecord) => record.labels[labels.LABEL_ROLE] === 'build' && !isBuilding(record.labels[labels.LABEL_APP] ?? '');
    return {
      // What the record itself says of its health counts: a frozen process still accepts connections, by its kernel's grace.
      containers: seen.map(({record, replica}) => this.#today(record, replica.state === 'running' && replica.health.state === 'unknown' ? {...replica, health: prober.health(replica.id)} : replica)).toSorted(byName),
      jobs: records.flatMap((record) => this.#ofToday(record, toJob(record))).toSorted(byName),
      system: records.map(toSystem).filter((system) => system !== undefined),
      abandonedBuilds: records.filter(isAbandoned).map(({id, name}) => ({id: id as ContainerId, name})),
      runs: records.flatMap((record) => this.#ofToday(record, toRun(record, isAttended))),
      images: this.#images.flatMap((image) => this.#named(image)),
      ...await this.#networks.look(records, nowMs, signal),
    };
  }

  /** Something was done to this container, or to one that is not known by id yet. */
  invalidate(id?: string): void {
    if (id === undefined) this.#isAllStale = true;
    else this.#changed.add(id);
  }

  invalidateImages(): void {
    this.#areImagesStale = true;
  }

  invalidateNetworks(): void {
    this.#networks.invalidate();
  }

  /** Follows the engine's events until the signal: marks what changed and calls back. `onState` hears when the engine goes and when it is back. */
  async watch(onChange: () => void, onState: (state: {readonly isUp: true} | {readonly isUp: false; readonly error: unknown}) => void, signal: AbortSignal): Promise<void> {
    const {engine, instance} = this.#options;
    let isUp = true;
    while (!signal.aborted) {
      try {
        for await (const event of engine.events([`${labels.LABEL_INSTANCE}=${instance}`], signal)) {
          if (event.type === 'listening') {
            this.#isAllStale = true;
            this.#areImagesStale = true;
            this.#networks.invalidate();
            if (!isUp) onState({isUp: true});
            isUp = true;
          } else if (event.type === 'image') {
            this.#areImagesStale = true;
            this.#imageEventAtMs.set(event.id, Date.now());
          } else if (event.type === 'network') {
            if (event.action === 'destroy') this.#networks.invalidate();
            else if (this.#records.has(event.id)) this.#changed.add(event.id);
            else continue;
          } else if (QUIET.test(event.action)) continue;
          else this.#changed.add(event.id);
          onChange();
        }
        throw new Error('it ended its stream of events');
      } catch (error) {
        this.#isAllStale = true;
        if (isUp && !signal.aborted) {
          onState({isUp: false, error});
          onChange();
        }
        isUp = false;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, signal.aborted ? 0 : RECONNECT_MS));
    }
  }

  /** One that has the name which its app had before is one of the app, and is to be replaced. */
  #today(record: ContainerRecord, replica: ObservedContainer): ObservedContainer {
    const app = this.#appOf(record) ?? replica.app;
    if (app === replica.app) return replica;
    if (replica.state !== 'running' || replica.drift !== undefined) return {...replica, app};
    return {...replica, app, drift: `was made when the app was called ${replica.app}`};
  }

  /** Whatever is run once ends by itself. */
  #ofToday<Once extends ObservedJob | ObservedRun>(record: ContainerRecord, once: Once | undefined): readonly Once[] {
    return once === undefined ? [] : [{...once, app: this.#appOf(record) ?? once.app}];
  }

  #appOf({labels: own}: ContainerRecord): AppName | undefined {
    return this.#options.ids?.nameOf(own[labels.LABEL_ID] ?? own[labels.LABEL_APP] ?? '');
  }

  #named(image: ObservedImage): readonly ObservedImage[] {
    const {ids} = this.#options;
    if (ids === undefined) return [image];
    const app = ids.nameOf(image.app);
    return app === undefined ? [] : [app === image.app ? image : {...image, app}];
  }

  /** All but its health, which changes although the record does not. */
  #replicaOf(record: ContainerRecord): ObservedContainer | undefined {
    const known = this.#replicas.get(record);
    if (known !== undefined) return known.replica;
    const replica = toReplica(record, this.#options.instance, () => ({state: 'unknown'}));
    this.#replicas.set(record, {replica});
    return replica;
  }

  async #refresh(nowMs: number, signal: AbortSignal): Promise<void> {
    const {engine, instance} = this.#options;
    const ours = `${labels.LABEL_INSTANCE}=${instance}`;
    if (this.#areImagesStale || nowMs - this.#listedAtMs > RELIST_MS) {
      this.#areImagesStale = false;
      try {
        this.#images = (await engine.images([ours], signal)).flatMap((image) => toImage(image, this.#imageEventAtMs.get(image.id) ?? 0));
        const ids = new Set<string>(this.#images.map(({id}) => id));
        for (const id of this.#imageEventAtMs.keys()) if (!ids.has(id)) this.#imageEventAtMs.delete(id);
      } catch (error) {
        this.#areImagesStale = true;
        throw error;
      }
    }
    if (this.#isAllStale || nowMs - this.#listedAtMs > RELIST_MS) {
      this.#isAllStale = false;
      this.#changed.clear();
      try {
        const records = await engine.containers([ours], signal);
        this.#records.clear();
        for (const record of records) this.#records.set(record.id, record);
        this.#listedAtMs = nowMs;
      } catch (error) {
        this.#isAllStale = true;
        throw error;
      }
      return;
    }
    const changed = [...this.#changed];
    this.#changed.clear();
    try {
      await Promise.all(changed.map(async (id) => {
        const record = await engine.container(id, signal);
        if (record === undefined || record.labels[labels.LABEL_INSTANCE] !== instance) this.#records.delete(id);
        else this.#records.set(record.id, record);
      }));
    } catch (error) {
      this.#isAllStale = true;
      throw error;
    }
  }
}

function toProbed(record: ContainerRecord, replica: ObservedContainer): Probed[] {
  if (record.status !== 'running' || replica.state !== 'running') return [];
  return [{id: record.id, startedAtMs: record.startedAtMs, address: replica.address, ...(record.pid !== undefined && {pid: record.pid}), check: replica.facts.check}];
}

function toImage(image: ImageRecord, eventAtMs: number): ObservedImage[] {
  const app = image.labels[labels.LABEL_APP];
  if (app === undefined) return [];
  const standsFor = image.tags.flatMap((tag) => labels.standsFor(tag) ?? []) as readonly string[] as readonly ImageDigest[];
  return [{id: image.id as ImageDigest, app: app as AppName, createdAtMs: Math.max(image.createdAtMs, eventAtMs), ...(standsFor.length > 0 && {standsFor})}];
}

function byName(a: {readonly name: string}, b: {readonly name: string}): number {
  return a.name < b.name ? -1 : 1;
}
