import {NetworkMissing, type Connection, type ContainerRecord, type ContainerSpec, type Engine, type EngineEvent, type EngineLogLine, type ImageRecord, type NetworkRecord, type NetworkSpec} from '../../reconciler/adapters/engine.ts';
import {doOverlap, parseSubnet} from '../../schemas/subnet.ts';

/** What goes wrong with a call: nothing, it fails before it acts, or it acts and the answer is lost. */
export type Fault = 'none' | 'refused' | 'answer-lost';

export interface FakeEngineOptions {
  /** Asked before every call that changes something. */
  readonly nextFault?: () => Fault;
  readonly nowMs?: () => number;
}

interface Entry {
  spec: ContainerSpec;
  record: ContainerRecord;
}

type Listener = (event: EngineEvent, record: ContainerRecord) => void;

/** A container engine in memory. It has to pass `engine-contract.ts`, as the real one does; its containers run nothing, print nothing and end by `exit` only. */
export class FakeEngine implements Engine {
  readonly #images = new Map<string, ImageRecord>();
  readonly #containers = new Map<string, Entry>();
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #listeners = new Set<Listener>();
  readonly #nextFault: () => Fault;
  readonly #nowMs: () => number;
  #made = 0;

  constructor({nextFault = () => 'none', nowMs = () => Date.now()}: FakeEngineOptions = {}) {
    this.#nextFault = nextFault;
    this.#nowMs = nowMs;
  }

  /** As if it had been built or pulled. */
  addImage(id: string, labels: Readonly<Record<string, string>> = {}): void {
    this.#images.set(id, {id, tags: [], labels, createdAtMs: this.#nowMs(), sizeBytes: 1});
  }

  async containers(labels: readonly string[]): Promise<readonly ContainerRecord[]> {
    return [...this.#containers.values()].map(({record}) => record).filter((record) => hasLabels(record, labels));
  }

  async container(id: string): Promise<ContainerRecord | undefined> {
    return this.#containers.get(id)?.record;
  }

  async images(labels: readonly string[]): Promise<readonly ImageRecord[]> {
    return [...this.#images.values()].filter((image) => hasLabels(image, labels));
  }

  async run(spec: ContainerSpec): Promise<string> {
    return this.#change(() => {
      if (!this.#images.has(spec.image)) throw new Error(`no such image: ${spec.image}`);
      const there = [...this.#containers.values()].find(({record}) => record.name === spec.name);
      const entry = there ?? this.#create(spec);
      const isOurs = Object.entries(spec.labels).every(([key, value]) => entry.record.labels[key] === value);
      if (!isOurs) throw new Error(`create ${spec.name}: a container that is not ours has this name`);
      if (entry.record.status === 'running' && entry.record.isPaused) throw new Error(`start ${spec.name}: cannot start a paused container, try unpause instead`);
      if (entry.record.status === 'created') entry.spec = spec;
      if (entry.record.status !== 'running') this.#start(entry);
      return entry.record.id;
    });
  }

  async stop(id: string): Promise<void> {
    this.#change(() => this.exit(id, 143));
  }

  async send(id: string): Promise<void> {
    this.#change(() => this.exit(id, 143));
  }

  async setRestart(id: string, restart: ContainerSpec['restart']): Promise<void> {
    this.#change(() => {
      const entry = this.#containers.get(id);
      if (entry !== undefined) entry.record = {...entry.record, restart};
    });
  }

  async remove(id: string): Promise<void> {
    this.#change(() => {
      const entry = this.#containers.get(id);
      if (entry === undefined) return;
      this.exit(id, 137);
      this.#containers.delete(id);
      this.#tell('destroy', entry);
    });
  }

  async removeImage(id: string): Promise<void> {
    this.#change(() => {
      const isUsed = [...this.#containers.values()].some(({record}) => record.status === 'running' && record.image === id);
      if (isUsed) throw new Error(`remove image: ${id} is being used by running container`);
      this.#images.delete(id);
    });
  }

  async networks(): Promise<readonly NetworkRecord[]> {
    return [...this.#networks.values()];
  }

  async ensureNetwork({name, labels, subnet}: NetworkSpec): Promise<void> {
    this.#change(() => {
      const there = this.#networks.get(name);
      if (there !== undefined && !Object.entries(labels).every(([key, value]) => there.labels[key] === value)) throw new Error(`create network ${name}: a network that is not ours has this name`);
      if (there !== undefined) return;
      const subnets = subnet === undefined ? [] : [subnet];
      const isTaken = [...this.#networks.values()].some((other) => other.subnets.some((one) => subnets.some((mine) => overlap(one, mine))));
      if (isTaken) throw new Error('Pool overlaps with other one on this address space');
      this.#made += 1;
      this.#networks.set(name, {id: `n${this.#made}`, name, labels, subnets});
    });
  }

  async connect(id: string, {name}: Connection): Promise<void> {
    this.#change(() => {
      if (!this.#networks.has(name)) throw new NetworkMissing(`there is no network "${name}"`);
      const entry = this.#containers.get(id);
      if (entry !== undefined) this.#connect(entry, name);
    });
  }

  async disconnect(id: string, network: string): Promise<void> {
    this.#change(() => {
      const entry = this.#containers.get(id);
      if (entry?.record.status !== 'running' || entry.record.addresses[network] === undefined) return;
      const {[network]: _, ...addresses} = entry.record.addresses;
      entry.record = {...entry.record, addresses};
      this.#tell('disconnect', entry);
    });
  }

  async removeNetwork(id: string): Promise<void> {
    this.#change(() => {
      const network = [...this.#networks.values()].find((one) => one.id === id);
      if (network === undefined) return;
      const isUsed = [...this.#containers.values()].some(({record}) => record.status === 'running' && record.addresses[network.name] !== undefined);
      if (isUsed) throw new Error(`network ${network.name} has active endpoints`);
      this.#networks.delete(network.name);
    });
  }

  async exec(): Promise<{exitCode: number; output: string}> {
    return {exitCode: 0, output: ''};
  }

  async* events(labels: readonly string[], signal: AbortSignal): AsyncIterable<EngineEvent> {
    signal.throwIfAborted();
    const queue: EngineEvent[] = [{type: 'listening', action: '', id: ''}];
    let wake = () => {};
    const onEvent: Listener = (event, record) => {
      if (!hasLabels(record, labels)) return;
      queue.push(event);
      wake();
    };
    const onAbort = () => wake();
    this.#listeners.add(onEvent);
    signal.addEventListener('abort', onAbort, {once: true});
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(onEvent);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async* logs(): AsyncIterable<EngineLogLine> {}

  /** The container's process ends; 137 is taken for the kernel's answer to too much memory. Nothing happens to one that does not run. */
  exit(id: string, exitCode: number): void {
    const entry = this.#containers.get(id);
    if (entry?.record.status !== 'running') return;
    const {isPaused: _, addresses: __, ...rest} = entry.record;
    entry.record = {...rest, status: 'exited', finishedAtMs: this.#nowMs(), exitCode, isOutOfMemory: exitCode === 137};
    this.#tell('die', entry);
  }

  /** Somebody changes a running container by hand. */
  tamper(id: string, change: Partial<{memoryBytes: number; isPaused: boolean}>): void {
    const entry = this.#containers.get(id);
    if (entry?.record.status !== 'running') return;
    entry.record = {...entry.record, ...change};
    this.#tell(change.isPaused === undefined ? 'update' : change.isPaused ? 'pause' : 'unpause', entry);
  }

  #create(spec: ContainerSpec): Entry {
    this.#made += 1;
    const id = `c${String(this.#made).padStart(5, '0')}`;
    const {name, image, labels, memoryBytes, cpus, restart} = spec;
    const entry: Entry = {spec, record: {id, name, image, labels, createdAtMs: this.#nowMs(), memoryBytes, cpus, restart, status: 'created', error: ''}};
    this.#containers.set(id, entry);
    this.#tell('create', entry);
    return entry;
  }

  /** As the real one does: only here is it found out that there is no network, when the container has been made. */
  #start(entry: Entry): void {
    const {network, alsoOn = []} = entry.spec;
    const missing = [network, ...alsoOn.map(({name}) => name)].find((one) => one !== 'host' && !this.#networks.has(one));
    if (missing !== undefined) throw new NetworkMissing(`start ${entry.spec.name}: there is no network "${missing}"`);
    const {id, name, image, labels, createdAtMs, memoryBytes, cpus, restart} = entry.record;
    entry.record = {
      id, name, image, labels, createdAtMs, memoryBytes, cpus, restart,
      status: 'running', isPaused: false, startedAtMs: this.#nowMs(),
      addresses: network === 'host' ? {} : {[network]: addressOf(id)},
    };
    for (const {name: other} of entry.spec.alsoOn ?? []) this.#connect(entry, other);
    this.#tell('start', entry);
  }

  #connect(entry: Entry, network: string): void {
    if (entry.record.status !== 'running' || entry.record.addresses[network] !== undefined) return;
    entry.record = {...entry.record, addresses: {...entry.record.addresses, [network]: addressOf(entry.record.id)}};
    this.#tell('connect', entry);
  }

  #tell(action: string, {record}: Entry): void {
    for (const listener of this.#listeners) listener({type: 'container', action, id: record.id}, record);
  }

  #change<Value>(apply: () => Value): Value {
    const fault = this.#nextFault();
    if (fault === 'refused') throw new Error('injected: refused');
    const value = apply();
    if (fault === 'answer-lost') throw new Error('injected: answer lost');
    return value;
  }
}

/** The same on each of its networks: nothing here is sent anywhere. */
function addressOf(id: string): string {
  return `10.0.${Math.floor(Number(id.slice(1)) / 250)}.${(Number(id.slice(1)) % 250) + 1}`;
}

function overlap(a: string, b: string): boolean {
  const [one, other] = [parseSubnet(a), parseSubnet(b)];
  return one !== undefined && other !== undefined && doOverlap(one, other);
}

function hasLabels({labels}: {readonly labels: Readonly<Record<string, string>>}, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const at = label.indexOf('=');
    return at === -1 ? labels[label] !== undefined : labels[label.slice(0, at)] === label.slice(at + 1);
  });
}
