import {randomBytes} from 'node:crypto';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type Docker from 'dockerode';
import {solve, watch} from './buildkit-control.ts';
import type {TraceEvent, TraceStep} from './buildkit-trace.ts';
import {BuildStepFailed, type DockerfileBuild} from './docker-build.ts';
import {connectGrpc, GrpcError, type GrpcConnection} from './grpc.ts';
import {LineSplitter} from './lines.ts';

/** A step's line of output that is longer is cut, characters. */
const LINE_MAX = 20_000;

export interface BuildkitBuild extends Pick<DockerfileBuild, 'context' | 'dockerfile' | 'target' | 'arguments' | 'labels' | 'onLine'> {
  readonly tag: string;
  /** The control group, from the root of the hierarchy on, that the steps run in. Absent: the engine's own. */
  readonly controlGroup?: string;
  /** What `RUN --mount=type=cache` keeps is seen by builds with the same one only. */
  readonly cacheNamespace: string;
}

/**
 * Builds a Dockerfile with the BuildKit that is inside the engine. It is asked over gRPC, because what the engine's own `/build` hands on
 * to it has neither limits nor a control group in it (moby 26.1, builder/builder-next/builder.go). No session is made: what needs a client
 * that answers questions (`--mount=type=ssh`, `type=secret`) fails, and the context is fetched from us.
 *
 * Resolves to the image's id; throws a `BuildStepFailed` with BuildKit's words.
 */
export async function buildWithBuildkit(docker: Docker, build: BuildkitBuild, signal: AbortSignal): Promise<string> {
  await using context = await serveOnce(build.context, signal);
  using connection = await connectBuildkit(docker, signal);
  const ref = randomBytes(16).toString('hex');
  const printer = new TracePrinter(build.onLine);
  const printed = printAll(printer, watch(connection, ref, signal));
  try {
    const id = await solve(connection, {ref, names: [named(build.tag)], options: optionsOf(build, context.url)}, signal);
    // Its last lines come after the result, or never, when nothing was left to do.
    await printed;
    if (!id) throw new Error('BuildKit built an image and did not say its id');
    return id;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof GrpcError)) throw error;
    await printed;
    throw new BuildStepFailed(error.message.trim(), {cause: error});
  }
}

/** Only an engine on this machine shares files and control groups with us. */
export async function connectBuildkit(docker: Docker, signal: AbortSignal): Promise<GrpcConnection> {
  // Their types know of no default that is looked for.
  const {socketPath: known} = docker.modem as {socketPath?: string | (() => Promise<string>)};
  const socketPath = typeof known === 'function' ? await known() : known;
  if (socketPath === undefined) throw new Error("BuildKit is asked over a unix socket, and DOCKER_HOST names something else");
  return connectGrpc(socketPath, signal);
}

/** Options of BuildKit's Dockerfile frontend: frontend/dockerui/config.go. */
function optionsOf({dockerfile, target, arguments: args, labels, controlGroup, cacheNamespace}: BuildkitBuild, contextUrl: string): Readonly<Record<string, string>> {
  const prefixed = (prefix: string, values: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}:${name}`, value]));
  return {
    ...prefixed('build-arg', args),
    ...prefixed('label', labels),
    'build-arg:BUILDKIT_CACHE_MOUNT_NS': cacheNamespace,
    'image-resolve-mode': 'default',
    context: contextUrl,
    ...(dockerfile !== undefined && {filename: dockerfile}),
    ...(target !== undefined && {target}),
    ...(controlGroup !== undefined && {'cgroup-parent': controlGroup}),
  };
}

/** The exporter takes no short names. */
function named(tag: string): string {
  return `docker.io/${tag}`;
}

async function printAll(printer: TracePrinter, traces: AsyncIterable<readonly TraceEvent[]>): Promise<void> {
  try {
    for await (const events of traces) printer.tell(events);
  } catch {
    // The solve itself says how it ended.
  } finally {
    printer.end();
  }
}

/** Gives a stream to whoever asks first, on this machine, for an address that nobody can guess. */
async function serveOnce(stream: Readable, signal: AbortSignal): Promise<AsyncDisposable & {readonly url: string}> {
  const path = `/${randomBytes(16).toString('hex')}/context.tar`;
  let isGiven = false;
  const server = http.createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== path || isGiven) return void response.writeHead(404).end();
    isGiven = true;
    // A stream that breaks off breaks the answer off, and the build says so.
    pipeline(stream, response, {signal}).catch(() => response.destroy());
  });
  const {promise, resolve, reject} = Promise.withResolvers<void>();
  server.once('listening', resolve).once('error', reject).listen(0, '127.0.0.1');
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    async [Symbol.asyncDispose]() {
      stream.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Steps run side by side: each line of output stands below the name of its step. */
export class TracePrinter {
  readonly #onLine: (line: string) => void;
  readonly #steps = new Map<string, TraceStep>();
  readonly #output = new Map<string, LineSplitter>();
  /** The step whose name was printed last. */
  #current: string | undefined;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  tell(events: readonly TraceEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'step': this.#step(event.step); break;
        case 'log': this.#log(event.step, event.bytes); break;
        case 'warning': this.#onLine(`warning: ${event.text}`); break;
      }
    }
  }

  /** Lines that lack their end. */
  end(): void {
    for (const [digest, splitter] of this.#output) this.#lines(digest, splitter.end());
  }

  #step(step: TraceStep): void {
    const before = this.#steps.get(step.digest);
    this.#steps.set(step.digest, step);
    if (!isOfDockerfile(step)) return;
    if (step.isCached && before?.isCached !== true) this.#onLine(`CACHED ${step.name}`);
    else if (step.isStarted && before?.isStarted !== true) this.#heading(step);
  }

  #log(digest: string, bytes: Uint8Array): void {
    const splitter = this.#output.get(digest) ?? new LineSplitter({ends: /\r\n|\n|\r(?!$)/, lengthMax: LINE_MAX});
    this.#output.set(digest, splitter);
    this.#lines(digest, splitter.push(Buffer.from(bytes)));
  }

  #lines(digest: string, lines: readonly string[]): void {
    const step = this.#steps.get(digest);
    if (lines.length > 0 && step !== undefined && this.#current !== digest) this.#heading(step);
    for (const line of lines) this.#onLine(line);
  }

  #heading(step: TraceStep): void {
    this.#current = step.digest;
    this.#onLine(step.name);
  }
}

/** Not BuildKit's own: `[internal] load metadata`, `exporting to image`. */
function isOfDockerfile({name}: TraceStep): boolean {
  return name.startsWith('[') && !name.startsWith('[internal]');
}
