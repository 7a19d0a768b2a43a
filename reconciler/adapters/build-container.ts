import {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {printLines, unlessStatus, withDeadline} from './docker-build.ts';
import {demultiplexed, type OutputPiece} from './docker-output.ts';

/** Making, starting and removing, milliseconds: unpacking and deleting files on a slow disk included. */
const LIFECYCLE_MS = 60_000;

export interface BuildContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pidsMax: number;
  /** It ends, and the engine removes it, even when nobody is left to do so. */
  readonly lifetimeSeconds: number;
  readonly volume: {readonly name: string; readonly target: string; readonly labels: Readonly<Record<string, string>>};
}

/** A container without any right in which others' code runs, step by step. */
export interface BuildContainer {
  /** Puts the files of a tar below an absolute path. */
  put(folder: string, tar: Readable, signal: AbortSignal): Promise<void>;
  /** Runs a command to its end; stdout and stderr arrive line by line, in the order they were written. */
  run(command: Command, onLine: (line: string) => void, signal: AbortSignal): Promise<{readonly exitCode: number}>;
  /** Runs a command and gives its stdout as bytes; throws when its exit code is not 0. */
  read(command: Command, signal: AbortSignal): AsyncGenerator<Uint8Array>;
  /** Bytes that were written to its own file system. */
  writtenBytes(signal: AbortSignal): Promise<number>;
  /** Whether the kernel killed something in it for want of memory. */
  wasOutOfMemory(signal: AbortSignal): Promise<boolean>;
}

export interface Command {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
}

/**
 * First process: collects what others leave behind (as every first process has to), and ends by itself. It needs no child for that. A bash that reads collects
 * nothing before it has read: hence the trap and the seconds, else what has long ended counts as a process.
 */
const FIRST_PROCESS = 'exec {pipe}<> <(:); trap : CHLD; while [ "$SECONDS" -lt "$0" ]; do read -t 1 -u "$pipe"; done';
const USER = '1000:1000';

/**
 * Starts a container and lends it. When `use` succeeded the container is killed and the engine removes it in its own time (under load
 * that takes seconds, which nobody has to wait for); after a failure or an abort it has been removed when this rejects.
 */
export async function withBuildContainer<Value>(docker: Docker, spec: BuildContainerSpec, use: (container: BuildContainer) => Promise<Value>, signal: AbortSignal): Promise<Value> {
  const handle = docker.getContainer(spec.name);
  // Not aborted half way: a container that was made but not answered for would stay.
  const limit = AbortSignal.timeout(LIFECYCLE_MS);
  await docker.createVolume({Name: spec.volume.name, Labels: {...spec.volume.labels}, abortSignal: limit} as Docker.VolumeCreateOptions);
  // Removing it is what ends all that runs in it: at once, not when the last answer has arrived.
  const onAbort = () => void removeContainer(docker, spec.name).catch(() => {});
  try {
    await docker.createContainer({...options(spec), abortSignal: limit});
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, {once: true});
    await handle.start({abortSignal: withDeadline(signal, LIFECYCLE_MS)});
    const value = await use(buildContainer(docker, handle));
    await handle.kill({abortSignal: AbortSignal.timeout(LIFECYCLE_MS)}).catch(unlessStatus(404, 409));
    return value;
  } catch (error) {
    await removeContainer(docker, spec.name);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export async function removeContainer(docker: Docker, name: string): Promise<void> {
  const limit = AbortSignal.timeout(LIFECYCLE_MS);
  // 409: somebody removes it already. Wait until that is done.
  await docker.getContainer(name).remove({force: true, v: true, abortSignal: limit}).catch(unlessStatus(404, 409));
  await docker.getContainer(name).wait({condition: 'removed', abortSignal: limit}).catch(unlessStatus(404));
}

/** Removes every container that carries all of these labels (`key=value`). */
export async function removeContainers(docker: Docker, labels: readonly string[], signal: AbortSignal): Promise<void> {
  const found = await docker.listContainers({all: true, filters: {label: [...labels]}, abortSignal: withDeadline(signal)} as Docker.ContainerListOptions);
  for (const {Id} of found) await removeContainer(docker, Id);
}

/** Bytes that a container wrote to its own file system; 0 for one that is gone. */
export async function writtenBytes(docker: Docker, id: string, signal: AbortSignal): Promise<number> {
  const answer = await docker.getContainer(id).inspect({size: true, abortSignal: withDeadline(signal)} as object).catch(unlessStatus(404));
  return (answer as {SizeRw?: number} | undefined)?.SizeRw ?? 0;
}

function options(spec: BuildContainerSpec): Docker.ContainerCreateOptions {
  return {
    name: spec.name,
    Image: spec.image,
    Entrypoint: ['bash', '-c', FIRST_PROCESS, String(spec.lifetimeSeconds)],
    Cmd: [],
    User: USER,
    Labels: {...spec.labels},
    StopSignal: 'SIGKILL',
    HostConfig: {
      AutoRemove: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      NanoCpus: Math.round(spec.cpus * 1e9),
      PidsLimit: spec.pidsMax,
      NetworkMode: 'bridge',
      LogConfig: {Type: 'none', Config: {}},
      Mounts: [{Type: 'volume', Source: spec.volume.name, Target: spec.volume.target}],
    },
  };
}

function buildContainer(docker: Docker, handle: Docker.Container): BuildContainer {
  const start = async ({words, env = {}, folder = '/'}: Command, signal: AbortSignal) => {
    const exec = await handle.exec({
      Cmd: [...words],
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      WorkingDir: folder,
      User: USER,
      AttachStdout: true,
      AttachStderr: true,
      abortSignal: withDeadline(signal),
    });
    const stream = (await exec.start({Detach: false, Tty: false, abortSignal: signal} as Docker.ExecStartOptions)) as unknown as Readable;
    return {exec, stream};
  };
  const exitCodeOf = async (exec: Docker.Exec, signal: AbortSignal) => {
    const {ExitCode, Running} = await exec.inspect({abortSignal: withDeadline(signal)});
    if (Running || ExitCode === null) throw new Error('the connection to the engine broke while a build step ran');
    return ExitCode;
  };
  return {
    async put(folder, tar, signal) {
      await handle.putArchive(tar as NodeJS.ReadableStream, {path: folder, abortSignal: signal} as {path: string});
    },
    async run(command, onLine, signal) {
      const {exec, stream} = await start(command, signal);
      await printLines(Readable.from(bytesOf(stream, ['stdout', 'stderr']), {objectMode: false}), onLine, signal);
      signal.throwIfAborted();
      return {exitCode: await exitCodeOf(exec, signal)};
    },
    async *read(command, signal) {
      const {exec, stream} = await start(command, signal);
      yield* bytesOf(stream, ['stdout']);
      const exitCode = await exitCodeOf(exec, signal);
      if (exitCode !== 0) throw new Error(`"${command.words.join(' ').slice(0, 200)}" ended with ${exitCode}`);
    },
    writtenBytes: signal => writtenBytes(docker, handle.id, signal),
    async wasOutOfMemory(signal) {
      return (await handle.inspect({abortSignal: withDeadline(signal)} as object)).State.OOMKilled;
    },
  };
}

async function* bytesOf(stream: Readable, wanted: readonly OutputPiece['stream'][]): AsyncGenerator<Uint8Array> {
  for await (const piece of demultiplexed(stream)) if (wanted.includes(piece.stream)) yield piece.bytes;
}
