import type {AppName, CommitId} from '../../schemas/ids.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {git} from '../adapters/git.ts';
import {detail, formatDuration, warning} from '../build/output.ts';
import {deploy, DEPLOYED} from './deploy.ts';
import type {GitDeps} from './deps.ts';
import {PushRejected, type Push, type RefUpdate} from './push.ts';
import {Turns, type Holder} from './turns.ts';

/** Pushes of apps' sources. One app's deploys go one after the other; builds of different apps share the node. */
export class AppPushes {
  readonly #deps: GitDeps;
  readonly #apps = new Map<AppName, Turns>();
  readonly #builds = new Turns();

  constructor(deps: GitDeps) {
    this.#deps = deps;
  }

  /** Returns when the release serves. @throws {PushRejected} when it does not, with the reason last */
  async deploy(app: AppName, push: Push, signal: AbortSignal): Promise<void> {
    const update = this.#deployedUpdate(push);
    if (update === undefined) return;
    const turns = this.#apps.get(app) ?? new Turns();
    this.#apps.set(app, turns);
    const doing = `${push.author.name} deploys ${update.after.slice(0, 8)}`;
    const giveBack = await turns.take({doing, atOnce: 1, onWait: (holders, ahead) => push.print(warning(`Waiting for the push before this one: ${describe(holders)}${ahead === 0 ? '' : `, and ${ahead} more`}`))}, signal);
    const deploying = this.#inTurn(app, {update, push}, signal);
    // The branch moves only after this hook has ended, and git is gone at once when its pusher is: the next in turn must neither come
    // before the branch has moved, nor while what this push did is still undone.
    void Promise.allSettled([push.ended, deploying]).then(giveBack).then(() => {
      if (turns.isIdle) this.#apps.delete(app);
    });
    await deploying;
  }

  async #inTurn(app: AppName, {update, push}: {update: RefUpdate; push: Push}, signal: AbortSignal): Promise<void> {
    await mustBeWhereItWas(update, push, signal);
    await deploy({app, commit: update.after as CommitId, push, deps: this.#deps, builds: this.#builds}, signal);
  }

  #deployedUpdate(push: Push): RefUpdate | undefined {
    const updates = push.updates.filter(({ref}) => DEPLOYED.includes(ref));
    const others = push.updates.filter(({ref}) => !DEPLOYED.includes(ref));
    for (const {ref} of others) {
      if (!/^refs\/(heads|tags)\//.test(ref)) throw new PushRejected(warning(`Push rejected, "${ref}" is neither a branch nor a tag`));
      push.print(detail(`${ref.replace(/^refs\/(heads|tags)\//, '')} is kept, nothing is deployed: that is what main and master are for.`));
    }
    if (updates.length > 1) throw new PushRejected(warning('Push rejected, main and master can\'t both be deployed: push one of them'));
    const [update] = updates;
    if (update?.after === NO_COMMIT) throw new PushRejected(warning('Push rejected, the branch that was deployed can\'t be deleted. To stop the app: flynn scale web=0'));
    return update;
  }
}

function describe(holders: readonly Holder[]): string {
  return holders.map(({doing, sinceMs}) => `${doing} (since ${formatDuration(Date.now() - sinceMs)})`).join(', ');
}

/** Git compares only at the very end: without this, a deploy would first become live and then be rejected. */
async function mustBeWhereItWas({ref, before}: RefUpdate, {gitdir, env}: Push, signal: AbortSignal): Promise<void> {
  const listed = await git(['for-each-ref', '--format=%(objectname)', '--', ref], {gitdir, env}, signal);
  const now = listed === '' ? NO_COMMIT : listed;
  if (now === before) return;
  const branch = ref.replace('refs/heads/', '');
  throw new PushRejected(warning(`Push rejected, ${branch} has moved to ${now.slice(0, 8)} while this push waited. Fetch it, then push again`));
}
