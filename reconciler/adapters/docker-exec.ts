import type {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {ENGINE_CALL_MS_MAX, engineCall, hasStatus} from './docker-client.ts';
import {demultiplexed} from './docker-output.ts';

/** Longest time that a command may take, whatever its caller's signal says, in milliseconds. Checks have at most 300 s (schemas/app.ts). */
const EXEC_MS_MAX = 330_000;
const EXEC_OUTPUT_BYTES_MAX = 1_000;
/** Containers of which a command is remembered that did not end in time. The oldest is forgotten. */
const UNFINISHED_MAX = 1_000;

/** The last command in this container has not ended, although nobody waits for it any more. */
export class ExecStillRunning extends Error {
  override name = 'ExecStillRunning';
}

/**
 * Runs commands in containers, one at a time in each.
 *
 * The engine can't stop a command, so one that hangs goes on when its caller gives up. It is remembered, and no other is started beside
 * it until it ends: a check that hangs costs its container one process, not one for each try.
 */
export class DockerExecs {
  readonly #docker: Docker;
  /** Id of the command by id of the container. */
  readonly #unfinished = new Map<string, string>();

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** Resolves when the command has ended. @throws {ExecStillRunning} */
  async run(containerId: string, command: readonly string[], signal: AbortSignal): Promise<{readonly exitCode: number; readonly output: string}> {
    await this.#demandFinished(containerId, signal);
    const options = {Cmd: [...command], AttachStdout: true, AttachStderr: true};
    const exec = await this.#call((abortSignal) => this.#docker.getContainer(containerId).exec({...options, abortSignal}), signal);
    this.#remember(containerId, exec.id);
    const stream = (await this.#call((abortSignal) => exec.start({hijack: false, stdin: false, abortSignal}), signal)) as unknown as Readable;
    let output: string;
    try {
      output = await engineCall('exec', () => firstOutput(stream), {ms: EXEC_MS_MAX, signal});
    } finally {
      stream.destroy();
    }
    const {ExitCode, Running} = await this.#call((abortSignal) => exec.inspect({abortSignal}), signal);
    if (Running) throw new Error('exec: the connection to the engine broke while the command ran');
    this.#unfinished.delete(containerId);
    return {exitCode: ExitCode ?? -1, output};
  }

  async #demandFinished(containerId: string, signal: AbortSignal): Promise<void> {
    const last = this.#unfinished.get(containerId);
    if (last === undefined) return;
    if (await this.#isRunning(last, signal)) throw new ExecStillRunning('exec: the last command in this container is still running');
    this.#unfinished.delete(containerId);
  }

  async #isRunning(execId: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#call((abortSignal) => this.#docker.getExec(execId).inspect({abortSignal}), signal)).Running;
    } catch (error) {
      // The engine forgets commands with their container, and at its own restart.
      if (hasStatus(error, 404, 409)) return false;
      throw error;
    }
  }

  #remember(containerId: string, execId: string): void {
    this.#unfinished.set(containerId, execId);
    const [oldest] = this.#unfinished.keys();
    if (this.#unfinished.size > UNFINISHED_MAX && oldest !== undefined) this.#unfinished.delete(oldest);
  }

  #call<Value>(ask: (abortSignal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    return engineCall('exec', ask, {ms: ENGINE_CALL_MS_MAX, signal});
  }
}

/** Reads to the end, keeps the start. */
async function firstOutput(stream: Readable): Promise<string> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const {bytes} of demultiplexed(stream)) {
    const part = bytes.subarray(0, EXEC_OUTPUT_BYTES_MAX - length);
    if (part.length > 0) kept.push(part);
    length += part.length;
  }
  return Buffer.concat(kept).toString('utf8');
}
