import type Docker from 'dockerode';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {RegistryManifest} from '../../schemas/registry.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import {BuildStepFailed, inspectImage, removeImage, tagImage} from '../adapters/docker-build.ts';
import {pullByDigest, pushImage, type RegistryAuth} from '../adapters/docker-registry.ts';

/** How long a registry may take for one image, in milliseconds. */
const TRANSFER_MS_MAX = 15 * 60_000;

export interface RegistryParts {
  readonly docker: Docker;
  readonly instance: string;
  /** What cluster.yaml says now. Undefined: there is none. */
  settings(): RegistryManifest | undefined;
  openSecret(sealed: string): Promise<string>;
}

/** The cluster's registry, where there is one: a place where nodes find images of releases that they don't have. */
export class Registry {
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** `registry.example.com/team/shop`; undefined: there is no registry. */
  repositoryOf(app: AppName): string | undefined {
    const settings = this.#parts.settings();
    return settings && [settings.host, ...(settings.path === undefined ? [] : [settings.path]), app].join('/');
  }

  /** Pushes the image of a release. Resolves to its name there, or to why it is not there. */
  async push({app, image, tag}: {readonly app: AppName; readonly image: ImageDigest; readonly tag: string}, signal: AbortSignal): Promise<Result<string, string>> {
    const repository = this.repositoryOf(app);
    if (repository === undefined) return fail('cluster.yaml names no registry');
    return explained(async (until) => {
      const auth = await this.#auth();
      const digest = await pushImage(this.#parts.docker, {id: image, repository, tag, ...(auth && {auth})}, until);
      return `${repository}@${digest}`;
    }, signal);
  }

  /** Brings an image back, by the name that its release gives it. */
  async pull({app, image, name}: {readonly app: AppName; readonly image: ImageDigest; readonly name: string}, signal: AbortSignal): Promise<Result<undefined, string>> {
    const {docker, instance, settings} = this.#parts;
    return explained(async (until) => {
      // A registry that cluster.yaml does not name any more gets no password.
      const auth = name.startsWith(`${settings()?.host ?? ''}/`) ? await this.#auth() : undefined;
      await pullByDigest(docker, {name, ...(auth && {auth})}, until);
      const found = await inspectImage(docker, name, until);
      if (found?.Id !== image) throw new BuildStepFailed(`"${name}" is another image (${found?.Id.slice(7, 19) ?? 'none'})`);
      await tagImage(docker, image, `${instance}/${app}:pulled-${image.slice(7, 19)}`, until);
      // Under our own name it is kept and collected as one that was built here.
      await removeImage(docker, name, until);
      return undefined;
    }, signal);
  }

  async #auth(): Promise<RegistryAuth | undefined> {
    const {username, password} = this.#parts.settings() ?? {};
    return username === undefined || password === undefined ? undefined : {username, password: await this.#parts.openSecret(password)};
  }
}

/** What the registry, or the engine about it, says is an answer; an engine that does not answer is not. */
async function explained<Value>(work: (signal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Result<Value, string>> {
  const limit = AbortSignal.timeout(TRANSFER_MS_MAX);
  try {
    return ok(await work(AbortSignal.any([signal, limit])));
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return fail(`it took longer than ${TRANSFER_MS_MAX / 60_000} min`);
    const said = error as Error & {readonly statusCode?: number; readonly json?: {readonly message?: string}};
    if (!(error instanceof BuildStepFailed) && said.statusCode === undefined && said.name !== 'SecretFailed') throw error;
    // Dockerode puts `(HTTP code 404) unexpected - ` before the engine's own words.
    return fail((said.json?.message ?? said.message).replace(/^\(HTTP code \d+\) [^-]*- /, '').trim());
  }
}
