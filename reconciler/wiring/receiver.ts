import path from 'node:path';
import type Docker from 'dockerode';
import type {FastifyInstance} from 'fastify';
import type {StackImages} from '../../buildpacks/stack/images.ts';
import type {Principal} from '../api/authenticate.ts';
import type {Logins} from '../api/logins.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import type {AppIds} from '../app-ids.ts';
import {removeContainers} from '../adapters/build-container.ts';
import {diskUsage, removeVolume} from '../adapters/docker-disk.ts';
import type {Build, BuildFailure, BuildRequest, BuiltImage} from '../build/build.ts';
import {createBuilder} from '../build/builder.ts';
import {recordBytes, removeRecords} from '../build/buildkit-cache.ts';
import {warning} from '../build/output.ts';
import {cacheVolume} from '../build/site.ts';
import type {BuildQuota} from '../builds/open-build.ts';
import {BuildService} from '../builds/service.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_ROLE} from '../labels.ts';
import {sourceOf, type Layout} from '../layout.ts';
import type {DeployDesk, NodeView} from '../node.ts';
import {deployDesk} from '../receive/deploy-desk.ts';
import type {ProposalDesk} from '../proposals/desk.ts';
import {Deploys, type DeployDeps} from '../receive/deploys.ts';
import type {PostdeployNotes} from '../receive/postdeploy-notes.ts';
import {resumePostdeploys} from '../receive/postdeploy.ts';
import {rebuild, type Rebuilding} from '../receive/rebuild.ts';
import type {GitDeps} from '../receive/deps.ts';
import {GitDoor} from '../receive/git-door.ts';
import {registerGit} from '../receive/register-git.ts';
import {registerHooks} from '../receive/register-hooks.ts';
import {registerSsh} from '../receive/register-ssh.ts';
import {PushSessions} from '../receive/sessions.ts';
import {gitUrlOf} from '../settings.ts';

export interface DeployParts {
  readonly view: Pick<NodeView, 'settings' | 'wake' | 'converged' | 'oneShot'>;
  readonly repo: FollowedRepo;
  readonly layout: Layout;
  readonly ids: AppIds;
  readonly docker: Docker;
  readonly instance: string;
  readonly stack: StackImages;
  /** Ids of apps that are being built: kept up to date here, so that the pass leaves their build containers alone. */
  readonly building: Set<string>;
  /** What a build's cache may take before it is emptied; undefined: nobody knows yet. */
  cacheBytesMax(): number | undefined;
  readonly registry: DeployDeps['registry'];
  readonly postdeploys: PostdeployNotes;
  readonly proposals: DeployDeps['proposals'];
  readonly quota: BuildQuota;
  /** Something that people should know of an app. */
  tell(app: AppName, message: string): void;
  /** A line of a build's output, for the app's log. */
  noteBuild(app: AppName, line: string): void;
  log(message: string, error: unknown): void;
}

/** Builds on this node, and deploys of what they make. */
export interface BuildsAndDeploys {
  readonly builds: BuildService;
  readonly deploys: Deploys;
  readonly deployDesk: DeployDesk;
  /** Builds what was pushed once. Its output is in the app's log, too. */
  rebuild(source: Rebuilding, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>>;
}

/** @param stopping  ends none of them: it tells why they ended */
export function buildsAndDeploys({view, repo, layout, ids, docker, instance, stack, building, cacheBytesMax, registry, quota, postdeploys, proposals, tell, noteBuild, log}: DeployParts, stopping: AbortSignal): BuildsAndDeploys {
  const build = noted(createBuilder({docker, instance, stack, logs: layout.builds, scratch: layout.scratch, gitUrl: (id) => gitUrlOf(ids.nameOf(id) ?? id, view.settings)}), (id, line) => noteBuild(ids.nameOf(id) ?? id, line));
  const builds = new BuildService({
    folder: layout.builds,
    build: marked(build, building),
    caches: {
      measure: async (app, signal) => ((await diskUsage(docker, signal)).volumes.get(cacheVolume(instance, app)) ?? 0) + await recordBytes(docker, path.join(layout.builds, app), signal),
      remove: async (app, signal) => {
        // Of a build that has just succeeded: the engine removes its container in its own time.
        await removeContainers(docker, [`${LABEL_INSTANCE}=${instance}`, `${LABEL_APP}=${app}`, `${LABEL_ROLE}=build`], signal);
        await removeRecords(docker, path.join(layout.builds, app), signal);
        await removeVolume(docker, cacheVolume(instance, app), signal);
      },
      maxBytes: cacheBytesMax,
    },
    quota,
    idOf: (app) => ids.idOf(app),
    log,
  }, stopping);
  const sourcesOf = (app: AppName) => sourceOf(layout, ids.idOf(app));
  builds.interruptAbandoned().catch((error: unknown) => log('builds that were interrupted are not marked', error));
  void resumePostdeploys({notes: postdeploys, repo, node: view, print: noteBuild, tell, log}, stopping);
  const deploys = new Deploys({repo, node: view, builds, registry, postdeploys, proposals, log});
  return {
    builds, deploys,
    deployDesk: deployDesk({repo, sourceOf: sourcesOf, deploys}),
    rebuild: (source, signal) => rebuild({sourceOf: sourcesOf, repo, builds}, source, signal),
  };
}

export interface ReceiverParts {
  /** What git clients talk to, on 127.0.0.1. */
  readonly server: FastifyInstance;
  /** What git's hooks talk to, on the unix socket. */
  readonly local: FastifyInstance;
  readonly view: NodeView;
  readonly repo: FollowedRepo;
  readonly layout: Layout;
  readonly ids: AppIds;
  readonly deploys: Deploys;
  readonly logins: Logins;
  authenticateKey(fingerprint: string): Principal | undefined;
  readonly check: CommitCheck;
  readonly unsignedIn: GitDeps['unsignedIn'];
  /** Absent: the cluster repository is elsewhere. */
  readonly proposals?: ProposalDesk;
  log(message: string, error: unknown): void;
}

/** Lets git in: pushes to the cluster repository and to the apps' own ones, with the deploys that these start. */
export function receivePushes({server, local, view, ...parts}: ReceiverParts): void {
  const deps = {...parts, node: view, audit: view.audit, pushes: new PushSessions()};
  const door = new GitDoor(deps);
  registerGit(server, deps, door);
  if (view.settings.sshPort !== 0) registerSsh(local, deps, door);
  registerHooks(local, deps);
}

/** Its output and why it failed stand in the app's log too. Exported for its test. */
export function noted(build: Build, noteBuild: DeployParts['noteBuild']): Build {
  const print = (request: BuildRequest, line: string) => {
    noteBuild(request.app, line);
    request.print(line);
  };
  return async (request, signal) => {
    const built = await build({...request, source: (until) => request.source(until), print: (line) => print(request, line)}, signal);
    if (!built.ok) noteBuild(request.app, warning(`Build failed: ${built.problem.reason}`));
    return built;
  };
}

/** Exported for its test. */
export function marked(build: Build, building: Set<string>): Build {
  // A build that was cancelled may still be ending when the app's next one has begun.
  const running = new Map<string, number>();
  const count = (app: string, by: 1 | -1) => {
    const now = (running.get(app) ?? 0) + by;
    if (now > 0) {
      running.set(app, now);
      building.add(app);
      return;
    }
    running.delete(app);
    building.delete(app);
  };
  return async (request, signal) => {
    count(request.app, 1);
    try {
      return await build(request, signal);
    } finally {
      count(request.app, -1);
    }
  };
}
