import type Docker from 'dockerode';
import {logBatches} from './docker-log-batches.ts';
import {logLines} from './docker-log.ts';
import {demultiplexed} from './docker-output.ts';
import {ENGINE_CALL_MS_MAX, engineCall, hasStatus} from './docker-client.ts';
import {connectContainer, disconnectContainer} from './docker-connections.ts';
import {dockerEvents} from './docker-events.ts';
import {DockerExecs} from './docker-exec.ts';
import {giveVolumesToUser} from './docker-volumes.ts';
import {NetworkMissing, type Connection, type ContainerRecord, type ContainerSpec, type Engine, type EngineEvent, type EngineLogLine, type EngineLogs, type ImageRecord, type LogOptions, type NetworkRecord, type NetworkSpec, type RawLogLine} from './engine.ts';

/** Inspections at once: more gain nothing on two cores and can hold up an engine that has other work. */
const INSPECT_PARALLEL_MAX = 8;
/** A start may have to wait for the disk. */
const START_MS_MAX = 60_000;
/** What the engine notes of a start whose caller went away, as a killed reconciler does: nothing is wrong with the container (seen with 26.1.5). */
const CLIENT_GONE = 'context canceled';

/** The engine through dockerode. Every call has a deadline; every change can be repeated. */
export class DockerEngine implements Engine, EngineLogs {
  readonly #docker: Docker;
  readonly #execs: DockerExecs;

  constructor(docker: Docker) {
    this.#docker = docker;
    this.#execs = new DockerExecs(docker);
  }

  async containers(labels: readonly string[], signal: AbortSignal): Promise<readonly ContainerRecord[]> {
    const listed = await this.#call('list containers', (abortSignal) => this.#docker.listContainers({all: true, filters: {label: [...labels]}, abortSignal}), signal);
    const records: ContainerRecord[] = [];
    for (let start = 0; start < listed.length; start += INSPECT_PARALLEL_MAX) {
      const some = await Promise.all(listed.slice(start, start + INSPECT_PARALLEL_MAX).map(({Id}) => this.container(Id, signal)));
      records.push(...some.filter((record) => record !== undefined));
    }
    return records;
  }

  async container(id: string, signal: AbortSignal): Promise<ContainerRecord | undefined> {
    try {
      return toRecord(await this.#call('inspect container', (abortSignal) => this.#docker.getContainer(id).inspect({abortSignal}), signal));
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async images(labels: readonly string[], signal: AbortSignal): Promise<readonly ImageRecord[]> {
    const listed = await this.#call('list images', (abortSignal) => this.#docker.listImages({filters: {label: [...labels]}, abortSignal}), signal);
    return listed.map((image): ImageRecord => ({id: image.Id, tags: image.RepoTags ?? [], labels: image.Labels ?? {}, createdAtMs: image.Created * 1000, sizeBytes: image.Size}));
  }

  async run(spec: ContainerSpec, signal: AbortSignal): Promise<string> {
    const id = await this.#create(spec, signal);
    if (spec.volumes !== undefined) await engineCall(`prepare the volumes of ${spec.name}`, (abortSignal) => giveVolumesToUser(this.#docker, id, createOptions(spec), abortSignal), {ms: START_MS_MAX, signal});
    for (const network of spec.alsoOn ?? []) await this.connect(id, network, signal);
    try {
      await engineCall(`start ${spec.name}`, (abortSignal) => this.#docker.getContainer(id).start({abortSignal}), {ms: START_MS_MAX, signal});
    } catch (error) {
      if (!hasStatus(error, 304)) throw toNetworkMissing(error, spec);
    }
    return id;
  }

  async #create(spec: ContainerSpec, signal: AbortSignal): Promise<string> {
    try {
      return (await this.#call(`create ${spec.name}`, (abortSignal) => this.#docker.createContainer({...createOptions(spec), abortSignal}), signal)).id;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      // The name is taken: by the container that an earlier call made, or by somebody else's, which is not to be touched.
      const there = await this.#call(`inspect ${spec.name}`, (abortSignal) => this.#docker.getContainer(spec.name).inspect({abortSignal}), signal);
      const isOurs = Object.entries(spec.labels).every(([key, value]) => there.Config.Labels[key] === value);
      if (!isOurs) throw new Error(`create ${spec.name}: a container that is not ours has this name`, {cause: error});
      if (there.State.Status !== 'created') return there.Id;
      // It was to be on a network that may be gone by now: then it could never start.
      const wanted = new Set([spec.network, ...(spec.alsoOn ?? []).map(({name}) => name)]);
      for (const name of Object.keys(there.NetworkSettings.Networks)) if (!wanted.has(name)) await this.disconnect(there.Id, name, signal);
      return there.Id;
    }
  }

  async stop(id: string, graceMs: number, signal: AbortSignal): Promise<void> {
    const ms = graceMs + ENGINE_CALL_MS_MAX;
    await this.#thaw(id, signal);
    await this.#unlessGone(engineCall('stop container', (abortSignal) => this.#docker.getContainer(id).stop({t: Math.ceil(graceMs / 1000), abortSignal}), {ms, signal}), 304, 404);
  }

  /** A frozen process hears neither SIGTERM nor, with cgroup v1, SIGKILL: the engine would wait in vain, or has to thaw it while it ends. */
  async #thaw(id: string, signal: AbortSignal): Promise<void> {
    const there = await this.container(id, signal);
    if (there?.status !== 'running' || !there.isPaused) return;
    await this.#unlessGone(this.#call('unpause container', (abortSignal) => this.#docker.getContainer(id).unpause({abortSignal}), signal), 404, 409, 500);
  }

  async send(id: string, name: 'SIGTERM' | 'SIGUSR1', signal: AbortSignal): Promise<void> {
    await this.#unlessGone(this.#call(`send ${name}`, (abortSignal) => this.#docker.getContainer(id).kill({signal: name, abortSignal}), signal), 404, 409);
  }

  async setRestart(id: string, restart: ContainerSpec['restart'], signal: AbortSignal): Promise<void> {
    await this.#unlessGone(this.#call('update container', (abortSignal) => this.#docker.getContainer(id).update({RestartPolicy: {Name: policyOf(restart)}, abortSignal}), signal), 404);
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const container = this.#docker.getContainer(id);
    // What can't even be looked at is to go all the same.
    await this.#thaw(id, signal).catch(() => signal.throwIfAborted());
    try {
      await this.#call('remove container', (abortSignal) => container.remove({force: true, v: true, abortSignal}), signal);
    } catch (error) {
      if (hasStatus(error, 404)) return;
      if (!hasStatus(error, 409)) throw error;
      // Somebody removes it already. Not done until it is gone: who looks at once would ask for it again, dozens of times.
      await this.#unlessGone(this.#call('wait until the container is gone', (abortSignal) => container.wait({condition: 'removed', abortSignal}), signal), 404);
    }
  }

  async removeImage(id: string, signal: AbortSignal): Promise<void> {
    const image = this.#docker.getImage(id);
    try {
      await this.#unlessGone(this.#call('remove image', (abortSignal) => image.remove({force: true, abortSignal}), signal), 404);
    } catch (error) {
      if (!hasStatus(error, 409) || !/dependent child images/.test(String(error))) throw error;
      // Another image stands on it, such as one that was deployed as an app of its own. Without a name it is listed no more, and goes with the last that needs it.
      const {RepoTags: names} = await this.#call('inspect image', (abortSignal) => image.inspect({abortSignal} as object), signal);
      for (const name of names ?? []) await this.#unlessGone(this.#call('remove image', (abortSignal) => this.#docker.getImage(name).remove({abortSignal}), signal), 404);
    }
  }

  async networks(signal: AbortSignal): Promise<readonly NetworkRecord[]> {
    const listed = await this.#call('list networks', (abortSignal) => this.#docker.listNetworks({filters: {driver: ['bridge']}, abortSignal}), signal);
    return listed.map(({Id, Name, Labels, IPAM}): NetworkRecord => ({
      id: Id,
      name: Name,
      labels: Labels ?? {},
      subnets: (IPAM?.Config ?? []).flatMap(({Subnet}) => (Subnet === undefined || Subnet.includes(':') ? [] : [Subnet])),
    }));
  }

  async ensureNetwork({name, labels, subnet, isInternal = false}: NetworkSpec, signal: AbortSignal): Promise<void> {
    if (await this.#isNetworkThere(name, labels, signal)) return;
    const options = {Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: {...labels}, ...(isInternal && {Internal: true}), ...(subnet !== undefined && {IPAM: {Config: [{Subnet: subnet}]}})};
    try {
      await this.#call(`create network ${name}`, (abortSignal) => this.#docker.createNetwork({...options, abortSignal}), signal);
    } catch (error) {
      // Two who need it at the same moment: the other one was faster, and has the name, the subnet or both.
      if (!hasStatus(error, 403, 409) || !(await this.#isNetworkThere(name, labels, signal))) throw error;
    }
  }

  connect(id: string, network: Connection, signal: AbortSignal): Promise<void> {
    return connectContainer(this.#docker, {id, network}, signal);
  }

  disconnect(id: string, network: string, signal: AbortSignal): Promise<void> {
    return disconnectContainer(this.#docker, {id, network}, signal);
  }

  async removeNetwork(id: string, signal: AbortSignal): Promise<void> {
    await this.#unlessGone(this.#call('remove network', (abortSignal) => this.#docker.getNetwork(id).remove({abortSignal}), signal), 404);
  }

  async #isNetworkThere(name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<boolean> {
    const there = (await this.networks(signal)).find((network) => network.name === name);
    if (there === undefined) return false;
    if (Object.entries(labels).every(([key, value]) => there.labels[key] === value)) return true;
    throw new Error(`create network ${name}: a network that is not ours has this name`);
  }

  exec(id: string, command: readonly string[], signal: AbortSignal): Promise<{readonly exitCode: number; readonly output: string}> {
    return this.#execs.run(id, command, signal);
  }

  events(labels: readonly string[], signal: AbortSignal): AsyncIterable<EngineEvent> {
    return dockerEvents(this.#docker, labels, signal);
  }

  async* logs(id: string, {tail, follow}: LogOptions, signal: AbortSignal): AsyncIterable<EngineLogLine> {
    const options = {stdout: true, stderr: true, timestamps: true, tail};
    const container = this.#docker.getContainer(id);
    try {
      if (!follow) {
        const all = await this.#call('read log', (abortSignal) => container.logs({...options, follow: false, abortSignal}), signal);
        yield* logLines(demultiplexed([all]));
        return;
      }
      const stream = await this.#call('read log', (abortSignal) => container.logs({...options, follow: true, abortSignal}), signal);
      yield* whileOpen(stream, (pieces) => logLines(demultiplexed(pieces)), signal);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }

  async* logBatches(id: string, {since}: {readonly since?: string}, signal: AbortSignal): AsyncIterable<readonly RawLogLine[]> {
    // Seconds and nanoseconds, as the engine wants them; the types know whole seconds only.
    const from = since === undefined ? {} : {since: `${Math.trunc(Date.parse(since) / 1000)}.${since.slice(-10, -1)}` as unknown as number};
    try {
      const ask = (abortSignal: AbortSignal) => this.#docker.getContainer(id).logs({stdout: true, stderr: true, timestamps: true, follow: true, ...from, abortSignal});
      const stream = await this.#call('read log', ask, signal);
      yield [];
      yield* whileOpen(stream, logBatches, signal);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }

  #call<Value>(what: string, ask: (abortSignal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    return engineCall(what, ask, {ms: ENGINE_CALL_MS_MAX, signal});
  }

  async #unlessGone(work: Promise<unknown>, ...codes: readonly number[]): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!hasStatus(error, ...codes)) throw error;
    }
  }
}

/** What is made of a stream until it ends or the signal is aborted, which closes it. */
async function* whileOpen<Item>(stream: NodeJS.ReadableStream, read: (stream: NodeJS.ReadableStream) => AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const stop = () => (stream as NodeJS.ReadableStream & {destroy?: () => void}).destroy?.();
  signal.addEventListener('abort', stop, {once: true});
  if (signal.aborted) stop();
  try {
    yield* read(stream);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** The error of a start as it is, unless what it complains of can be made. */
export function toNetworkMissing(error: unknown, {name, network}: ContainerSpec): unknown {
  const isMissing = hasStatus(error, 404) && /network .* not found/i.test(String(error));
  return isMissing ? new NetworkMissing(`start ${name}: there is no network "${network}"`, {cause: error}) : error;
}

export function createOptions(spec: ContainerSpec): Docker.ContainerCreateOptions {
  const isHost = spec.network === 'host';
  const {aliases = [], volumes = [], tmpfs = [], filesMax} = spec;
  return {
    name: spec.name,
    Image: spec.image,
    ...(spec.entrypoint && {Entrypoint: [...spec.entrypoint]}),
    ...(spec.command.length > 0 && {Cmd: [...spec.command]}),
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Labels: {...spec.labels},
    ...(spec.user !== undefined && {User: spec.user}),
    ...(aliases.length > 0 && !isHost && {NetworkingConfig: {EndpointsConfig: {[spec.network]: {Aliases: [...aliases]}}}}),
    HostConfig: {
      NetworkMode: spec.network,
      Binds: spec.mounts.map(({source, target, isReadOnly}) => `${source}:${target}${isReadOnly ? ':ro' : ''}`),
      ...(volumes.length > 0 && {Mounts: volumes.map(({name, target, labels}) => ({Type: 'volume' as const, Source: name, Target: target, VolumeOptions: {NoCopy: false, Labels: {...labels}, DriverConfig: {Name: 'local', Options: {}}}}))}),
      ...(tmpfs.length > 0 && {Tmpfs: Object.fromEntries(tmpfs.map(({path, sizeBytes}) => [path, `size=${sizeBytes},mode=1777`]))}),
      ...(spec.isRootReadOnly === true && {ReadonlyRootfs: true}),
      ...(spec.isPrivileged === true && {Privileged: true}),
      ...(filesMax !== undefined && {Ulimits: [{Name: 'nofile', Soft: filesMax, Hard: filesMax}]}),
      Memory: spec.memoryBytes,
      // As much again in swap would be twice the limit that the manifest gives.
      MemorySwap: spec.memoryBytes,
      NanoCpus: Math.round(spec.cpus * 1e9),
      ...(spec.pidsMax > 0 && {PidsLimit: spec.pidsMax}),
      CapDrop: ['ALL'],
      CapAdd: [...spec.capabilities],
      SecurityOpt: ['no-new-privileges'],
      RestartPolicy: {Name: policyOf(spec.restart)},
      LogConfig: {Type: 'json-file', Config: {'max-size': String(spec.logBytesMax), 'max-file': '2'}},
      ...(!isHost && {Init: true}),
    },
  };
}

function policyOf(restart: ContainerSpec['restart']): string {
  return restart === 'always' ? 'always' : 'no';
}

function startErrorOf(error: string): string {
  if (error.endsWith(CLIENT_GONE)) return '';
  // What runc says for RLIMIT_NOFILE: the engine itself runs under a lower limit that it may not raise.
  if (/setting rlimit type 7: operation not permitted/.test(error)) return `limits.files is more than the engine may give on this node: ${error}`;
  return error;
}

function toRecord(inspected: Docker.ContainerInspectInfo): ContainerRecord {
  const {State: state, HostConfig: host} = inspected;
  const base = {
    id: inspected.Id,
    name: inspected.Name.replace(/^\//, ''),
    image: inspected.Image,
    labels: inspected.Config.Labels,
    createdAtMs: Date.parse(inspected.Created),
    memoryBytes: host.Memory ?? 0,
    cpus: (host.NanoCpus ?? 0) / 1e9,
    restart: host.RestartPolicy?.Name === 'always' ? 'always' : 'never',
  } as const;
  if (state.Running || state.Paused || state.Restarting) {
    const networks = Object.entries(inspected.NetworkSettings.Networks);
    const addresses = Object.fromEntries(networks.filter(([, {IPAddress}]) => IPAddress !== '').map(([name, {IPAddress}]) => [name, IPAddress]));
    return {...base, status: 'running', isPaused: state.Paused, startedAtMs: Date.parse(state.StartedAt), addresses, pid: state.Pid};
  }
  if (state.Status === 'created') return {...base, status: 'created', error: startErrorOf(state.Error)};
  // "Never started" has year 1 as its times: what an engine leaves that was killed while starting.
  const startedAtMs = Math.max(Date.parse(state.StartedAt), base.createdAtMs);
  return {...base, status: 'exited', startedAtMs, finishedAtMs: Math.max(Date.parse(state.FinishedAt), startedAtMs), exitCode: state.ExitCode, isOutOfMemory: state.OOMKilled};
}
