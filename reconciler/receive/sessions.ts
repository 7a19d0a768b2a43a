import {randomBytes} from 'node:crypto';
import type {Principal} from '../api/authenticate.ts';

/** One client that is connected to us and pushes: what its hooks, which are other processes, can't know. */
export interface PushSession {
  readonly id: string;
  readonly principal: Principal;
  /** Address of the client. */
  readonly from?: string;
  /** Aborted when the client goes away, or we stop. */
  readonly signal: AbortSignal;
  /** True: the work is done, and losing the client now must not undo it. */
  isSettled: boolean;
  /** What became of it; what git refuses by itself never comes to a hook, or not to the second one. */
  verdict?: 'refused' | 'received';
  /** Folder of the objects that are not in the repository yet, once a hook has told. */
  quarantine?: string;
  /** Resolves when git has ended. */
  readonly ended: Promise<void>;
}

/** The pushes that are going on, by the id that their hooks carry. */
export class PushSessions {
  readonly #open = new Map<string, PushSession>();

  open(principal: Principal, signal: AbortSignal, from?: string): {readonly session: PushSession; end(): void} {
    const ended = Promise.withResolvers<void>();
    const session: PushSession = {id: randomBytes(16).toString('hex'), principal, signal, isSettled: false, ...(from !== undefined && {from}), ended: ended.promise};
    this.#open.set(session.id, session);
    return {
      session,
      end: () => {
        this.#open.delete(session.id);
        ended.resolve();
      },
    };
  }

  find(id: string): PushSession | undefined {
    return this.#open.get(id);
  }
}
