import type {ContainerRecord, Engine, NetworkRecord} from '../adapters/engine.ts';
import type {AppName} from '../../schemas/ids.ts';
import * as labels from '../labels.ts';
import type {ObservedState} from './state.ts';

/** However quiet the engine's events are, networks and routes are listed anew this often, in milliseconds. */
const RELIST_MS = 30_000;

interface Options {
  readonly engine: Pick<Engine, 'networks'>;
  readonly instance: string;
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
  async look(containers: readonly ContainerRecord[], nowMs: number, signal: AbortSignal): Promise<Pick<ObservedState, 'networks' | 'takenSubnets'>> {
    await this.#refresh(nowMs, signal);
    const {instance} = this.#options;
    const used = new Set(containers.map((record) => record.labels[labels.LABEL_APP]));
    const networks = this.#records.flatMap(({id, name, labels: own, subnets: [subnet]}) => {
      const app = own[labels.LABEL_APP];
      if (own[labels.LABEL_INSTANCE] !== instance || app === undefined || subnet === undefined) return [];
      return [{id, name, app: app as AppName, subnet, isUsed: used.has(app)}];
    });
    return {networks, takenSubnets: [...this.#records.flatMap(({subnets}) => subnets), ...this.#hostSubnets]};
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
