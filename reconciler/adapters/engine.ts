/**
 * All that the pass needs of a container engine, in the engine's own words: this folder knows nothing of apps and plans.
 *
 * Every change is safe to repeat: asking for what is already so succeeds. `docker.ts` implements this with dockerode,
 * `test/support/fake-engine.ts` in memory; both have to pass `test/support/engine-contract.ts`.
 */
export interface Engine {
  /** All containers, running or not, that carry every given label (`key` or `key=value`). */
  containers(labels: readonly string[], signal: AbortSignal): Promise<readonly ContainerRecord[]>;
  /** One container by id, or undefined when there is none. */
  container(id: string, signal: AbortSignal): Promise<ContainerRecord | undefined>;
  /**
   * What happens to containers that carry every given label, and to all images and networks (their events carry no labels), live. The first one says `listening`: what happens
   * from then on is told, what happened before has to be looked at. Ends, or rejects, when the engine goes away.
   */
  events(labels: readonly string[], signal: AbortSignal): AsyncIterable<EngineEvent>;
  /** Lines of a container's log, oldest first: the last `tail` ones, then, with `follow`, all that come until it stops. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<EngineLogLine>;
  /** All images that carry every given label. */
  images(labels: readonly string[], signal: AbortSignal): Promise<readonly ImageRecord[]>;
  /**
   * Makes and starts a container, or starts the one that already has this name. Resolves to its id.
   * @throws {NetworkMissing} when its network is not there: make it with `ensureNetwork` and repeat.
   */
  run(spec: ContainerSpec, signal: AbortSignal): Promise<string>;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has stopped, or was gone. */
  stop(id: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** Sends a signal to the first process of a container, and does not wait for what it does. The engine does not start it again afterwards. Nothing happens to one that does not run. */
  send(id: string, name: 'SIGTERM' | 'SIGUSR1', signal: AbortSignal): Promise<void>;
  /** Whether the engine starts it again by itself: from now on. Nothing happens to one that is gone. */
  setRestart(id: string, restart: ContainerSpec['restart'], signal: AbortSignal): Promise<void>;
  /** Kills it if it runs, and removes it with its anonymous volumes. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** One that other images stand on loses its names, and goes with the last of them. Rejects when a container uses it. */
  removeImage(id: string, signal: AbortSignal): Promise<void>;
  /** All bridge networks, ours or not: their subnets are taken. */
  networks(signal: AbortSignal): Promise<readonly NetworkRecord[]>;
  /** Makes the bridge network, or finds the one that has this name and these labels. Rejects when its subnet overlaps with another one's. */
  ensureNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<void>;
  /**
   * Connects a container to one network more; at once when it runs. One that is connected already, or gone, is left as it is.
   * @throws {NetworkMissing}
   */
  connect(id: string, network: Connection, signal: AbortSignal): Promise<void>;
  /** Takes a running container off a network by its name; its connections over it end. Resolves when it was not on it, or is gone. */
  disconnect(id: string, network: string, signal: AbortSignal): Promise<void>;
  /** Rejects while a container that runs is connected to it. */
  removeNetwork(id: string, signal: AbortSignal): Promise<void>;
  /** Runs a command in a running container. Output is at most its first 1,000 bytes, both streams together. */
  exec(id: string, command: readonly string[], signal: AbortSignal): Promise<{readonly exitCode: number; readonly output: string}>;
}

export interface ContainerSpec {
  readonly name: string;
  /** Id (`sha256:…`) or a tag. */
  readonly image: string;
  /** Replaces the image's entrypoint when given. */
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** `host`, or the name of a network. */
  readonly network: string;
  /** Names, beside its own, by which others on its network find it. Several containers may share one: all are answered. */
  readonly aliases?: readonly string[];
  /** Networks beside that one. */
  readonly alsoOn?: readonly Connection[];
  readonly mounts: readonly Mount[];
  /** Made when they are not there yet, with their labels. A new one belongs to the user that the container runs as. */
  readonly volumes?: readonly VolumeMount[];
  readonly tmpfs?: readonly {readonly path: string; readonly sizeBytes: number}[];
  readonly isRootReadOnly?: boolean;
  readonly isPrivileged?: boolean;
  /** Open files of each process. Absent: the engine's own limit. */
  readonly filesMax?: number;
  /** 0: no limit. */
  readonly memoryBytes: number;
  /** 0: no limit. */
  readonly cpus: number;
  /** 0: no limit. */
  readonly pidsMax: number;
  /** Linux capabilities to keep; all others are dropped. */
  readonly capabilities: readonly string[];
  readonly user?: string;
  /** `always`: the engine itself restarts it, also after a reboot. For the platform's own containers. */
  readonly restart: 'never' | 'always';
  readonly logBytesMax: number;
}

export interface Mount {
  /** Absolute path on the host, or the name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

export interface VolumeMount {
  readonly name: string;
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type ContainerRecord = {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly restart: ContainerSpec['restart'];
} & (
  | {readonly status: 'created'; readonly error: string}
  | {readonly status: 'running'; readonly isPaused: boolean; readonly startedAtMs: number; /** IPv4 by network name. */ readonly addresses: Readonly<Record<string, string>>; /** On this machine, where the engine runs on it. */ readonly pid?: number}
  | {readonly status: 'exited'; readonly startedAtMs: number; readonly finishedAtMs: number; readonly exitCode: number; readonly isOutOfMemory: boolean}
);

export interface ImageRecord {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly sizeBytes: number;
}

/** A network by its name, and the names by which others on it find the container. */
export interface Connection {
  readonly name: string;
  readonly aliases: readonly string[];
}

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `10.213.4.0/25`. Absent: the engine chooses one of the some thirty that it has. */
  readonly subnet?: string;
  /** Nothing leads out of it: neither to other networks nor to the host. */
  readonly isInternal?: boolean;
}

export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** IPv4 only. */
  readonly subnets: readonly string[];
}

export class NetworkMissing extends Error {
  override name = 'NetworkMissing';
}

export interface EngineEvent {
  readonly type: 'listening' | 'container' | 'image' | 'network';
  /** `start`, `die`, `destroy`, `oom`, `update`, `rename`, `disconnect`, … */
  readonly action: string;
  /** Id of the container or image. Of a network event that of the container which was connected or disconnected, empty for the network itself. */
  readonly id: string;
}

export interface LogOptions {
  readonly tail: number;
  readonly follow: boolean;
}

export interface EngineLogLine {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly at: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Beside `Engine`, because the pass has no use for it. */
export interface EngineLogs {
  /**
   * All lines of a container's log, oldest first and in the order of the engine, then those that come until it stops: as bytes, in batches, for
   * who keeps them. The first batch is empty: the log is open, however long its container says nothing. Reading slowly is safe: the engine waits, and then leaves out what it had to remove in the meantime.
   */
  logBatches(id: string, options: {/** RFC 3339 with nanoseconds: only lines of that time or later. */ readonly since?: string}, signal: AbortSignal): AsyncIterable<readonly RawLogLine[]>;
}

export interface RawLogLine {
  readonly isStderr: boolean;
  /** Timestamp (RFC 3339 with nanoseconds, 30 bytes), a space, the text, a newline. Valid until the next batch is asked for. */
  readonly bytes: Buffer;
}
