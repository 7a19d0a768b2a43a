import type Docker from 'dockerode';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import {tagImage} from '../adapters/docker-build.ts';
import type {BuildFailure, BuiltImage} from '../build/build.ts';
import {mayPass} from '../build/passing.ts';
import {standInTag} from '../labels.ts';
import type {LostImage} from '../observed/state.ts';
import type {ActionOf} from '../plan/action.ts';
import type {Registry} from './registry.ts';

/** Tries of one image, when what they failed for may pass: with the pauses some two hours. */
export const TRIES_MAX = 10;
/** After the first try, and at most, in milliseconds. */
const PAUSE_MS_FIRST = 30_000;
const PAUSE_MS_MAX = 30 * 60_000;
/** Of a build's output, the last so many are looked through for why it failed. */
const LINES_READ_MAX = 100;

export interface ImageSupplyOptions {
  readonly docker: Docker;
  readonly instance: string;
  build(source: {readonly app: AppName; readonly commit: CommitId; readonly folder?: string; print(line: string): void}, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>>;
  readonly registry: Pick<Registry, 'pull'>;
  /** What an app's images go by. Absent: its name. */
  idOf?(app: AppName): string;
  /** Something that people should know. */
  tell(app: AppName, message: string): void;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/**
 * Brings images of releases back that this node has lost.
 *
 * The same source on the same stack is the same image, to the bit. When the stack is a newer one by now, another image comes out. Releases never change, and
 * what is in git is not wrong: so the image gets a name that says in whose place it runs on this node, as a label would say it of a container. Nothing is
 * deployed for it, and it goes when the release goes.
 */
export class ImageSupply {
  readonly #options: ImageSupplyOptions;
  /** By app, the last one that could not be had. Forgotten at the end of the process: a new start is a new try. */
  readonly #lost = new Map<AppName, LostImage>();

  constructor(options: ImageSupplyOptions) {
    this.#options = options;
  }

  /** For the pass. */
  look(): ReadonlyMap<AppName, LostImage> {
    return new Map(this.#lost);
  }

  async rebuild(wanted: ActionOf<'rebuild-image'>, signal: AbortSignal): Promise<void> {
    const {docker, instance, build, idOf = (one: AppName) => one, tell} = this.#options;
    const {app, image, commit, path: folder} = wanted;
    const lines: string[] = [];
    const print = (line: string) => {
      lines.push(line);
      if (lines.length > LINES_READ_MAX) lines.shift();
    };
    const built = await build({app, commit, print, ...(folder !== undefined && {folder})}, signal);
    if (!built.ok) throw this.#note(wanted, {build: built.problem.reason}, [...lines, built.problem.reason].join('\n'));
    this.#lost.delete(app);
    if (built.value.image === image) return;
    await tagImage(docker, built.value.image, standInTag({instance, app: idOf(app), image}), signal);
    tell(app, `image ${image.slice(7, 19)} was built again as ${built.value.image.slice(7, 19)}, which runs in its place: what it is built on has changed since`);
  }

  async pull(wanted: ActionOf<'pull-image'>, signal: AbortSignal): Promise<void> {
    const {app, image, name} = wanted;
    const pulled = await this.#options.registry.pull({app, image, name}, signal);
    if (!pulled.ok) throw this.#note(wanted, {registry: pulled.problem}, pulled.problem);
    this.#lost.delete(app);
  }

  /** What was tried before in vain for the same counts on: the other way of this try, and how many tries there were. */
  #note({app, image, treeId, specKey}: ActionOf<'rebuild-image' | 'pull-image'>, failure: Pick<LostImage, 'registry' | 'build'>, text: string): Error {
    const before = this.#lost.get(app);
    const known = before?.image === image && before.treeId === treeId && before.specKey === specKey ? before : undefined;
    const isSameTry = known !== undefined && (failure.build === undefined ? known.registry : known.build) === undefined;
    const tries = isSameTry ? known.tries : (known?.tries ?? 0) + 1;
    const isAgain = tries < TRIES_MAX && (mayPass(text) || (isSameTry && known.againAtMs !== undefined));
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** (tries - 1));
    const {registry, build} = {...(isSameTry && known), ...failure};
    this.#lost.set(app, {
      image, treeId, specKey, tries,
      ...(registry !== undefined && {registry}),
      ...(build !== undefined && {build}),
      ...(isAgain && {againAtMs: this.#options.nowMs() + pauseMs}),
    });
    return new Error(failure.build ?? failure.registry ?? '');
  }
}
