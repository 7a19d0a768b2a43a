import type Docker from 'dockerode';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import {tagImage} from '../adapters/docker-build.ts';
import type {BuildFailure, BuiltImage} from '../build/build.ts';
import {standInTag} from '../labels.ts';
import type {LostImage} from '../observed/state.ts';
import type {ActionOf} from '../plan/action.ts';
import type {Registry} from './registry.ts';

export interface ImageSupplyOptions {
  readonly docker: Docker;
  readonly instance: string;
  build(source: {readonly app: AppName; readonly commit: CommitId; readonly folder?: string}, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>>;
  readonly registry: Pick<Registry, 'pull'>;
  /** Something that people should know. */
  tell(app: AppName, message: string): void;
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
  /** By app, the last one that could not be built. Forgotten at the end of the process: a new start is a new try. */
  readonly #lost = new Map<AppName, LostImage>();

  constructor(options: ImageSupplyOptions) {
    this.#options = options;
  }

  /** For the pass. */
  look(): ReadonlyMap<AppName, LostImage> {
    return new Map(this.#lost);
  }

  async rebuild(wanted: ActionOf<'rebuild-image'>, signal: AbortSignal): Promise<void> {
    const {docker, instance, build, tell} = this.#options;
    const {app, image, commit, path: folder} = wanted;
    const built = await build({app, commit, ...(folder !== undefined && {folder})}, signal);
    if (!built.ok) throw this.#note(wanted, {build: built.problem.reason});
    this.#lost.delete(app);
    if (built.value.image === image) return;
    await tagImage(docker, built.value.image, standInTag({instance, app, image}), signal);
    tell(app, `image ${image.slice(7, 19)} was built again as ${built.value.image.slice(7, 19)}, which runs in its place: what it is built on has changed since`);
  }

  async pull(wanted: ActionOf<'pull-image'>, signal: AbortSignal): Promise<void> {
    const {app, image, name} = wanted;
    const pulled = await this.#options.registry.pull({app, image, name}, signal);
    if (!pulled.ok) throw this.#note(wanted, {registry: pulled.problem});
    this.#lost.delete(app);
  }

  /** What was tried before in vain for the same counts on. */
  #note({app, image, treeId, specKey}: ActionOf<'rebuild-image' | 'pull-image'>, failure: Pick<LostImage, 'registry' | 'build'>): Error {
    const before = this.#lost.get(app);
    const isSame = before?.image === image && before.treeId === treeId && before.specKey === specKey;
    this.#lost.set(app, {...(isSame && before), image, treeId, specKey, ...failure});
    return new Error(failure.build ?? failure.registry ?? '');
  }
}
