import type {AppName, CommitId} from '../../schemas/ids.ts';
import {git, GitError} from '../adapters/git.ts';
import {LineQueue} from '../api/stream.ts';
import {isRepository} from '../checkout/own.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import type {DeployDesk, DeployLine, DeployWish} from '../node.ts';
import {ReleaseRefused} from '../release/refused.ts';
import type {Deployed} from './deploy.ts';
import type {Deploys} from './deploys.ts';

export interface DeployDeskParts {
  readonly repo: Pick<FollowedRepo, 'snapshot'>;
  /** The repository of an app's source. */
  sourceOf(app: AppName): string;
  readonly deploys: Deploys;
}

/** `flynn deploy --branch`: deploys of what was pushed before. */
export function deployDesk({repo, sourceOf, deploys}: DeployDeskParts): DeployDesk {
  return {
    async* deployPushed(app, wish, {by, user, isProposed}, signal) {
      const {apps} = await repo.snapshot(signal);
      if (!apps.some(({name}) => name === app)) throw new EditRefused(`there is no app "${app}" in the cluster repository`);
      const gitdir = sourceOf(app);
      const commit = await commitOf(app, {gitdir, wish}, signal);
      const queue = new LineQueue<DeployLine>(signal);
      const print = (line: string) => queue.push({print: line});
      const deploying = refusing(deploys.deploy({
        app, commit, gitdir, by, user, isProposed, print,
        ...('branch' in wish ? {branch: wish.branch} : {}),
        env: {},
        origin: 'deploy',
        settle: () => {},
      }, signal), print).finally(() => queue.end());
      deploying.catch(() => {}); // Awaited below, after the lines that came before.
      yield* queue;
      yield {deployed: {commit, ...await deploying}};
    },
  };
}

/** The API tells the message of an `EditRefused` to the one who asked. */
async function refusing(deploying: Promise<Deployed>, print: (line: string) => void): Promise<Deployed> {
  try {
    return await deploying;
  } catch (error) {
    if (!(error instanceof ReleaseRefused)) throw error;
    for (const line of error.details) print(line);
    throw new EditRefused(error.message, {cause: error});
  }
}

async function commitOf(app: AppName, {gitdir, wish}: {gitdir: string; wish: DeployWish}, signal: AbortSignal): Promise<CommitId> {
  const {what, name} = 'branch' in wish ? {what: `branch "${wish.branch}"`, name: `refs/heads/${wish.branch}`} : {what: `commit "${wish.commit}"`, name: wish.commit};
  try {
    if (await isRepository(gitdir)) return await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`], {gitdir}, signal) as CommitId;
  } catch (error) {
    // git-rev-parse(1), --verify: there is no such object, or more than one.
    if (!(error instanceof GitError) || error.exitCode === undefined) throw error;
  }
  throw new EditRefused(`no ${what} was pushed to ⬢ ${app}`);
}
