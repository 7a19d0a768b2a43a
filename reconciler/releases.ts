import type Docker from 'dockerode';
import {inspectImage} from './adapters/docker-build.ts';
import {takePrebuilt} from './build/prebuilt.ts';
import type {FollowedRepo} from './checkout/repo.ts';
import type {NodeView} from './node.ts';
import {releaseDesk} from './release/desk.ts';
import type {Releases} from './release/releases.ts';

export interface ReleasesParts {
  readonly docker: Docker;
  readonly instance: string;
  readonly repo: FollowedRepo;
  readonly node: Pick<NodeView, 'wake' | 'converged' | 'status'>;
  log(message: string, error: unknown): void;
}

/** What can be told of releases on this node, and the releases that people make by commands. */
export function releasesOf({docker, instance, repo, node, log}: ReleasesParts, signal: AbortSignal): Releases {
  return releaseDesk({
    repo, node, log,
    takeImage: (request, until) => takePrebuilt({docker, instance}, request, until),
    isImageHere: async (image, until) => await inspectImage(docker, image, until) !== undefined,
    servingRelease: (app) => node.status().apps.find(({name}) => name === app)?.servingRelease,
  }, signal);
}
