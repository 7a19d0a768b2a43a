import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {DesiredApp} from '../desired/state.ts';
import type {DeployRecord, ObservedContainer} from '../observed/state.ts';
import {isBusy} from '../plan/busy.ts';
import {claimsOf, type Claim} from './derive.ts';
import type {Condition} from './status.ts';

/** One app as a pass saw it. */
export interface SeenApp {
  readonly app: DesiredApp;
  readonly record: DeployRecord | undefined;
  readonly containers: readonly ObservedContainer[];
  /** As in `AppFacts`. */
  readonly busy: ReadonlySet<string>;
  readonly imageGone?: string;
  readonly portWaits?: string | undefined;
}

interface Known {
  readonly app: DesiredApp;
  readonly record: DeployRecord | undefined;
  readonly containers: string;
  readonly imageGone: string | undefined;
  readonly portWaits: string | undefined;
  readonly conditions: readonly Condition[];
}

/**
 * The conditions of each app and since when they are so: the one thing that a single pass can't see. Told of every pass; what did not
 * change since the last one costs a comparison.
 */
export class Conditions {
  readonly #known = new Map<AppName, Known>();
  #node: readonly Condition[] = [];

  see(apps: readonly SeenApp[], at: {readonly commit: CommitId; readonly now: string}): void {
    const gone = new Set(this.#known.keys());
    for (const seen of apps) {
      const {app, record} = seen;
      gone.delete(app.name);
      const before = this.#known.get(app.name);
      const containers = seen.containers.map((container) => sketch(container, seen.busy)).join();
      if (before?.app === app && before.record === record && before.containers === containers && before.imageGone === seen.imageGone && before.portWaits === seen.portWaits) continue;
      this.#known.set(app.name, {app, record, containers, imageGone: seen.imageGone, portWaits: seen.portWaits, conditions: stamp(claimsOf(seen), before?.conditions ?? [], at)});
    }
    for (const app of gone) this.#known.delete(app);
  }

  seeNode(claims: readonly Claim[], at: {readonly commit: CommitId; readonly now: string}): void {
    this.#node = stamp(claims, this.#node, at);
  }

  of(app: AppName): readonly Condition[] {
    return this.#known.get(app)?.conditions ?? [];
  }

  ofNode(): readonly Condition[] {
    return this.#node;
  }
}

/** All of a container that a condition can depend on. */
function sketch(container: ObservedContainer, busy: ReadonlySet<string>): string {
  return `${container.id} ${container.state} ${container.state === 'running' ? `${container.health.state} ${container.drift ?? ''} ${isBusy(container, {operations: busy})}` : ''}`;
}

/** `since` stays while status and reason do. */
function stamp(claims: readonly Claim[], before: readonly Condition[], {commit, now}: {readonly commit: CommitId; readonly now: string}): readonly Condition[] {
  return claims.map((claim): Condition => {
    const same = before.find(({type, status, reason}) => type === claim.type && status === claim.status && reason === claim.reason);
    return {...claim, commit, since: same?.since ?? now};
  });
}
