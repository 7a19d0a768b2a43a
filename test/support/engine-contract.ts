import type {ExecutionContext} from 'ava';
import {NetworkMissing, type ContainerRecord, type ContainerSpec, type Engine, type EngineEvent} from '../../reconciler/adapters/engine.ts';
import {until} from './until.ts';

/** An engine to try, and what the interface has no word for. Made anew for each claim. */
export interface EngineTrial {
  readonly engine: Engine;
  /** An image to run, by its id, and a label that it has. */
  readonly image: string;
  readonly imageLabel: string;
  /** Part of all names, a label of everything that is made, and a label of what counts as somebody else's: of this trial only. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly otherLabels: Readonly<Record<string, string>>;
  /** First address of 64 that nobody uses on this machine. */
  readonly subnet: string;
  /** What a container runs that goes on until `exit` or SIGTERM. */
  readonly process: Pick<ContainerSpec, 'entrypoint' | 'command'>;
  /** Resolves when the process of a running container can be sent signals: until then the engine's own init loses them. */
  begun(id: string): Promise<void>;
  /** Lets the process of a running container end by itself. Resolves when the engine knows. */
  exit(id: string, exitCode: number): Promise<void>;
  /** Freezes a running container. */
  pause(id: string): Promise<void>;
  /** Another image, which nothing uses, with this label. Resolves to its id. */
  addImage(label: string): Promise<string>;
  /** Removes everything that has the labels, and the networks. */
  end(): Promise<void>;
}

/** `test` or `test.serial`. */
type Register = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

interface Claim {
  readonly title: string;
  readonly check: (t: ExecutionContext, trial: EngineTrial) => Promise<void>;
}

const SIGNAL = new AbortController().signal;
/** As long as it may take: the process ends on SIGTERM. */
const GRACE_MS = 10_000;
const GONE = 'f'.repeat(64);
const NO_IMAGE = `sha256:${'f'.repeat(64)}`;

/** What the pass relies on: the fake and the real engine both keep it. Registers one test for each claim. */
export function keepsEngineContract(test: Register, start: () => Promise<EngineTrial>): void {
  for (const {title, check} of CLAIMS) {
    test(title, async (t) => {
      const trial = await start();
      t.teardown(() => trial.end());
      await trial.engine.ensureNetwork({name: trial.name, labels: trial.labels}, SIGNAL);
      await check(t, trial);
    });
  }
}

export function specOf({name, image, labels, process}: EngineTrial, change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name, image, ...process, env: {}, labels, network: name, mounts: [], memoryBytes: 64 * 1024 * 1024, cpus: 0.5, pidsMax: 100, capabilities: [],
    restart: 'never', logBytesMax: 1024 * 1024, ...change,
  };
}

const CLAIMS: readonly Claim[] = [
  {title: 'run makes a container and starts it', async check(t, trial) {
    const before = Date.now();
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    const seen = await recordOf(trial, id);
    t.like(seen, {id, name: trial.name, image: trial.image, status: 'running', isPaused: false, memoryBytes: 64 * 1024 * 1024, cpus: 0.5});
    t.like(seen.labels, trial.labels);
    if (seen.status !== 'running') return;
    t.deepEqual(Object.keys(seen.addresses), [trial.name], 'it has an address on its network and on no other');
    t.regex(seen.addresses[trial.name] ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    t.true(before <= seen.createdAtMs && seen.createdAtMs <= seen.startedAtMs && seen.startedAtMs <= Date.now());
  }},
  {title: 'what has no limits says 0, and what is on the host\'s network has no address', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial, {network: 'host', memoryBytes: 0, cpus: 0}), SIGNAL);
    t.like(await recordOf(trial, id), {status: 'running', memoryBytes: 0, cpus: 0, addresses: {}});
  }},
  {title: 'two containers have two addresses', async check(t, trial) {
    const addresses = await Promise.all(['one', 'two'].map(async (name) => {
      const seen = await recordOf(trial, await trial.engine.run(specOf(trial, {name: `${trial.name}-${name}`}), SIGNAL));
      return seen.status === 'running' ? seen.addresses[trial.name] : undefined;
    }));
    t.is(new Set(addresses).size, 2);
    t.false(addresses.includes(undefined));
  }},
  {title: 'run of what runs changes nothing', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    const before = await recordOf(trial, id);
    t.is(await trial.engine.run(specOf(trial), SIGNAL), id);
    t.deepEqual(await recordOf(trial, id), before);
    t.is((await ours(trial)).length, 1);
  }},
  {title: 'run of what has exited starts it again', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.exit(id, 3);
    const before = await recordOf(trial, id);
    t.is(await trial.engine.run(specOf(trial), SIGNAL), id);
    const after = await recordOf(trial, id);
    t.is(after.status, 'running');
    t.is(after.createdAtMs, before.createdAtMs);
    t.true(after.status === 'running' && before.status === 'exited' && after.startedAtMs >= before.finishedAtMs);
  }},
  {title: 'without its network a container is made but not started, until the network is there', async check(t, trial) {
    const network = `${trial.name}-late`;
    const spec = specOf(trial, {network});
    await t.throwsAsync(trial.engine.run(spec, SIGNAL), {instanceOf: NetworkMissing});
    const [made, ...more] = await ours(trial);
    t.deepEqual(more, []);
    t.like(made, {name: trial.name, status: 'created'});
    await t.throwsAsync(trial.engine.run(spec, SIGNAL), {instanceOf: NetworkMissing}, 'the same again');
    await trial.engine.ensureNetwork({name: network, labels: trial.labels}, SIGNAL);
    await trial.engine.ensureNetwork({name: network, labels: trial.labels}, SIGNAL);
    const id = await trial.engine.run(spec, SIGNAL);
    t.is(id, made?.id ?? '');
    t.like(await recordOf(trial, id), {status: 'running'});
    t.is((await ours(trial)).length, 1);
  }},
  {title: 'a network has the subnet that it was asked for, and no other may overlap with it', async check(t, trial) {
    const [name, other] = [`${trial.name}-a`, `${trial.name}-b`];
    const [subnet, part] = [`${trial.subnet}/26`, `${trial.subnet}/27`];
    const network = async (wanted: string) => (await trial.engine.networks(SIGNAL)).find((one) => one.name === wanted);
    await trial.engine.ensureNetwork({name, labels: trial.labels, subnet}, SIGNAL);
    await t.notThrowsAsync(trial.engine.ensureNetwork({name, labels: trial.labels, subnet}, SIGNAL), 'it is there');
    t.like(await network(name), {name, subnets: [subnet], labels: trial.labels});
    await t.throwsAsync(trial.engine.ensureNetwork({name: other, labels: trial.labels, subnet: part}, SIGNAL), {message: /overlaps/});
    t.is(await network(other), undefined);
    await t.throwsAsync(trial.engine.ensureNetwork({name, labels: trial.otherLabels}, SIGNAL), {message: /not ours/});
    const id = await trial.engine.run(specOf(trial, {network: name}), SIGNAL);
    const networkId = (await network(name))?.id ?? '';
    await t.throwsAsync(trial.engine.removeNetwork(networkId, SIGNAL), {message: /active endpoints/});
    await trial.engine.remove(id, SIGNAL);
    await trial.engine.removeNetwork(networkId, SIGNAL);
    await trial.engine.removeNetwork(networkId, SIGNAL);
    t.is(await network(name), undefined);
  }},
  {title: 'a container can be on several networks: from its start, or connected and disconnected while it runs', async check(t, trial) {
    const other = `${trial.name}-other`;
    const connection = {name: other, aliases: ['web.shop.internal']};
    const spec = specOf(trial, {alsoOn: [connection]});
    const networksOf = async (id: string) => {
      const seen = await recordOf(trial, id);
      return seen.status === 'running' ? Object.keys(seen.addresses).toSorted() : [];
    };
    await t.throwsAsync(trial.engine.run(spec, SIGNAL), {instanceOf: NetworkMissing});
    const network = {name: other, labels: trial.labels, subnet: `${trial.subnet}/26`, isInternal: true};
    await trial.engine.ensureNetwork(network, SIGNAL);
    const id = await trial.engine.run(spec, SIGNAL);
    t.deepEqual(await networksOf(id), [trial.name, other], 'once it is there the same start succeeds');
    await trial.engine.connect(id, connection, SIGNAL);
    t.deepEqual(await networksOf(id), [trial.name, other], 'it was connected already');
    for (let times = 0; times < 2; times++) await trial.engine.disconnect(id, other, SIGNAL);
    t.deepEqual(await networksOf(id), [trial.name]);
    for (let times = 0; times < 2; times++) await trial.engine.connect(id, connection, SIGNAL);
    t.deepEqual(await networksOf(id), [trial.name, other]);
    await t.throwsAsync(trial.engine.connect(id, {name: `${trial.name}-none`, aliases: []}, SIGNAL), {instanceOf: NetworkMissing});
    await trial.engine.remove(id, SIGNAL);
    await t.notThrowsAsync(trial.engine.connect(GONE, connection, SIGNAL), 'nobody is left to be connected');
    await t.notThrowsAsync(trial.engine.disconnect(GONE, other, SIGNAL));
  }},
  {title: 'what was made for a network that is not wanted any more starts without it', async check(t, trial) {
    const other = `${trial.name}-other`;
    await t.throwsAsync(trial.engine.run(specOf(trial, {network: `${trial.name}-late`, alsoOn: []}), SIGNAL), {instanceOf: NetworkMissing});
    const [made] = await ours(trial);
    await trial.engine.ensureNetwork({name: other, labels: trial.labels, subnet: `${trial.subnet}/26`}, SIGNAL);
    await trial.engine.connect(made?.id ?? '', {name: other, aliases: []}, SIGNAL);
    await trial.engine.ensureNetwork({name: `${trial.name}-late`, labels: trial.labels}, SIGNAL);
    const id = await trial.engine.run(specOf(trial, {network: `${trial.name}-late`}), SIGNAL);
    const seen = await recordOf(trial, id);
    t.deepEqual(seen.status === 'running' ? Object.keys(seen.addresses) : [], [`${trial.name}-late`]);
  }},
  {title: 'a name that somebody else\'s container has is refused, and that container is left alone', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial, {labels: trial.otherLabels}), SIGNAL);
    const running = await recordOf(trial, id);
    await t.throwsAsync(trial.engine.run(specOf(trial), SIGNAL), {message: /not ours/});
    t.deepEqual(await recordOf(trial, id), running);
    await trial.exit(id, 0);
    const exited = await recordOf(trial, id);
    await t.throwsAsync(trial.engine.run(specOf(trial), SIGNAL), {message: /not ours/});
    t.deepEqual(await recordOf(trial, id), exited, 'it is not started either');
    t.deepEqual(await ours(trial), []);
  }},
  {title: 'run rejects without a trace when there is no such image', async check(t, trial) {
    const error = await t.throwsAsync(trial.engine.run(specOf(trial, {image: NO_IMAGE}), SIGNAL), {message: /no such image/i});
    t.false(error instanceof NetworkMissing);
    t.deepEqual(await ours(trial), []);
  }},
  {title: 'run of a frozen container is refused', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.pause(id);
    t.like(await recordOf(trial, id), {status: 'running', isPaused: true});
    await t.throwsAsync(trial.engine.run(specOf(trial), SIGNAL), {message: /paused/});
    t.like(await recordOf(trial, id), {status: 'running', isPaused: true});
  }},
  {title: 'a process that ends leaves its exit code and its times', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.exit(id, 7);
    const seen = await recordOf(trial, id);
    t.like(seen, {status: 'exited', exitCode: 7, isOutOfMemory: false});
    t.true(seen.status === 'exited' && seen.createdAtMs <= seen.startedAtMs && seen.startedAtMs <= seen.finishedAtMs && seen.finishedAtMs <= Date.now());
  }},
  {title: 'stop ends the process with SIGTERM, and can be repeated', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.begun(id);
    await trial.engine.stop(id, GRACE_MS, SIGNAL);
    const stopped = await recordOf(trial, id);
    t.like(stopped, {status: 'exited', exitCode: 143, isOutOfMemory: false});
    await trial.engine.stop(id, GRACE_MS, SIGNAL);
    t.deepEqual(await recordOf(trial, id), stopped);
    await t.notThrowsAsync(trial.engine.stop(GONE, GRACE_MS, SIGNAL), 'nor is one missed that is gone');
  }},
  {title: 'stop ends a frozen process too', async check(t, trial) {
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.pause(id);
    await trial.engine.stop(id, GRACE_MS, SIGNAL);
    t.like(await recordOf(trial, id), {status: 'exited'});
  }},
  {title: 'remove removes what runs, is frozen, has exited or never ran, and can be repeated', async check(t, trial) {
    const run = (name: string) => trial.engine.run(specOf(trial, {name: `${trial.name}-${name}`}), SIGNAL);
    await run('running');
    const frozen = await run('frozen');
    const exited = await run('exited');
    await trial.pause(frozen);
    await trial.exit(exited, 0);
    await t.throwsAsync(trial.engine.run(specOf(trial, {network: `${trial.name}-none`}), SIGNAL), {instanceOf: NetworkMissing});
    const all = await ours(trial);
    t.deepEqual(all.map(({status}) => status).toSorted(), ['created', 'exited', 'running', 'running']);
    for (const {id} of [...all, ...all]) {
      await trial.engine.remove(id, SIGNAL);
      t.is(await trial.engine.container(id, SIGNAL), undefined);
    }
    t.deepEqual(await ours(trial), []);
  }},
  {title: 'a name is free again once its container was removed', async check(t, trial) {
    const first = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.engine.remove(first, SIGNAL);
    t.not(await trial.engine.run(specOf(trial), SIGNAL), first);
  }},
  {title: 'containers are listed when they have every label that is asked for', async check(t, trial) {
    const run = (name: string, labels: Readonly<Record<string, string>>) => trial.engine.run(specOf(trial, {name: `${trial.name}-${name}`, labels}), SIGNAL);
    const key = `${trial.name}.part`;
    const plain = await run('plain', {...trial.labels, [key]: 'a'});
    const odd = await run('odd', {...trial.labels, [key]: 'a=b c'});
    const other = await run('other', {...trial.otherLabels, [key]: 'a'});
    await trial.exit(odd, 0);
    const listed = async (...labels: readonly string[]) => (await trial.engine.containers(labels, SIGNAL)).map(({id}) => id).toSorted();
    t.deepEqual(await listed(...labelsOf(trial)), [plain, odd].toSorted(), 'running or not');
    t.deepEqual(await listed(key), [plain, odd, other].toSorted());
    t.deepEqual(await listed(...labelsOf(trial), `${key}=a`), [plain]);
    t.deepEqual(await listed(`${key}=a=b c`), [odd], 'a value may have a = in it');
    t.deepEqual(await listed(...labelsOf(trial), `${key}=b`), []);
    const all = await listed();
    t.true([plain, odd, other].every((id) => all.includes(id)), 'no label asks for all');
  }},
  {title: 'there is no record of a container that is not there', async check(t, trial) {
    t.is(await trial.engine.container(GONE, SIGNAL), undefined);
  }},
  {title: 'images are listed when they have every label that is asked for', async check(t, trial) {
    const listed = async (...labels: readonly string[]) => (await trial.engine.images(labels, SIGNAL)).map(({id}) => id);
    const key = `${trial.name}.image`;
    t.true((await listed(trial.imageLabel)).includes(trial.image));
    t.deepEqual(await listed(trial.imageLabel, key), []);
    const before = Date.now();
    const added = await trial.addImage(`${key}=one`);
    t.deepEqual([await listed(key), await listed(`${key}=one`), await listed(`${key}=two`)], [[added], [added], []]);
    const [record] = await trial.engine.images([key], SIGNAL);
    t.is(record?.labels[key], 'one');
    // The engine gives whole seconds here.
    t.true(record !== undefined && record.sizeBytes > 0 && record.createdAtMs > before - 1000 && record.createdAtMs <= Date.now());
  }},
  {title: 'an image can be removed, again and again, but not while something runs from it', async check(t, trial) {
    const label = `${trial.name}.image=one`;
    const image = await trial.addImage(label);
    const id = await trial.engine.run(specOf(trial, {image}), SIGNAL);
    await t.throwsAsync(trial.engine.removeImage(image, SIGNAL), {message: /used by running container/});
    t.is((await trial.engine.images([label], SIGNAL)).length, 1);
    await trial.engine.remove(id, SIGNAL);
    await trial.engine.removeImage(image, SIGNAL);
    await trial.engine.removeImage(image, SIGNAL);
    t.deepEqual(await trial.engine.images([label], SIGNAL), []);
  }},
  {title: 'events say first that they listen, then what happens to ours, in order, and nothing of others\' containers', async check(t, trial) {
    const early = await trial.engine.run(specOf(trial, {name: `${trial.name}-early`}), SIGNAL);
    const listening = new AbortController();
    const seen: EngineEvent[] = [];
    const ended = (async () => {
      for await (const event of trial.engine.events(labelsOf(trial), listening.signal)) seen.push(event);
    })();
    t.teardown(() => listening.abort());
    await until('it listens', () => seen.length > 0);
    t.deepEqual(seen, [{type: 'listening', action: '', id: ''}], 'what was before is not told');
    const other = await trial.engine.run(specOf(trial, {name: `${trial.name}-other`, labels: trial.otherLabels}), SIGNAL);
    await trial.engine.remove(other, SIGNAL);
    const id = await trial.engine.run(specOf(trial), SIGNAL);
    await trial.exit(id, 1);
    await trial.engine.run(specOf(trial), SIGNAL);
    await trial.engine.stop(id, GRACE_MS, SIGNAL);
    await trial.engine.remove(id, SIGNAL);
    await trial.engine.remove(early, SIGNAL);
    const told = () => seen.filter(({type, action}) => type === 'container' && ['start', 'die', 'destroy'].includes(action)).map((event) => `${event.action} ${event.id === id ? 'it' : event.id === early ? 'early' : 'another'}`);
    await until('the last one is told', () => told().includes('destroy early'));
    t.deepEqual(told(), ['start it', 'die it', 'start it', 'die it', 'destroy it', 'die early', 'destroy early']);
    t.deepEqual(seen.filter((event) => event.type === 'container' && ![id, early].includes(event.id)), []);
    listening.abort();
    await t.notThrowsAsync(ended, 'whoever stops listening is not told of an error');
  }},
];

function labelsOf({labels}: EngineTrial): readonly string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

function ours(trial: EngineTrial): Promise<readonly ContainerRecord[]> {
  return trial.engine.containers(labelsOf(trial), SIGNAL);
}

async function recordOf({engine}: EngineTrial, id: string): Promise<ContainerRecord> {
  const record = await engine.container(id, SIGNAL);
  if (record === undefined) throw new Error(`there is no container ${id}`);
  return record;
}
