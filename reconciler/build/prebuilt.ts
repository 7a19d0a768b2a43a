import type Docker from 'dockerode';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {ok, fail, type Result} from '../../schemas/result.ts';
import {buildDockerfile, BuildStepFailed, inspectImage, removeImage} from '../adapters/docker-build.ts';
import {pullByName, type RegistryAuth} from '../adapters/docker-registry.ts';
import {anySignal} from '../any-signal.ts';
import {LABEL_APP, LABEL_INSTANCE} from '../labels.ts';
import type {BuildFailure} from './build.ts';
import {textEntry, tarStream} from './image/tar.ts';
import {detail, formatDuration, formatMegabytes, step} from './output.ts';

/** How long a registry may take for one image, in milliseconds. */
const PULL_MS_MAX = 15 * 60_000;

/** `[registry/]repository[:tag][@digest]` (distribution/reference), or an image's id. */
const NAME = /^(?:sha256:[0-9a-f]{64}|[0-9a-f]{12,64}|[a-z0-9][a-z0-9._:/-]{0,250}(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?)$/;
const ID = /^(?:sha256:)?[0-9a-f]{12,64}$/;

export interface PrebuiltRequest {
  readonly app: AppName;
  /** As it was asked for. */
  readonly name: string;
  /** The registry is asked although the engine has it. */
  readonly isPulled: boolean;
  print(line: string): void;
}

export interface PrebuiltImage {
  /** The image with our labels on it: it is listed, kept and collected as one that was built here. */
  readonly image: ImageDigest;
  /** The engine's id of the image itself, and its name with the registry's digest where there is one. */
  readonly id: ImageDigest;
  readonly name: string;
  /** TCP ports that it exposes, the lowest first. */
  readonly ports: readonly number[];
}

export interface PrebuiltSettings {
  readonly docker: Docker;
  readonly instance: string;
  /** Who we are in the registry of this name; absent, or undefined: nobody. */
  authFor?(name: string): Promise<RegistryAuth | undefined>;
}

/** Takes an image that was built elsewhere: from this machine's engine, or from its registry. */
export async function takePrebuilt({docker, instance, authFor}: PrebuiltSettings, {app, name: asked, isPulled, print}: PrebuiltRequest, signal: AbortSignal): Promise<Result<PrebuiltImage, BuildFailure>> {
  if (!NAME.test(asked)) return fail({reason: `"${asked}" is not the name of an image such as nginx:1.27, registry.example.com/shop@sha256:…, or an id`});
  const name = isId(asked) || /[:@][^/]*$/.test(asked) ? asked : `${asked}:latest`;
  print(step(`Using the image ${name}`));
  const before = await inspectImage(docker, name, signal);
  if (before === undefined || isPulled) {
    const problem = await pull(docker, {name, print, ...(authFor && {authFor})}, signal);
    if (problem !== undefined) return fail({reason: problem});
  }
  const found = await inspectImage(docker, name, signal);
  if (found === undefined) return fail({reason: `the engine has no image "${name}" after it was pulled`});
  if ((found.Config.OnBuild ?? []).length > 0) return fail({reason: `"${name}" is an image to build on (ONBUILD), not one to run`});
  const owner = found.Config.Labels?.[LABEL_INSTANCE] === instance ? found.Config.Labels[LABEL_APP] : undefined;
  // Who may deploy one app is not who may see what another one is made of.
  if (owner !== undefined && owner !== app) {
    if (before === undefined) await removeImage(docker, name, signal);
    return fail({reason: `"${name}" is an image of the app "${owner}"`});
  }
  const image = await labelled(docker, found, {app, instance}, signal);
  // A name that only we brought would keep the image for ever; without it, it goes with the last release that has it.
  if (before === undefined) await removeImage(docker, name, signal);
  const ports = exposedPorts(found);
  print(detail(`${found.Id.slice(7, 19)}, ${formatMegabytes(found.Size)}${ports.length === 0 ? '' : `, exposes ${ports.join(', ')}`}`));
  return ok({image, id: found.Id as ImageDigest, name: pinned(name, found), ports});
}

/** Resolves to why it can't be had. */
async function pull(docker: Docker, {name, print, authFor}: Pick<PrebuiltRequest, 'name' | 'print'> & Pick<PrebuiltSettings, 'authFor'>, signal: AbortSignal): Promise<string | undefined> {
  if (isId(name)) return `there is no image "${name}" on this node, and an id can't be pulled: name it as its registry does`;
  print(detail('Pulling it from its registry'));
  const limit = AbortSignal.timeout(PULL_MS_MAX);
  try {
    const auth = await authFor?.(name);
    await pullByName(docker, {name, ...(auth && {auth})}, anySignal([signal, limit]));
    return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    if (limit.aborted) return `"${name}" could not be pulled within ${formatDuration(PULL_MS_MAX)}`;
    // Of the engine or the registry; anything else is a mistake of ours.
    if (!(error instanceof BuildStepFailed) && (error as {statusCode?: number}).statusCode === undefined && (error as Error).name !== 'SecretFailed') throw error;
    return `"${name}" is not on this node and can't be pulled: ${wordsOf(error as Error)}. Bring it to this machine's engine (docker load, docker build), or check its name and the registry`;
  }
}

/** A layer of labels and nothing else. Made again, it is the same image: the engine's builder remembers it. */
async function labelled(docker: Docker, found: Docker.ImageInspectInfo, {app, instance}: {app: AppName; instance: string}, signal: AbortSignal): Promise<ImageDigest> {
  const {Labels: labels} = found.Config;
  if (labels?.[LABEL_INSTANCE] === instance && labels[LABEL_APP] === app) return found.Id as ImageDigest;
  const id = await buildDockerfile(docker, {
    context: tarStream([textEntry('Dockerfile', `FROM ${found.Id}\n`)]),
    tag: `${instance}/${app}:image-${found.Id.slice(7, 19)}`,
    arguments: {}, labels: {[LABEL_INSTANCE]: instance, [LABEL_APP]: app},
    network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {},
  }, signal);
  const made = await inspectImage(docker, id, signal);
  if (made === undefined) throw new Error(`the engine labelled the image "${id}" and does not know it`);
  return made.Id as ImageDigest;
}

/** A tag may move. What a registry gave has a digest; what was made here has its id only. */
function pinned(name: string, {RepoDigests: digests}: Docker.ImageInspectInfo): string {
  if (isId(name) || name.includes('@')) return name;
  const [repository = ''] = /^(.*):[^/:]+$/.exec(name)?.slice(1) ?? [];
  const digest = (digests ?? []).find((one) => one.startsWith(`${repository}@`))?.split('@')[1];
  return digest === undefined ? name : `${name}@${digest}`;
}

function exposedPorts({Config: {ExposedPorts: exposed}}: Docker.ImageInspectInfo): readonly number[] {
  return Object.keys(exposed ?? {}).flatMap((one) => {
    const [, port] = /^(\d+)(?:\/tcp)?$/.exec(one) ?? [];
    return port === undefined ? [] : [Number(port)];
  }).toSorted((one, other) => one - other);
}

function isId(name: string): boolean {
  return ID.test(name);
}

/** The engine's own words: dockerode puts `(HTTP code 404) no such image - ` before them. */
function wordsOf(error: Error): string {
  const fromEngine = (error as {json?: {message?: string}}).json?.message;
  return (fromEngine ?? error.message).replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}
