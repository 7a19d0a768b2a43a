import type {Access} from '../access/access.ts';
import {anySignal} from '../any-signal.ts';
import type {AppIds} from '../app-ids.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {CLUSTER_DEFAULTS} from '../../schemas/cluster.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {sourceOf, type Layout} from '../layout.ts';
import type {NodeView} from '../node.ts';
import {ProposalDesk} from '../proposals/desk.ts';
import type {Deployer} from '../proposals/merge.ts';
import {forgetProposed, keepSource} from '../receive/kept-sources.ts';
import {postdeploy} from '../receive/postdeploy.ts';
import type {PostdeployNotes} from '../receive/postdeploy-notes.ts';
import {Makings} from '../release/makings.ts';
import {lookAfterMaking} from '../release/resume.ts';
import type {EventLog} from '../status/events.ts';

export interface DeployerParts {
  readonly layout: Layout;
  readonly ids: Pick<AppIds, 'idOf'>;
  readonly repo: FollowedRepo;
  /** Undefined: cluster.yaml has not been read yet. */
  keepReleases(): number | undefined;
  readonly postdeploys: PostdeployNotes;
  readonly node: Pick<NodeView, 'wake' | 'converged' | 'oneShot'>;
  noteBuild(app: AppName, line: string): void;
  log(message: string, error: unknown): void;
}

export interface ProposalsParts extends Pick<DeployerParts, 'layout' | 'repo' | 'keepReleases' | 'log'> {
  readonly check: CommitCheck;
  readonly deployer: Deployer;
  access(): Access;
  areCommitsSigned(): boolean;
  wake(reason: string): void;
  readonly events: Pick<EventLog, 'add'>;
}

/** Proposals on our own server. They end with the signal. */
export function proposalDesk({layout, keepReleases, events, ...parts}: ProposalsParts, signal: AbortSignal): ProposalDesk {
  const objects = new ObjectReader({gitdir: layout.clusterRepo});
  signal.addEventListener('abort', () => objects.close(), {once: true});
  return new ProposalDesk({...parts, gitdir: layout.clusterRepo, objects, keepReleases: () => keepReleases() ?? CLUSTER_DEFAULTS.keep.releases, tell: (event) => events.add(event)});
}

/** What becomes of proposed releases, wherever they are proposed. What it looks after ends with the signal, and goes on after the next start. */
export function deployerOf({layout, ids, repo, keepReleases, postdeploys, node, noteBuild, log}: DeployerParts, signal: AbortSignal): Deployer {
  const makings = new Makings(layout.makings);
  const sourcesOf = (app: AppName) => sourceOf(layout, ids.idOf(app));
  return {
    async prepare({app, createdAt, source, postdeploy: script}, {number, by}, until) {
      if (source !== undefined) await keepSource({gitdir: sourcesOf(app), env: {}, commit: source, number, keep: keepReleases() ?? CLUSTER_DEFAULTS.keep.releases}, until);
      if (script !== undefined) await postdeploys.add({app, createdAt, script, by: {name: by.name, email: by.email}});
      // A node that is killed from now on takes back at its next start what fails.
      await makings.add({app, createdAt});
    },
    lookAfter({app, createdAt}) {
      const deps = {repo, node, makings, log};
      void lookAfterMaking(deps, {app, createdAt}, signal)
        .then((outcome) => (outcome === 'healthy' ? postdeploy({notes: postdeploys, node}, {app, createdAt, print: (line) => noteBuild(app, line)}, signal) : undefined));
    },
    async letGo({app, source}) {
      if (source !== undefined) await forgetProposed(sourcesOf(app), source as CommitId, anySignal([signal, AbortSignal.timeout(30_000)]));
    },
  };
}
