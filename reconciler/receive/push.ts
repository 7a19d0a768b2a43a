import type {Principal} from '../api/authenticate.ts';
import type {Author} from '../checkout/snapshot.ts';

/** A push as git's hook hands it over: nothing has moved yet (`pre-receive`), or everything has (`post-receive`). */
export interface Push {
  /** Bare repository that is pushed to. */
  readonly gitdir: string;
  readonly updates: readonly RefUpdate[];
  /** `git push -o <option>` */
  readonly options: readonly string[];
  /** Environment in which git finds the objects of the push, which are not in the repository yet. */
  readonly env: Readonly<Record<string, string>>;
  readonly author: Author;
  /** Who pushes, and what he may do. Absent: somebody on this machine itself, by path: he may do everything. */
  readonly principal?: Principal;
  /** From where, as the audit log has it. */
  readonly from?: string;
  /** One line for the pusher, at once. */
  print(line: string): void;
  /** From now on the push is finished even when the pusher goes away. */
  settle(): void;
  /** Ends when git has ended: only then has the branch moved. */
  readonly ended: Promise<void>;
}

export interface RefUpdate {
  /** 40 zeros: it did not exist. */
  readonly before: string;
  /** 40 zeros: it is deleted. */
  readonly after: string;
  readonly ref: string;
}

/** The push is not accepted; the lines say why, the last one being the verdict. */
export class PushRejected extends Error {
  override name = 'PushRejected';
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}
