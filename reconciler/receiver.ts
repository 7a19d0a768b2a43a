import type Docker from 'dockerode';
import type {FastifyInstance} from 'fastify';
import type {StackImages} from '../buildpacks/stack/images.ts';
import type {Authenticate} from './api/authenticate.ts';
import type {AppName, CommitId} from '../schemas/ids.ts';
import type {Result} from '../schemas/result.ts';
import type {Build, BuildFailure, BuildRequest, BuiltImage} from './build/build.ts';
import {createBuilder} from './build/builder.ts';
import type {CommitCheck, FollowedRepo} from './checkout/repo.ts';
import type {Layout} from './layout.ts';
import type {NodeView} from './node.ts';
import {rebuild} from './receive/rebuild.ts';
import {registerGit} from './receive/register-git.ts';
import {registerHooks} from './receive/register-hooks.ts';
import {PushSessions} from './receive/sessions.ts';

export interface ReceiverParts {
  /** What git clients talk to, on 127.0.0.1. */
  readonly server: FastifyInstance;
  /** What git's hooks talk to, on the unix socket. */
  readonly local: FastifyInstance;
  readonly view: NodeView;
  readonly repo: FollowedRepo;
  readonly layout: Layout;
  readonly docker: Docker;
  readonly instance: string;
  readonly stack: StackImages;
  /** Apps that are being built: kept up to date here, so that the pass leaves their build containers alone. */
  readonly building: Set<string>;
  readonly authenticate: Authenticate;
  readonly check: CommitCheck;
  /** A line of a build's output, for the app's log. */
  noteBuild(app: AppName, line: string): void;
  log(message: string, error: unknown): void;
}

export interface Receiver {
  /** Builds what was pushed once. */
  rebuild(source: {readonly app: AppName; readonly commit: CommitId}, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>>;
}

/** Lets git in: pushes to the cluster repository and to the apps' own ones, with the builds that these start. */
export function receivePushes({server, local, view, building, docker, instance, stack, noteBuild, ...parts}: ReceiverParts): Receiver {
  const {repo, layout, authenticate, check, log} = parts;
  const build = noted(createBuilder({docker, instance, stack, logs: layout.builds, scratch: layout.scratch}), noteBuild);
  const deps = {layout, node: view, repo, build: marked(build, building), authenticate, check, pushes: new PushSessions(), log};
  registerGit(server, deps);
  registerHooks(local, deps);
  // Whoever looks for it finds its output in the app's log.
  return {rebuild: (source, signal) => rebuild(deps, {...source, print: () => {}}, signal)};
}

function noted(build: Build, noteBuild: ReceiverParts['noteBuild']): Build {
  const print = (request: BuildRequest, line: string) => {
    noteBuild(request.app, line);
    request.print(line);
  };
  return (request, signal) => build({...request, source: (until) => request.source(until), print: (line) => print(request, line)}, signal);
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
