import type {AppName, CommitId} from '../../schemas/ids.ts';
import {SOURCE_DEFAULTS} from '../../schemas/source.ts';
import {OPERATOR} from '../api/authenticate.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {git} from '../adapters/git.ts';
import {detail, warning} from '../build/output.ts';
import {ReleaseRefused} from '../release/refused.ts';
import {branchesOf, pushRulesOf, refsOf} from './deploy-branch.ts';
import type {GitDeps} from './deps.ts';
import {PushRejected, type Push, type RefUpdate} from './push.ts';

/** Pushes of apps' sources: one branch is deployed, others are kept. */
export class AppPushes {
  readonly #deps: Pick<GitDeps, 'repo' | 'deploys'>;

  constructor(deps: Pick<GitDeps, 'repo' | 'deploys'>) {
    this.#deps = deps;
  }

  /** Returns when the release serves. @throws {PushRejected} when it does not, with the reason last */
  async deploy(app: AppName, push: Push, signal: AbortSignal): Promise<void> {
    const {deployBranch, source} = await pushRulesOf(app, await this.#deps.repo.snapshot(signal), signal);
    const update = deployedUpdate(app, {push, deployBranch});
    if (update === undefined) return;
    // Two places that say what runs would undo each other's releases.
    if (source !== undefined) throw new PushRejected(warning(`Push rejected, ${app} is deployed from ${source.git} (branch ${source.branch ?? SOURCE_DEFAULTS.branch}): push there. To deploy pushes again, take \`source:\` out of its app.yaml`));
    const {gitdir, env, author: by, ended} = push;
    try {
      await this.#deps.deploys.deploy({
        app, gitdir, env, by, ended,
        user: push.principal?.user ?? OPERATOR,
        // Git itself names commits by 40 hex digits.
        commit: update.after as CommitId,
        branch: shortName(update.ref),
        origin: 'push',
        mayGoOn: (until) => mustBeWhereItWas(update, push, until),
        print: (line) => push.print(line),
        settle: () => push.settle(),
      }, signal);
    } catch (error) {
      throw error instanceof ReleaseRefused ? new PushRejected(...error.details, warning(`Push rejected, ${error.message}`)) : error;
    }
  }
}

function deployedUpdate(app: AppName, {push, deployBranch}: {push: Push; deployBranch: string | undefined}): RefUpdate | undefined {
  const refs = refsOf(deployBranch);
  const branches = branchesOf(deployBranch).join(' and ');
  const updates = push.updates.filter(({ref}) => refs.includes(ref));
  for (const {ref, after} of push.updates.filter((one) => !updates.includes(one))) {
    if (!/^refs\/(heads|tags)\//.test(ref)) throw new PushRejected(warning(`Push rejected, "${ref}" is neither a branch nor a tag`));
    if (after === NO_COMMIT) continue;
    push.print(detail(`${shortName(ref)} is kept, nothing is deployed: that is what ${branches} ${deployBranch === undefined ? 'are' : 'is'} for.`));
    if (ref.startsWith('refs/heads/')) push.print(detail(`To deploy it all the same: flynn deploy --branch ${shortName(ref)} -a ${app}`));
  }
  if (updates.length > 1) throw new PushRejected(warning(`Push rejected, ${branches} can't both be deployed: push one of them`));
  const [update] = updates;
  if (update?.after === NO_COMMIT) throw new PushRejected(warning('Push rejected, the branch that was deployed can\'t be deleted. To stop the app: flynn scale web=0'));
  return update;
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}

/** Git compares only at the very end: without this, a deploy would first become live and then be rejected. */
async function mustBeWhereItWas({ref, before, after}: RefUpdate, {gitdir, env}: Push, signal: AbortSignal): Promise<void> {
  const listed = await git(['for-each-ref', '--format=%(objectname)', '--', ref], {gitdir, env}, signal);
  const now = listed === '' ? NO_COMMIT : listed;
  if (now === before) return;
  if (now === after) throw new ReleaseRefused(`${shortName(ref)} is at ${now.slice(0, 8)} by now: another push of the same commit deployed it while this one waited. There is nothing left to push`);
  throw new ReleaseRefused(`${shortName(ref)} has moved to ${now.slice(0, 8)} while this push waited. Fetch it, then push again`);
}
