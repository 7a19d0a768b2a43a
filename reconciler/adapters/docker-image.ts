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

function wordsOf(entrypoint: string | readonly string[] | null | undefined): readonly string[] {
  return typeof entrypoint === 'string' ? [entrypoint] : entrypoint ?? [];
}
