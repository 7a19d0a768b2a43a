import type {AppName} from '../../../schemas/ids.ts';
import {EditRefused, NothingThere} from '../../../reconciler/checkout/snapshot.ts';
import type {HistoryEntry, ImageWish, Overtaken, ReleaseDetails, RebasePreview, ReleaseLine, Releases, ReleaseSummary, RollbackPreview, RollbackWish, Wisher} from '../../../reconciler/release/releases.ts';

/** Releases without git or engine: tests set what is answered, and read what was asked for. */
export class FakeReleases implements Releases {
  current: number | undefined;
  past: readonly ReleaseSummary[] = [];
  details: ReleaseDetails | undefined;
  commits: readonly HistoryEntry[] = [];
  overtaker: Overtaken | undefined;
  /** A text: refused so. */
  previewed: RollbackPreview | string = 'there is no release to go back to';
  lines: readonly ReleaseLine[] = [];
  refusal: string | undefined;
  /** By app; others have no release. */
  readonly standings = new Map<string, RebasePreview>();
  readonly rebased: string[] = [];
  readonly wishes: {readonly kind: 'rollback' | 'image'; readonly wish: RollbackWish | ImageWish; readonly by: string; readonly operationId: string}[] = [];

  async list(_app: string, limit: number) {
    return {releases: this.past.slice(0, limit), ...(this.current === undefined ? {} : {current: this.current})};
  }

  async show(app: string, number: number): Promise<ReleaseDetails> {
    if (this.details?.number !== number) throw new NothingThere(`⬢ ${app} never had a release v${number}`);
    return this.details;
  }

  async history(_app: string, limit: number): Promise<readonly HistoryEntry[]> {
    return this.commits.slice(0, limit);
  }

  async overtaken(): Promise<Overtaken | undefined> {
    return this.overtaker;
  }

  async preview(): Promise<RollbackPreview> {
    if (typeof this.previewed === 'string') throw new EditRefused(this.previewed);
    return this.previewed;
  }

  rollback(_app: string, wish: RollbackWish, {author, operationId}: Wisher): AsyncIterable<ReleaseLine> {
    this.wishes.push({kind: 'rollback', wish, by: author.name, operationId});
    return this.#told();
  }

  async rebasePreview(app: AppName): Promise<RebasePreview> {
    return this.standings.get(app) ?? {app, state: 'fixed', reason: 'it has no release yet'};
  }

  rebase(app: AppName): AsyncIterable<ReleaseLine> {
    this.rebased.push(app);
    return this.#told();
  }

  deployImage(_app: string, wish: ImageWish, {author, operationId}: Wisher): AsyncIterable<ReleaseLine> {
    this.wishes.push({kind: 'image', wish, by: author.name, operationId});
    return this.#told();
  }

  async* #told(): AsyncGenerator<ReleaseLine> {
    yield* this.lines;
    if (this.refusal !== undefined) throw new EditRefused(this.refusal);
  }
}
