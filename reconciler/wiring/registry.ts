import {setTimeout as pause} from 'node:timers/promises';
import type Docker from 'dockerode';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {registryPrefix, registryRepository, registryTag} from '../../schemas/registry-names.ts';
import type {RegistryManifest} from '../../schemas/registry.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import {BuildStepFailed, inspectImage, removeImage, tagImage} from '../adapters/docker-build.ts';
import {pullByName, pushImage, type RegistryAuth} from '../adapters/docker-registry.ts';
import {hasManifest, RegistryRefused, removeManifest} from '../adapters/registry-manifests.ts';
import {anySignal} from '../any-signal.ts';
import type {AppIds} from '../app-ids.ts';
import type {PushedBook} from '../apply/pushed-book.ts';
import type {RegistryState} from '../node.ts';
import type {ObservedRegistry, PushedImage, RegistryTrouble} from '../observed/pushed.ts';

/** How long a registry may take for one image, in milliseconds. */
const TRANSFER_MS_MAX = 15 * 60_000;

/** What was pushed is looked for after the start, and again and again: a registry may have lost it. Milliseconds. */
const RECHECK_MS_FIRST = 60_000;
const RECHECK_MS = 6 * 60 * 60_000;

/** From a failure to the next try, in milliseconds: twice as long each time, up to a limit. */
const AGAIN_MS: Readonly<Record<RegistryTrouble['kind'], {readonly first: number; readonly max: number}>> = {
  push: {first: 30_000, max: 30 * 60_000},
  remove: {first: 10 * 60_000, max: 24 * 60 * 60_000},
};

export interface RegistryParts {
  readonly docker: Docker;
  readonly instance: string;
  readonly book: PushedBook;
  /** Its repositories are named after ids. Absent: every app goes by its name. */
  readonly ids?: Pick<AppIds, 'idOf' | 'nameOf'>;
  /** What cluster.yaml says now. Undefined: there is none. */
  settings(): RegistryManifest | undefined;
  openSecret(sealed: string): Promise<string>;
}

type Wanted = Pick<PushedImage, 'app' | 'image'>;

/** The cluster's registry, where there is one: a place where nodes find images of releases that they don't have. */
export class Registry {
  readonly #parts: RegistryParts;
  /** Forgotten at the end of the process, and when somebody sets another registry or password: both are a new try. */
  #troubles: readonly RegistryTrouble[] = [];
  #troublesOf: RegistryManifest | undefined;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** For the pass. */
  look(): {readonly registry?: ObservedRegistry} {
    this.#forgetOldTroubles();
    const settings = this.#parts.settings();
    return settings === undefined ? {} : {registry: {images: this.#images(), troubles: this.#troubles}};
  }

  /** For people. */
  state(): RegistryState | undefined {
    const settings = this.#parts.settings();
    const {registry: seen} = this.look();
    if (settings === undefined || seen === undefined) return undefined;
    const images = seen.images.filter(({app, repository, digest}) => digest !== undefined && repository === this.repositoryOf(app));
    return {
      images: images.length,
      apps: new Set(images.map(({app}) => app)).size,
      troubles: seen.troubles.map(({againAtMs, ...trouble}) => ({...trouble, againAt: new Date(againAtMs).toISOString()})),
    };
  }

  /** `registry.example.com/team/shop`; undefined: there is no registry. */
  repositoryOf(app: AppName): string | undefined {
    const settings = this.#parts.settings();
    return settings && registryRepository(registryPrefix(settings), this.#idOf(app));
  }

  /** By what apps are called now; the book has their ids. */
  #images(): readonly PushedImage[] {
    const {book, ids} = this.#parts;
    if (ids === undefined) return book.images;
    return book.images.flatMap((pushed) => {
      const app = ids.nameOf(pushed.app);
      return app === undefined ? [] : [{...pushed, app}];
    });
  }

  #idOf(app: AppName): AppName {
    return (this.#parts.ids?.idOf(app) ?? app) as string as AppName;
  }

  has({app, image}: Wanted): boolean {
    return this.#images().some((one) => one.app === app && one.image === image && one.digest !== undefined && one.repository === this.repositoryOf(app));
  }

  /** Pushes the image of a release. Resolves to its name there, or to why it is not there. */
  async push({app, image}: Wanted, signal: AbortSignal): Promise<Result<string, string>> {
    const {docker, book} = this.#parts;
    const repository = this.repositoryOf(app);
    if (repository === undefined) return fail('cluster.yaml names no registry');
    const begun: PushedImage = {app: this.#idOf(app), image, repository, pushedAtMs: Date.now()};
    await book.write(begun);
    const pushed = await explained(async (until) => {
      const auth = await this.#auth();
      return pushImage(docker, {id: image, repository, tag: registryTag(image), ...(auth && {auth})}, until);
    }, signal);
    this.#note('push', {app, image}, pushed.ok ? undefined : {problem: pushed.problem});
    if (!pushed.ok) return pushed;
    await book.write({...begun, digest: pushed.value});
    return ok(`${repository}@${pushed.value}`);
  }

  /** As an action of the plan. @throws what failed, which is noted */
  async pushAgain(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const pushed = await this.push(wanted, signal);
    if (!pushed.ok) throw new Error(pushed.problem);
  }

  /** Until the signal is aborted. Never rejects. */
  async watch(signal: AbortSignal): Promise<void> {
    for (let waitMs = RECHECK_MS_FIRST; await isOver(waitMs, signal); waitMs = RECHECK_MS) await this.recheck(signal).catch(() => {});
  }

  /** Forgets what is not there any more, so that it is pushed again. @throws when the registry does not say: that is no answer */
  async recheck(signal: AbortSignal): Promise<void> {
    const {book} = this.#parts;
    const auth = await this.#auth();
    for (const pushed of this.#images()) {
      const {app, repository, digest} = pushed;
      if (digest === undefined || repository !== this.repositoryOf(app)) continue;
      if (!await hasManifest({repository, reference: digest, ...(auth && {auth})}, signal)) await book.forget({...pushed, app: this.#idOf(app)});
    }
  }

  /** Lets go of an image that we pushed. @throws why the registry does not, which is noted */
  async remove(pushed: PushedImage, signal: AbortSignal): Promise<void> {
    const {app, image, repository, digest} = pushed;
    try {
      const auth = await this.#auth();
      await removeManifest({repository, reference: digest ?? registryTag(image), ...(auth && {auth})}, signal);
    } catch (error) {
      const isOurs = error instanceof RegistryRefused;
      if (isOurs || (error as Error).name === 'SecretFailed') this.#note('remove', {app, image}, {problem: (error as Error).message, isFinal: isOurs && error.isFinal});
      throw error;
    }
    this.#note('remove', {app, image}, undefined);
    await this.#parts.book.forget({...pushed, app: this.#idOf(app)});
  }

  /** Brings an image back, by the name that its release gives it. */
  async pull({app, image, name}: {readonly app: AppName; readonly image: ImageDigest; readonly name: string}, signal: AbortSignal): Promise<Result<undefined, string>> {
    const {docker, instance} = this.#parts;
    return explained(async (until) => {
      const auth = await this.authFor(name);
      await pullByName(docker, {name, ...(auth && {auth})}, until);
      const found = await inspectImage(docker, name, until);
      if (found?.Id !== image) throw new BuildStepFailed(`"${name}" is another image (${found?.Id.slice(7, 19) ?? 'none'})`);
      await tagImage(docker, image, `${instance}/${this.#idOf(app)}:pulled-${image.slice(7, 19)}`, until);
      // Under our own name it is kept and collected as one that was built here.
      await removeImage(docker, name, until);
      return undefined;
    }, signal);
  }

  /** Of an image's name: a registry that cluster.yaml does not name gets no password. */
  async authFor(name: string): Promise<RegistryAuth | undefined> {
    return name.startsWith(`${this.#parts.settings()?.host ?? ''}/`) ? this.#auth() : undefined;
  }

  async #auth(): Promise<RegistryAuth | undefined> {
    const {username, password} = this.#parts.settings() ?? {};
    return username === undefined || password === undefined ? undefined : {username, password: await this.#parts.openSecret(password)};
  }

  #forgetOldTroubles(): void {
    const settings = this.#parts.settings();
    if (settings === this.#troublesOf) return;
    this.#troublesOf = settings;
    this.#troubles = [];
  }

  /** Undefined: it was done. */
  #note(kind: RegistryTrouble['kind'], {app, image}: Wanted, failure: {readonly problem: string; readonly isFinal?: boolean} | undefined): void {
    this.#forgetOldTroubles();
    const isMeant = (one: RegistryTrouble) => one.kind === kind && one.app === app && one.image === image;
    const others = this.#troubles.filter((one) => !isMeant(one));
    if (failure === undefined) {
      this.#troubles = others;
      return;
    }
    const tries = (this.#troubles.find(isMeant)?.tries ?? 0) + 1;
    const {first, max} = AGAIN_MS[kind];
    const pauseMs = failure.isFinal === true ? max : Math.min(max, first * 2 ** Math.min(tries - 1, 20));
    this.#troubles = [...others, {kind, app, image, problem: failure.problem, tries, againAtMs: Date.now() + pauseMs}];
  }
}

/** Resolves to false when the signal is aborted before. */
function isOver(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, {signal, ref: false}).catch(() => false);
}

/** What the registry, or the engine about it, says is an answer; an engine that does not answer is not. */
async function explained<Value>(work: (signal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Result<Value, string>> {
  const limit = AbortSignal.timeout(TRANSFER_MS_MAX);
  try {
    return ok(await work(anySignal([signal, limit])));
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return fail(`it took longer than ${TRANSFER_MS_MAX / 60_000} min`);
    const said = error as Error & {readonly statusCode?: number; readonly json?: {readonly message?: string}};
    if (!(error instanceof BuildStepFailed) && said.statusCode === undefined && said.name !== 'SecretFailed') throw error;
    // Dockerode puts `(HTTP code 404) unexpected - ` before the engine's own words.
    return fail((said.json?.message ?? said.message).replace(/^\(HTTP code \d+\) [^-]*- /, '').trim());
  }
}
