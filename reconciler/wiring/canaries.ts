import {EditRefused} from '../checkout/snapshot.ts';
import type {RequestFigures} from '../logs/requests.ts';
import type {CanarySeen, DeployRecord} from '../observed/state.ts';
import type {AppName, SpecHash} from '../../schemas/ids.ts';

/** What people want to become of a deploy that tries its canaries. */
export interface CanaryDesk {
  /** @throws {EditRefused} when the app's deploy has no canaries now */
  decide(app: AppName, kind: 'promote' | 'abort', by: string): void;
}

export interface CanaryParts {
  journal(): ReadonlyMap<AppName, DeployRecord>;
  figures(app: AppName, spec: SpecHash, sinceMs: number): RequestFigures;
  wake(): void;
}

interface Wish {
  readonly kind: 'promote' | 'abort';
  readonly by: string;
  /** Of the deploy that is meant: the next one has nothing of it. */
  readonly specKey: SpecHash;
}

/**
 * What the planner has to know of canaries. A wish is kept in memory until the next pass has written down what followed from it: like `kill`
 * and `restart` it is a single act, and what git wants is changed by the release's pusher who hears that it was aborted, or by a new commit.
 */
export class Canaries implements CanaryDesk {
  readonly #parts: CanaryParts;
  readonly #wishes = new Map<AppName, Wish>();

  constructor(parts: CanaryParts) {
    this.#parts = parts;
  }

  decide(app: AppName, kind: 'promote' | 'abort', by: string): void {
    const deploy = this.#parts.journal().get(app)?.deploy;
    if (deploy?.state !== 'deploying' || deploy.canary === undefined) throw new EditRefused(`no deploy of "${app}" has canaries now`);
    this.#wishes.set(app, {kind, by, specKey: deploy.specKey});
    this.#parts.wake();
  }

  look(): ReadonlyMap<AppName, CanarySeen> {
    const {figures, journal} = this.#parts;
    const seen = new Map<AppName, CanarySeen>();
    for (const [app, {deploy}] of journal()) {
      if (deploy?.state !== 'deploying' || deploy.canary === undefined) {
        this.#wishes.delete(app);
        continue;
      }
      const wish = this.#wishes.get(app);
      const {specs, sinceMs} = deploy.canary;
      seen.set(app, {figures: sum(specs.map((spec) => figures(app, spec, sinceMs))), ...(wish?.specKey === deploy.specKey && {wish: {kind: wish.kind, by: wish.by}})});
    }
    return seen;
  }
}

/** Several services of one app: the slowest one counts. */
function sum(all: readonly RequestFigures[]): RequestFigures {
  const slowest = Math.max(0, ...all.map(({p95Ms}) => p95Ms ?? 0));
  return {
    requests: all.reduce((total, {requests}) => total + requests, 0),
    failures: all.reduce((total, {failures}) => total + failures, 0),
    p95Ms: slowest === 0 ? undefined : slowest,
  };
}
