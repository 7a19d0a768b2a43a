import {PassThrough, type Readable} from 'node:stream';
import type Docker from 'dockerode';
import {anySignal} from '../any-signal.ts';
import {splitLines} from './lines.ts';

/** Longest answer to a question to the engine that does no work, milliseconds. */
const QUESTION_MS = 30_000;

/** Id of the image with this name, or undefined when the engine has none. */
export async function imageId(docker: Docker, name: string, signal: AbortSignal): Promise<string | undefined> {
  return (await inspectImage(docker, name, signal))?.Id;
}

export async function inspectImage(docker: Docker, name: string, signal: AbortSignal): Promise<Docker.ImageInspectInfo | undefined> {
  return unlessMissing(docker.getImage(name).inspect({abortSignal: withDeadline(signal)} as object));
}

export async function tagImage(docker: Docker, id: string, name: string, signal: AbortSignal): Promise<void> {
  const [repo, tag] = splitTag(name);
  await docker.getImage(id).tag({repo, tag, abortSignal: withDeadline(signal)});
}

/** Removes an image that nothing uses; one that is gone or used stays as it is. */
export async function removeImage(docker: Docker, id: string, signal: AbortSignal): Promise<void> {
  await docker.getImage(id).remove({abortSignal: withDeadline(signal)}).catch(unlessStatus(404, 409));
}

/** Removes one layer that nothing uses, and none that it stands on; one that is gone or used stays as it is. */
export async function removeLayer(docker: Docker, id: string, signal: AbortSignal): Promise<void> {
  await docker.getImage(id).remove({noprune: true, abortSignal: withDeadline(signal)}).catch(unlessStatus(404, 409));
}

/** Makes an image of a root file system's tar stream. `changes` are Dockerfile lines. Resolves to its id. */
export async function importImage(docker: Docker, rootfs: Readable, changes: readonly string[], signal: AbortSignal): Promise<string> {
  const answer = await docker.importImage(rootfs as NodeJS.ReadableStream, {fromSrc: '-', changes, abortSignal: signal} as object);
  let id = '';
  for await (const message of progress(answer as Readable, signal)) {
    if (typeof message.status === 'string' && message.status.startsWith('sha256:')) id = message.status;
  }
  if (!id) throw new Error('the engine imported an image and did not say its id');
  return id;
}

/** Pulls `name` unless the engine has it. Throws the registry's or engine's own message. */
export async function pullImage(docker: Docker, name: string, signal: AbortSignal): Promise<void> {
  const answer = await docker.pull(name, {abortSignal: signal});
  for await (const _ of progress(answer as Readable, signal));
}

export interface DockerfileBuild {
  /** Tar of the folder that the Dockerfile is for. */
  readonly context: Readable;
  /** Path in the context; `Dockerfile` unless given. */
  readonly dockerfile?: string;
  /** Stage to stop at; the last unless given. */
  readonly target?: string;
  /** Absent: whoever asked has its id. */
  readonly tag?: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** `host`: for a proxy on the host's loopback. `bridge`: for what others wrote. */
  readonly network: 'host' | 'bridge';
  /** 0: no limit. */
  readonly memoryBytes: number;
  /** 0: no limit. */
  readonly cpus: number;
  /** Nothing is taken from builds before it. */
  readonly isFromScratch?: boolean;
  onLine(line: string): void;
}

/** Runs the engine's classic builder. Resolves to the image's id; throws a `BuildStepFailed` with the engine's words. */
export async function buildDockerfile(docker: Docker, build: DockerfileBuild, signal: AbortSignal): Promise<string> {
  const answer = await startBuild(docker, build.context, {
    ...(build.tag === undefined ? {} : {t: build.tag}),
    ...(build.dockerfile === undefined ? {} : {dockerfile: build.dockerfile}),
    ...(build.target === undefined ? {} : {target: build.target}),
    buildargs: build.arguments,
    labels: build.labels,
    networkmode: build.network,
    memory: build.memoryBytes,
    memswap: build.memoryBytes,
    cpuperiod: 100_000,
    cpuquota: Math.round(build.cpus * 100_000),
    ...(build.isFromScratch === true ? {nocache: true} : {}),
    rm: true,
    forcerm: true,
    abortSignal: signal,
  });
  let id = '';
  const text = new PassThrough();
  const printed = printLines(text, build.onLine, signal);
  try {
    for await (const message of progress(answer, signal)) {
      if (message.stream) text.write(message.stream);
      if (typeof message.aux === 'object' && message.aux.ID) id = message.aux.ID;
      if (message.status && !message.id) text.write(`${message.status}\n`);
    }
  } finally {
    text.end();
    await printed;
  }
  if (!id) throw new Error('the engine built an image and did not say its id');
  return id;
}

/** The engine's stream of messages. A Dockerfile that it can't read is refused before there is one. */
export async function startBuild(docker: Docker, context: Readable, options: object): Promise<Readable> {
  try {
    return await docker.buildImage(context as NodeJS.ReadableStream, options as Docker.ImageBuildOptions) as Readable;
  } catch (error) {
    const {statusCode, json, message} = error as {statusCode?: number; json?: {message?: string}; message: string};
    if (statusCode !== 400) throw error;
    throw new BuildStepFailed((json?.message ?? message.replace(/^\(HTTP code \d+\) [^-]*- /, '')).trim());
  }
}

/** A tar as `docker save` makes it. The engine may leave out of it what it has already: see image/archive.ts. */
export async function loadImage(docker: Docker, archive: Readable, signal: AbortSignal): Promise<void> {
  const answer = await docker.loadImage(archive as NodeJS.ReadableStream, {quiet: true, abortSignal: signal} as object);
  for await (const _ of progress(answer as Readable, signal));
}

/** The engine ran a build or a pull and it failed; the message is the engine's. */
export class BuildStepFailed extends Error {
  override name = 'BuildStepFailed';
}

/** A deadline on top of the caller's signal. */
export function withDeadline(signal: AbortSignal, ms = QUESTION_MS): AbortSignal {
  return anySignal([signal, AbortSignal.timeout(ms)]);
}

/** For `catch`: swallows an answer with one of these HTTP codes, throws everything else. */
export function unlessStatus(...codes: readonly number[]): (error: unknown) => undefined {
  return error => {
    if (codes.includes((error as {statusCode?: number}).statusCode ?? 0)) return undefined;
    throw error;
  };
}

export async function printLines(stream: Readable, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  for await (const line of splitLines(stream)) {
    if (signal.aborted) return;
    onLine(line);
  }
}

async function unlessMissing<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  return answer.catch(unlessStatus(404));
}

export interface ProgressMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  /** BuildKit's is text, see `buildkit.ts`. */
  readonly aux?: {readonly ID?: string; /** Of what was pushed. */ readonly Digest?: string} | string;
}

/** The engine's stream of JSON lines: an answer that began well may still end with an error in it. */
export async function* progress(answer: Readable, signal: AbortSignal): AsyncGenerator<ProgressMessage> {
  const stop = () => answer.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal.addEventListener('abort', stop, {once: true});
  try {
    for await (const line of splitLines(answer)) {
      if (line.trim() === '') continue;
      const message = JSON.parse(line) as ProgressMessage;
      if (message.error) throw new BuildStepFailed(message.error.trim());
      yield message;
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    answer.destroy();
  }
}

/** `a/b:1` → `a/b`, `1`. A registry's port is not a tag. */
function splitTag(name: string): [repo: string, tag: string] {
  const at = name.lastIndexOf(':');
  return at > name.lastIndexOf('/') ? [name.slice(0, at), name.slice(at + 1)] : [name, 'latest'];
}
