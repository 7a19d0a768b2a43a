import type {ContainerRecord, Engine, NetworkRecord} from '../adapters/engine.ts';
import type {AppName, ContainerId, ServiceName} from '../../schemas/ids.ts';
import type {AppIds} from '../app-ids.ts';
import * as labels from '../labels.ts';
import type {ConnectedContainer, ObservedNetwork, ObservedSharedNetwork, ObservedState} from './state.ts';

/** However quiet the engine's events are, networks and routes are listed anew this often, in milliseconds. */
const RELIST_MS = 30_000;

/** What runs with an app's own code in it. */
const ROLES: readonly string[] = ['app', 'job', 'run'];

interface Options {
  readonly engine: Pick<Engine, 'networks'>;
  readonly instance: string;
  /** Absent: every app goes by its name. */
  readonly ids?: Pick<AppIds, 'nameOf'>;
  hostSubnets(): Promise<readonly string[]>;
}

/** The engine's networks and what else has subnets on this machine. Listed when something has changed, not in each pass. */
export class NetworkObserver {
  readonly #options: Options;
  #records: readonly NetworkRecord[] = [];
  #hostSubnets: readonly string[] = [];
  #isStale = true;
  #listedAtMs = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  invalidate(): void {
    this.#isStale = true;
  }

  /** `containers` are all of ours. Rejects when engine or host can't be asked. */
  async look(containers: readonly ContainerRecord[], nowMs: number, signal: AbortSignal): Promise<Pick<ObservedState, 'networks' | 'sharedNetworks' | 'connected' | 'takenSubnets'>> {
    await this.#refresh(nowMs, signal);
    const {instance, ids} = this.#options;
    const used = new Set(containers.map((record) => record.labels[labels.LABEL_APP]));
    const ours = this.#records.filter((record) => record.labels[labels.LABEL_INSTANCE] === instance);
    const names = new Set(ours.map(({name}) => name));
    return {
      networks: ours.flatMap((record) => toNetwork(record, used)),
      sharedNetworks: ours.flatMap(toSharedNetwork),
      connected: containers.flatMap((record) => toConnected(record, {instance, names, ...(ids && {ids})})),
      takenSubnets: [...this.#records.flatMap(({subnets}) => subnets), ...this.#hostSubnets],
    };
  }

  async #refresh(nowMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#isStale && nowMs - this.#listedAtMs <= RELIST_MS) return;
    this.#isStale = false;
    try {
      [this.#records, this.#hostSubnets] = await Promise.all([this.#options.engine.networks(signal), this.#options.hostSubnets()]);
      this.#listedAtMs = nowMs;
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }
}

function toNetwork({id, name, labels: own, subnets: [subnet]}: NetworkRecord, used: ReadonlySet<string | undefined>): ObservedNetwork[] {
  const app = own[labels.LABEL_APP];
  return app === undefined || subnet === undefined ? [] : [{id, name, app: app as AppName, subnet, isUsed: used.has(app)}];
}

function toSharedNetwork({id, name, labels: own, subnets: [subnet]}: NetworkRecord): ObservedSharedNetwork[] {
  const [one, other, ...more] = (own[labels.LABEL_SHARED] ?? '').split('.');
  if (one === undefined || other === undefined || more.length > 0 || subnet === undefined) return [];
  return [{id, name, apps: [one as AppName, other as AppName], subnet}];
}

/** `names` are those of all networks of ours. */
function toConnected(record: ContainerRecord, {instance, names, ids}: Pick<Options, 'instance' | 'ids'> & {readonly names: ReadonlySet<string>}): ConnectedContainer[] {
  const {id, name, labels: own} = record;
  const [app, role, service] = [own[labels.LABEL_APP], own[labels.LABEL_ROLE] ?? '', own[labels.LABEL_SERVICE]];
  if (record.status !== 'running' || app === undefined || !ROLES.includes(role)) return [];
  const all = Object.keys(record.addresses);
  if (all.length === 0) return [];
  return [{
    id: id as ContainerId,
    name: name.slice(instance.length + 1),
    app: app as AppName,
    ...(role === 'app' && service !== undefined && {service: service as ServiceName}),
    networks: all.filter((network) => names.has(network)).toSorted(),
    ...(ids !== undefined && ids.nameOf(own[labels.LABEL_ID] ?? app) !== app && {isFormer: true as const}),
  }];
}
