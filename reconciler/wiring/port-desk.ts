import type {AppName, CommitId, TreeId} from '../../schemas/ids.ts';
import type {PortRange} from '../../schemas/router.ts';
import {COMMITTER} from '../commits/writer.ts';
import {choosePorts} from '../commits/port-edits.ts';
import type {ClusterRepo} from '../checkout/snapshot.ts';
import type {DesiredState, ResolvedApp} from '../desired/state.ts';
import type {ObservedTcp} from '../observed/ports.ts';
import type {EventLog} from '../status/events.ts';

export interface PortDeskParts {
  readonly repo: Pick<ClusterRepo, 'commit'>;
  readonly events: Pick<EventLog, 'add'>;
  range(): PortRange;
}

type Asking = ResolvedApp & Required<Pick<ResolvedApp, 'portsWanted'>>;

/** How long after a try that failed the next one comes, milliseconds. */
const AGAIN_AFTER_MS = 60_000;

/** Gives TCP routes that leave their port open one of the cluster's range, by a commit: afterwards git says it, and everybody can rely on it. */
export class PortDesk {
  readonly #parts: PortDeskParts;
  /** What was tried for, by app: once a tree, or again after a while. */
  readonly #tries = new Map<AppName, {readonly tree: TreeId; readonly atMs: number}>();
  #isBusy = false;

  constructor(parts: PortDeskParts) {
    this.#parts = parts;
  }

  /**
   * `takenPorts`: those that other programs of this node have; `ownPorts`: its own. Returns at once. One app at a time: its commit wakes the loop, and what comes next
   * is chosen from what git says then.
   */
  see({apps, commit}: Pick<DesiredState, 'apps' | 'commit'>, {nowMs, tcp: {takenPorts, ownPorts}}: {readonly nowMs: number; readonly tcp: Pick<ObservedTcp, 'takenPorts' | 'ownPorts'>}, signal: AbortSignal): void {
    const asking = apps.filter((app): app is Asking => app.state === 'resolved' && app.portsWanted !== undefined);
    for (const name of this.#tries.keys()) if (!asking.some((app) => app.name === name)) this.#tries.delete(name);
    const due = asking.find(({name, treeId}) => {
      const last = this.#tries.get(name);
      return last?.tree !== treeId || nowMs - last.atMs >= AGAIN_AFTER_MS;
    });
    if (due === undefined || this.#isBusy) return;
    this.#tries.set(due.name, {tree: due.treeId, atMs: nowMs});
    const taken = new Set([...takenPorts, ...ownPorts.keys(), ...apps.flatMap((app) => (app.state === 'resolved' ? app.tcp ?? app.claims?.tcp ?? [] : [])).map(({port}) => port)]);
    this.#isBusy = true;
    void this.#choose(due, {taken, commit}, signal).finally(() => (this.#isBusy = false));
  }

  async #choose({name, portsWanted}: Asking, {taken, commit}: {readonly taken: ReadonlySet<number>; readonly commit: CommitId}, signal: AbortSignal): Promise<void> {
    const range = this.#parts.range();
    const what = portsWanted.length === 1 ? 'a TCP port' : `${portsWanted.length} TCP ports`;
    try {
      await this.#parts.repo.commit({
        edit: choosePorts(name, {range, taken}),
        message: `${name}: choose ${what} for ${portsWanted.join(', ')}\n\nThe first free of ${range.first}-${range.last}, because app.yaml names none.`,
        author: COMMITTER,
        operationId: `ports ${name} ${commit}`,
      }, signal);
    } catch (error) {
      if (!signal.aborted) this.#parts.events.add({app: name, kind: 'error', message: `${what} for ${portsWanted.join(', ')} can't be chosen: ${error instanceof Error ? error.message : String(error)}`});
    }
  }
}
