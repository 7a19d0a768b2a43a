import {once} from 'node:events';
import type {Duplex} from 'node:stream';
import type Docker from 'dockerode';
import {createOptions, toNetworkMissing} from './docker.ts';
import {connectContainer} from './docker-connections.ts';
import {ENGINE_CALL_MS_MAX, engineCall, hasStatus} from './docker-client.ts';
import {demultiplexed, type OutputPiece} from './docker-output.ts';
import {giveVolumesToUser} from './docker-volumes.ts';
import type {ContainerSpec} from './engine.ts';
import {killSession, signalProcess} from './host-process.ts';
import {latestLast} from './latest.ts';

/** A start may have to wait for the disk. */
const START_MS_MAX = 60_000;
/** The engine tells a command's exit code a moment after its output has ended: looked for first after so long, then ever more rarely. */
const LOOK_MS = 20;
const LOOK_MS_MAX = 1_000;

/** Size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The signals that a command can be sent by the one who runs it. */
export type CommandSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'SIGKILL' | 'SIGUSR1' | 'SIGUSR2';

/** A command that runs in a container, and its streams. */
export interface Attached {
  /** What it writes, as it comes; ends with it. With a terminal all of it is `stdout`. To be read once. */
  readonly output: AsyncIterable<OutputPiece>;
  /** Resolves when the engine can take more. What the command does not want to read any more is dropped. */
  write(bytes: Uint8Array): Promise<void>;
  /** End of its stdin. */
  endInput(): void;
  /** Whatever the engine takes long for, the last size is the one that stays. */
  resize(size: TerminalSize, signal: AbortSignal): Promise<void>;
  send(name: CommandSignal, signal: AbortSignal): Promise<void>;
  /** To be asked when `output` has ended. */
  outcome(signal: AbortSignal): Promise<CommandOutcome>;
  /** Lets go of the streams, and of nothing else. */
  detach(): void;
}

export interface CommandOutcome {
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
}

export interface CommandStreams {
  /** Absent: no terminal, and stdout and stderr are kept apart. */
  readonly terminal?: TerminalSize;
}

/**
 * Makes a container for one command, attaches to it and starts it: nothing that it writes is missed, and nothing is logged. It is for the
 * caller to remove. When this rejects, the container may be there: its labels tell what it was for.
 * @throws {NetworkMissing}
 */
export async function runAttached(docker: Docker, spec: ContainerSpec, {terminal}: CommandStreams, signal: AbortSignal): Promise<Attached & {readonly id: string}> {
  const call = <Value>(what: string, ask: (abortSignal: AbortSignal) => Promise<Value>, ms = ENGINE_CALL_MS_MAX) => engineCall(what, ask, {ms, signal});
  const {HostConfig, ...rest} = createOptions(spec);
  const options = {
    ...rest, OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: terminal !== undefined,
    HostConfig: {...HostConfig, LogConfig: {Type: 'none', Config: {}}, ...(terminal && {ConsoleSize: [terminal.rows, terminal.columns] as [number, number]})},
  };
  const {id} = await call(`create ${spec.name}`, (abortSignal) => docker.createContainer({...options, abortSignal}));
  const container = docker.getContainer(id);
  if (spec.volumes !== undefined) await call(`prepare the volumes of ${spec.name}`, (abortSignal) => giveVolumesToUser(docker, id, createOptions(spec), abortSignal), START_MS_MAX);
  for (const network of spec.alsoOn ?? []) await connectContainer(docker, {id, network}, signal);
  // Two connections: when the command ends without having read its input, that breaks the one and not the other.
  const attach = (part: object) => call('attach', (abortSignal) => container.attach({...part, stream: true, hijack: true, abortSignal}) as Promise<unknown> as Promise<Duplex>);
  const output = await attach({stdout: true, stderr: true});
  const input = await attach({stdin: true}).catch((error: unknown) => {
    output.on('error', () => {}).destroy();
    throw error;
  });
  const streams = streamsOf(input, output, terminal !== undefined);
  const resize = latestLast(async ({columns, rows}: TerminalSize, until) => {
    await engineCall('resize', (abortSignal) => container.resize({w: columns, h: rows, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal: until}).catch(unlessEnded);
  });
  try {
    await call(`start ${spec.name}`, (abortSignal) => container.start({abortSignal}), START_MS_MAX);
    // Engines before API 1.42 do not know ConsoleSize.
    if (terminal !== undefined) await resize(terminal, signal);
  } catch (error) {
    streams.detach();
    throw toNetworkMissing(error, spec);
  }
  return {
    id, ...streams, resize,
    async send(name, until) {
      await engineCall('signal', (abortSignal) => container.kill({signal: name, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal: until}).catch(unlessEnded);
    },
    async outcome(until) {
      const seen = await whenEnded(() => engineCall('inspect', (abortSignal) => container.inspect({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal: until}), ({State}) => !State.Running, until);
      return {exitCode: seen.State.ExitCode, isOutOfMemory: seen.State.OOMKilled};
    },
  };
}

export interface ExecOptions extends CommandStreams {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Called with the command's id before it starts: whoever is killed from then on can find it again. */
  onMade(execId: string): Promise<void>;
}

/** Runs a command in a container that runs, and attaches to it. */
export async function execAttached(docker: Docker, containerId: string, {command, env, terminal, onMade}: ExecOptions, signal: AbortSignal): Promise<Attached & {readonly id: string}> {
  const call = <Value>(ask: (abortSignal: AbortSignal) => Promise<Value>) => engineCall('exec', ask, {ms: ENGINE_CALL_MS_MAX, signal});
  const exec = await call((abortSignal) => docker.getContainer(containerId).exec({
    Cmd: [...command], Env: Object.entries(env).map(([name, value]) => `${name}=${value}`), Tty: terminal !== undefined,
    AttachStdin: true, AttachStdout: true, AttachStderr: true, ...(terminal && {ConsoleSize: [terminal.rows, terminal.columns]}), abortSignal,
  } as Docker.ExecCreateOptions));
  await onMade(exec.id);
  const both = (await call((abortSignal) => exec.start({hijack: true, stdin: true, Tty: terminal !== undefined, abortSignal} as Docker.ExecStartOptions))) as unknown as Duplex;
  const resize = latestLast(async ({columns, rows}: TerminalSize, until) => {
    await engineCall('resize', (abortSignal) => exec.resize({w: columns, h: rows, abortSignal} as {w: number; h: number}), {ms: ENGINE_CALL_MS_MAX, signal: until}).catch(unlessEnded);
  });
  const streams = streamsOf(both, both, terminal !== undefined);
  try {
    if (terminal !== undefined) await resize(terminal, signal);
  } catch (error) {
    streams.detach();
    throw error;
  }
  return {
    id: exec.id, ...streams, resize,
    send: (name, until) => signalExec(docker, {execId: exec.id, name}, until),
    async outcome(until) {
      const {ExitCode} = await whenEnded(() => engineCall('exec', (abortSignal) => exec.inspect({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal: until}), ({Running}) => !Running, until);
      return {exitCode: ExitCode ?? -1, isOutOfMemory: false};
    },
  };
}

/** The engine can't end a command that it runs in a container: this does, from outside. Nothing happens to one that has ended, or is not known any more. */
export async function signalExec(docker: Docker, {execId, name}: {readonly execId: string; readonly name: CommandSignal}, signal: AbortSignal): Promise<void> {
  const seen = await inspectExec(docker, execId, signal);
  if (seen === undefined || !seen.Running || seen.Pid === 0) return;
  const target = {pid: seen.Pid, containerId: seen.ContainerID};
  // A shell's children are told by it, or go on with what they do: as in a terminal. SIGKILL is for all that it started.
  if (name === 'SIGKILL') await killSession(target);
  else await signalProcess(target, name);
}

export async function isExecRunning(docker: Docker, execId: string, signal: AbortSignal): Promise<boolean> {
  return (await inspectExec(docker, execId, signal))?.Running ?? false;
}

async function inspectExec(docker: Docker, execId: string, signal: AbortSignal): Promise<{Running: boolean; Pid: number; ContainerID: string} | undefined> {
  try {
    return await engineCall('exec', (abortSignal) => docker.getExec(execId).inspect({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
  } catch (error) {
    // The engine forgets commands with their container, and at its own restart.
    if (hasStatus(error, 404, 409)) return undefined;
    throw error;
  }
}

function streamsOf(input: Duplex, output: Duplex, isTerminal: boolean): Pick<Attached, 'output' | 'write' | 'endInput' | 'detach'> {
  // What ends without having read its input breaks the connection; that is told by its output and its exit code.
  for (const stream of new Set([input, output])) stream.on('error', () => {});
  return {
    output: isTerminal ? rawOutput(output) : demultiplexed(untilBroken(output)),
    async write(bytes) {
      if (!input.writable || input.write(bytes)) return;
      const gone = new AbortController();
      const onClose = () => gone.abort();
      input.once('close', onClose);
      await once(input, 'drain', {signal: gone.signal}).catch(() => {});
      input.off('close', onClose);
    },
    endInput: () => void input.end(),
    detach() {
      input.destroy();
      output.destroy();
    },
  };
}

async function* rawOutput(stream: Duplex): AsyncGenerator<OutputPiece> {
  for await (const bytes of untilBroken(stream)) if (bytes.length > 0) yield {stream: 'stdout', bytes};
}

/** A connection that breaks ends the output: why is what the container is asked for afterwards. */
async function* untilBroken(stream: Duplex): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code !== 'ECONNRESET' && code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Its output has ended, so it has ended or is about to; unless it closed its output itself, and goes on for as long as it likes. */
async function whenEnded<Seen>(look: () => Promise<Seen>, isEnded: (seen: Seen) => boolean, signal: AbortSignal): Promise<Seen> {
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(2 * pauseMs, LOOK_MS_MAX)) {
    const seen = await look();
    if (isEnded(seen)) return seen;
    signal.throwIfAborted();
    await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Too late is no failure: 404 it is gone, 409 and 500 it does not run. */
function unlessEnded(error: unknown): void {
  if (!hasStatus(error, 404, 409, 500)) throw error;
}
