import type {EngineLogs} from '../adapters/engine.ts';
import {Refusals} from '../api/refusals.ts';
import type {Audit, NewAuditEntry} from '../oneshot/oneshot.ts';
import type {ObservedSystem} from '../observed/system.ts';
import {type RefusedLogin, RefusedLogins} from '../ssh/refused-logins.ts';

export interface SshLoginsParts {
  readonly engine: EngineLogs;
  readonly audit: Pick<Audit, 'add' | 'last'>;
  log(message: string, error: unknown): void;
}

/** What the audit log calls it, as it does `wrong token`. */
const ACTION = 'wrong key';
/** Lines of the audit log in which the last one of ours is looked for. */
const LINES_MAX = 10_000;
/** Told in one line, and how long a name may be that a client gives himself. */
const KEYS_SHOWN_MAX = 3;
const USER_LENGTH_MAX = 60;

/**
 * Writes down whom sshd has sent away. It says so only in its own log, which the engine keeps: what came while no reconciler ran is read at the next start,
 * from the last such line of the audit log on.
 */
export class SshLogins {
  readonly #parts: SshLoginsParts;
  readonly #refusals: Refusals;
  readonly #signal: AbortSignal;
  /** Runs of containers whose log is being read, or was read to its end. */
  readonly #runs = new Set<string>();

  constructor(parts: SshLoginsParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.audit);
    this.#signal = signal;
  }

  /** Called after each look. */
  see(system: readonly ObservedSystem[]): void {
    const runs = new Map(system.filter(({role, startedAtMs}) => role === 'ssh' && startedAtMs !== undefined).map((one) => [`${one.id} ${one.startedAtMs}`, one.id]));
    for (const run of this.#runs) if (!runs.has(run)) this.#runs.delete(run);
    for (const [run, id] of runs) if (!this.#runs.has(run)) void this.#follow(run, id);
  }

  /** Never rejects. */
  async #follow(run: string, id: ObservedSystem['id']): Promise<void> {
    this.#runs.add(run);
    try {
      const logins = new RefusedLogins();
      for await (const lines of this.#parts.engine.logBatches(id, await this.#from(), this.#signal)) {
        for (const {bytes} of lines) {
          const login = logins.see(textOf(bytes));
          if (login !== undefined) await this.#refusals.add(entryOf(login), Date.now());
        }
      }
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#parts.log("the log of sshd can't be read", error);
      // The next look tries again.
      this.#runs.delete(run);
    }
  }

  /** After the line that was written down last: it was written a moment after sshd had said so. */
  async #from(): Promise<{readonly since?: string}> {
    const last = (await this.#parts.audit.last(LINES_MAX)).findLast(({action}) => action === ACTION);
    // Milliseconds are cut off there; the engine takes nanoseconds.
    return last === undefined ? {} : {since: new Date(Date.parse(last.at) + 1).toISOString().replace(/Z$/, '000000Z')};
  }
}

/** Without the time before it. */
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8', bytes.indexOf(0x20) + 1).trimEnd();
}

function entryOf({from, user, keys, isDropped}: RefusedLogin): NewAuditEntry {
  const shown = [...keys.slice(0, KEYS_SHOWN_MAX), ...(keys.length > KEYS_SHOWN_MAX ? [`and ${keys.length - KEYS_SHOWN_MAX} more`] : [])].join(', ');
  const subject = isDropped ? 'ssh: too many came from this address, it has to wait' : `ssh ${(user ?? '').slice(0, USER_LENGTH_MAX)}@${shown === '' ? '' : `: ${shown}`}`;
  return {actor: '', from, action: ACTION, subject};
}
