import type {AppName} from '../../schemas/ids.ts';
import {formatDuration, warning} from '../build/output.ts';
import type {BuildOrder, BuildService} from '../builds/service.ts';
import {Turns, type Holder} from '../builds/turns.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import type {NodeView} from '../node.ts';
import type {OneShot} from '../oneshot/oneshot.ts';
import type {Proposer} from '../release/make.ts';
import type {ReleaseRegistry} from '../release/publish.ts';
import type {SourceOf} from './build-commit.ts';
import {deploy, type Deployed} from './deploy.ts';
import type {PostdeployNotes} from './postdeploy-notes.ts';

export interface DeployDeps {
  readonly repo: FollowedRepo;
  readonly node: Pick<NodeView, 'wake' | 'converged'> & {readonly oneShot: Pick<OneShot, 'run'>};
  readonly builds: BuildService;
  readonly registry: ReleaseRegistry;
  readonly postdeploys: PostdeployNotes;
  /** Undefined: the cluster repository is a folder, in which nothing is reviewed. */
  readonly proposals: Proposer | undefined;
  /** Gets what failed inside of us. */
  log(message: string, error: unknown): void;
}

/** A commit that is to be built, released, and waited for. */
export interface DeployOrder extends BuildOrder, SourceOf {
  /** Whose it is: his file below `people/`. Absent: nobody's of these. */
  readonly user?: string;
  /** The release is proposed whatever the manifests say. */
  readonly isProposed?: boolean;
  /** Asked when its turn has come. @throws {ReleaseRefused} when it is not to be deployed any more */
  mayGoOn?(signal: AbortSignal): Promise<void>;
  /** From now on it is finished even when whoever ordered it goes away. */
  settle(): void;
  /** The app's next turn comes not before that. */
  readonly ended?: Promise<void>;
}

/** Deploys of commits, whoever ordered them: one app's go one after the other; builds of different apps share the node. */
export class Deploys {
  readonly #deps: DeployDeps;
  readonly #apps = new Map<AppName, Turns>();

  constructor(deps: DeployDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the release serves.
   *
   * @throws {ReleaseRefused} when it does not, with the reason; the signal's reason when it was aborted
   */
  async deploy(order: DeployOrder, signal: AbortSignal): Promise<Deployed> {
    const {app, by, commit, ended} = order;
    return this.#deps.builds.conduct(order, async (build) => {
      const turns = this.#apps.get(app) ?? new Turns();
      this.#apps.set(app, turns);
      const onWait = (holders: readonly Holder[], ahead: number) => {
        build.queuedBehind(ahead);
        build.print(warning(`Waiting for the push before this one: ${describe(holders)}${ahead === 0 ? '' : `, and ${ahead} more`}`));
      };
      const giveBack = await turns.take({doing: `${by.name} deploys ${commit.slice(0, 8)}`, atOnce: 1, onWait}, build.signal);
      const deploying = (async () => {
        await order.mayGoOn?.(build.signal);
        return deploy({order, build, deps: this.#deps}, build.signal);
      })();
      // The branch moves only after the hook has ended, and git is gone at once when its pusher is: the next in turn must neither come
      // before the branch has moved, nor while what this one did is still undone.
      void Promise.allSettled([ended, deploying]).then(giveBack).then(() => {
        if (turns.isIdle) this.#apps.delete(app);
      });
      return deploying;
    }, signal);
  }
}

function describe(holders: readonly Holder[]): string {
  return holders.map(({doing, sinceMs}) => `${doing} (since ${formatDuration(Date.now() - sinceMs)})`).join(', ');
}
