import type Docker from 'dockerode';
import {makeStackImages, stackImages} from '../../buildpacks/stack/images.ts';
import {Failure} from '../command.ts';
import {aptInstall, aptUpdate, aptCandidate} from './apt.ts';
import {isOnPath} from './exec.ts';
import type {Step} from './step.ts';

/** The base image is made by mmdebstrap, so it is needed only as long as there are images to make. */
export function mmdebstrapStep(docker: Docker, env: Readonly<Record<string, string | undefined>>): Step {
  return {
    title: 'mmdebstrap',
    async check(signal) {
      if (env.FLYNN_BASE_IMAGE !== undefined && env.FLYNN_BASE_IMAGE !== '') return `not needed: the base image is '${env.FLYNN_BASE_IMAGE}'`;
      if (await isOnPath('mmdebstrap', signal)) return 'installed';
      return (await missingImages(docker)).length === 0 ? 'not needed: the images are there' : undefined;
    },
    async do(print, signal) {
      if ((await aptCandidate('mmdebstrap', signal)) === undefined) await aptUpdate(print, signal);
      await aptInstall({packages: ['mmdebstrap'], because: 'mmdebstrap is needed to make the base image'}, print, signal);
      return 'installed';
    },
  };
}

export function imagesStep(docker: Docker): Step {
  return {
    title: 'System images',
    async check() {
      return (await missingImages(docker)).length === 0 ? Object.values(await stackImages()).join(', ') : undefined;
    },
    async do(print, signal) {
      const images = await makeStackImages({docker, print}, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        throw new Failure(error instanceof Error ? error.message : String(error), {cause: error, advice: ['then run this again: what is done stays done']});
      });
      return `made ${Object.values(images).join(', ')}`;
    },
  };
}

async function missingImages(docker: Docker): Promise<readonly string[]> {
  const tags = Object.values(await stackImages());
  const there = await Promise.all(tags.map((tag) => docker.getImage(tag).inspect().then(() => true, (error: {statusCode?: number}) => {
    if (error.statusCode === 404) return false;
    throw error;
  })));
  return tags.filter((_tag, index) => there[index] !== true);
}
