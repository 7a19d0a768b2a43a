import type Docker from 'dockerode';
import {readTrace, type TraceEvent, type TraceStep} from './buildkit-trace.ts';
import {progress, startBuild, type DockerfileBuild} from './docker-build.ts';
import {LineSplitter} from './lines.ts';

/** A step's line of output that is longer is cut, characters. */
const LINE_MAX = 20_000;

export type BuildkitBuild = Pick<DockerfileBuild, 'context' | 'dockerfile' | 'target' | 'tag' | 'arguments' | 'labels' | 'onLine'>;

/**
 * Builds a Dockerfile with the BuildKit that is inside the engine. No session is made, so the context is a plain tar, and what needs a
 * client that answers questions (`--mount=type=ssh`, `type=secret`) fails. The engine takes no limits on memory and cores here.
 *
 * Resolves to the image's id; throws a `BuildStepFailed` with BuildKit's words.
 */
export async function buildWithBuildkit(docker: Docker, build: BuildkitBuild, signal: AbortSignal): Promise<string> {
  const answer = await startBuild(docker, build.context, {
    // As a number: dockerode makes a session for the text "2".
    version: 2,
    ...(build.tag === undefined ? {} : {t: build.tag}),
    ...(build.dockerfile === undefined ? {} : {dockerfile: build.dockerfile}),
    ...(build.target === undefined ? {} : {target: build.target}),
    buildargs: build.arguments,
    labels: build.labels,
    abortSignal: signal,
  });
  const printer = new TracePrinter(build.onLine);
  let id = '';
  for await (const {id: topic, aux} of progress(answer, signal)) {
    if (topic === 'moby.buildkit.trace' && typeof aux === 'string') printer.tell(readTrace(Buffer.from(aux, 'base64')));
    if (topic === 'moby.image.id' && typeof aux === 'object' && aux.ID) id = aux.ID;
  }
  printer.end();
  if (!id) throw new Error('BuildKit built an image and did not say its id');
  return id;
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
