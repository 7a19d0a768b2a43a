import path from 'node:path';
import type {Access} from '../access/access.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {CLUSTER_DEFAULTS} from '../../schemas/cluster.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {Layout} from '../layout.ts';
import type {NodeView} from '../node.ts';
import {ProposalDesk} from '../proposals/desk.ts';
import {forgetProposed, keepSource} from '../receive/kept-sources.ts';
import {postdeploy} from '../receive/postdeploy.ts';
import type {PostdeployNotes} from '../receive/postdeploy-notes.ts';
import {Makings} from '../release/makings.ts';
import {lookAfterMaking} from '../release/resume.ts';
import type {EventLog} from '../status/events.ts';

export interface ProposalsParts {
  readonly layout: Layout;
  readonly repo: FollowedRepo;
  readonly check: CommitCheck;
  access(): Access;
  /** Undefined: cluster.yaml has not been read yet. */
  keepReleases(): number | undefined;
  areCommitsSigned(): boolean;
  readonly postdeploys: PostdeployNotes;
  readonly node: Pick<NodeView, 'wake' | 'converged' | 'oneShot'>;
  noteBuild(app: AppName, line: string): void;
  readonly events: Pick<EventLog, 'add'>;
  log(message: string, error: unknown): void;
}

/** Proposals on our own server, and what becomes of the releases among them. Both end with the signal. */
export function proposalDesk({layout, repo, check, access, keepReleases, areCommitsSigned, postdeploys, node, noteBuild, events, log}: ProposalsParts, signal: AbortSignal): ProposalDesk {
  const objects = new ObjectReader({gitdir: layout.clusterRepo});
  signal.addEventListener('abort', () => objects.close(), {once: true});
  const makings = new Makings(layout.makings);
  const sourceOf = (app: AppName) => path.join(layout.sources, `${app}.git`);
  const keep = () => keepReleases() ?? CLUSTER_DEFAULTS.keep.releases;
  return new ProposalDesk({
    gitdir: layout.clusterRepo, objects, repo, check, access, areCommitsSigned, log,
    tell: (event) => events.add(event),
    keepReleases: keep,
    wake: (reason) => node.wake(reason),
    deployer: {
      async prepare({app, createdAt, source, postdeploy: script}, {number, by}, until) {
        if (source !== undefined) await keepSource({gitdir: sourceOf(app), env: {}, commit: source, number, keep: keep()}, until);
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
        if (source !== undefined) await forgetProposed(sourceOf(app), source as CommitId, AbortSignal.any([signal, AbortSignal.timeout(30_000)]));
      },
    },
  });
}
