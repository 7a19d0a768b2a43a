import type {AppIds} from '../app-ids.ts';
import type {Principal} from '../api/authenticate.ts';
import type {Logins} from '../api/logins.ts';
import type {Audit} from '../oneshot/oneshot.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import type {CommitId} from '../../schemas/ids.ts';
import type {Layout} from '../layout.ts';
import type {NodeView} from '../node.ts';
import type {ProposalDesk} from '../proposals/desk.ts';
import type {Deploys} from './deploys.ts';
import type {PushSessions} from './sessions.ts';

/** What receiving pushes needs of the rest. The same object goes to `registerGit` and to `registerHooks`. */
export interface GitDeps {
  readonly layout: Layout;
  readonly ids: Pick<AppIds, 'idOf' | 'nameOf'>;
  readonly node: Pick<NodeView, 'settings' | 'wake' | 'converged'>;
  readonly repo: FollowedRepo;
  readonly deploys: Deploys;
  /** Who comes with a token. */
  readonly logins: Logins;
  /** Who comes with a key that sshd has had proved. */
  authenticateKey(fingerprint: string): Principal | undefined;
  readonly audit: Pick<Audit, 'add'>;
  /** See `check.ts`. */
  readonly check: CommitCheck;
  /** What is wrong with the signatures of a push to the cluster repository, a line each. See `../signatures/`. */
  unsignedIn(range: {readonly from: CommitId; readonly to: CommitId; readonly env: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<readonly string[]>;
  readonly pushes: PushSessions;
  /** Absent: the cluster repository is elsewhere. */
  readonly proposals?: ProposalDesk;
  /** Gets what failed inside of us; the pusher is told in a sentence. */
  log(message: string, error: unknown): void;
}
