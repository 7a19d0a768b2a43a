import type Docker from 'dockerode';
import type {StackImages} from '../../buildpacks/stack/images.ts';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {AppIds} from '../app-ids.ts';
import {inspectImage} from '../adapters/docker-build.ts';
import {takePrebuilt} from '../build/prebuilt.ts';
import {rebaseImage, standingOf} from '../build/rebase.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {standInTag} from '../labels.ts';
import {sourceOf, type Layout} from '../layout.ts';
import type {NodeView} from '../node.ts';
import {keepSource} from '../receive/kept-sources.ts';
import {hasCommit} from '../receive/rebuild.ts';
import {releaseDesk} from '../release/desk.ts';
import type {Proposer} from '../release/make.ts';
import {Makings} from '../release/makings.ts';
import type {Releases} from '../release/releases.ts';
import type {Registry} from './registry.ts';

export interface ReleasesParts {
  readonly docker: Docker;
  readonly instance: string;
  readonly repo: FollowedRepo;
  readonly stack: StackImages;
  readonly layout: Pick<Layout, 'makings' | 'scratch' | 'sources'>;
  readonly ids: Pick<AppIds, 'idOf'>;
  readonly registry: Registry;
  readonly proposals: Proposer | undefined;
  readonly node: Pick<NodeView, 'wake' | 'converged' | 'status'>;
  log(message: string, error: unknown): void;
}

/** What can be told of releases on this node, and the releases that people make by commands. */
export function releasesOf({docker, instance, stack, repo, layout, ids, registry, proposals, node, log}: ReleasesParts, signal: AbortSignal): Releases {
  const sourcesOf = (app: AppName) => sourceOf(layout, ids.idOf(app));
  // Images go by ids.
  const owner = (app: AppName) => ids.idOf(app) as string as AppName;
  return releaseDesk({
    repo, node, log, proposals,
    makings: new Makings(layout.makings),
    standingOf: (app, image, until) => standingOf({docker, instance, stack}, {app: owner(app), image}, until),
    rebaseImage: (request, until) => rebaseImage({docker, instance, stack, scratch: layout.scratch}, {...request, app: owner(request.app)}, until),
    takeImage: (request, until) => takePrebuilt({docker, instance, authFor: (name) => registry.authFor(name)}, {...request, app: owner(request.app)}, until),
    isImageHere: async (app, image, until) => await inspectImage(docker, image, until) !== undefined || await inspectImage(docker, standInTag({instance, app: owner(app), image}), until) !== undefined,
    registry,
    // A pattern of the schema: it is what its type says.
    isInRegistry: (app, image) => registry.has({app, image: image as ImageDigest}),
    isSourceHere: (app, commit, until) => hasCommit(sourcesOf(app), commit, until),
    // Like that of a pushed release. One whose source is gone, or that was pushed to another node, runs all the same.
    keepSource: ({app, ...source}, until) => keepSource({...source, gitdir: sourcesOf(app), env: {}}, until)
      .catch((error: unknown) => log(`the source of release v${source.number} of ${app} is not kept`, error)),
    servingRelease: (app) => node.status().apps.find(({name}) => name === app)?.servingRelease,
  }, signal);
}
