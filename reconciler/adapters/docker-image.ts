import type Docker from 'dockerode';
import {ENGINE_CALL_MS_MAX, engineCall} from './docker-client.ts';

/** Words that an image puts before every command; none when it has no entrypoint. */
export async function entrypointOfImage(docker: Docker, image: string, signal: AbortSignal): Promise<readonly string[]> {
  const {Config} = await engineCall('inspect image', (abortSignal) => docker.getImage(image).inspect({abortSignal} as object), {ms: ENGINE_CALL_MS_MAX, signal});
  return wordsOf(Config.Entrypoint);
}

export async function entrypointOfContainer(docker: Docker, id: string, signal: AbortSignal): Promise<readonly string[]> {
  const {Config} = await engineCall('inspect container', (abortSignal) => docker.getContainer(id).inspect({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
  return wordsOf(Config.Entrypoint);
}

/** A containerd image store wants every layer in an archive; the engine's older store takes it without those that it has. */
export async function takesPartialArchives(docker: Docker, signal: AbortSignal): Promise<boolean> {
  const info = docker.info.bind(docker) as unknown as (options: object) => Promise<unknown>;
  const {DriverStatus} = await engineCall('ask the engine about itself', (abortSignal) => info({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal}) as {readonly DriverStatus?: readonly (readonly string[])[] | null};
  return !(DriverStatus ?? []).flat().some((text) => text.startsWith('io.containerd.snapshotter'));
}

function wordsOf(entrypoint: string | readonly string[] | null | undefined): readonly string[] {
  return typeof entrypoint === 'string' ? [entrypoint] : entrypoint ?? [];
}
