import type {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {inspectImage, progress, removeImage, tagImage} from './docker-build.ts';

/** What the engine logs in to a registry with; it gets it in a header of one request, on its socket. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

/**
 * Pushes an image under a name that it has only meanwhile. Resolves to the digest of its manifest.
 * @throws {BuildStepFailed} with the registry's words
 */
export async function pushImage(docker: Docker, {id, repository, tag, auth}: {readonly id: string; readonly repository: string; readonly tag: string; readonly auth?: RegistryAuth}, signal: AbortSignal): Promise<string> {
  const name = `${repository}:${tag}`;
  await tagImage(docker, id, name, signal);
  try {
    const answer = await docker.getImage(repository).push({tag, authconfig: auth ?? {}, abortSignal: signal} as object);
    let digest: string | undefined;
    for await (const {aux} of progress(answer as unknown as Readable, signal)) if (typeof aux === 'object') digest = aux.Digest ?? digest;
    if (digest === undefined) throw new Error(`the engine pushed "${name}" and did not say its digest`);
    return digest;
  } finally {
    await forgetName(docker, id, {name, signal: AbortSignal.timeout(10_000)}).catch(() => {});
  }
}

/** With its last name an image would go, too. */
async function forgetName(docker: Docker, id: string, {name, signal}: {readonly name: string; readonly signal: AbortSignal}): Promise<void> {
  const {RepoTags: names} = await inspectImage(docker, id, signal) ?? {};
  if ((names ?? []).some((one) => one !== name)) await removeImage(docker, name, signal);
}

/** Pulls an image by its tag or digest. @throws {BuildStepFailed} with the registry's words */
export async function pullByName(docker: Docker, {name, auth}: {readonly name: string; readonly auth?: RegistryAuth}, signal: AbortSignal): Promise<void> {
  // Not among the options: those go into the URL.
  const answer = await docker.pull(name, {abortSignal: signal}, undefined as never, auth);
  for await (const _ of progress(answer as unknown as Readable, signal));
}
