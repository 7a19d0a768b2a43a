import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {AppCommit} from '../checkout/history.ts';
import type {Author} from '../checkout/snapshot.ts';

/** A release that an app has or had, as git tells it. */
export interface PastRelease {
  readonly number: number;
  /** The commit that brought it. */
  readonly commit: CommitId;
  /** What the app was called then. Absent: as it is now. */
  readonly called?: AppName;
  /** Of that commit, milliseconds since 1970. */
  readonly atMs: number;
  readonly author: Author;
  readonly fate: Fate;
  /** The newest commit after which it was the current one; absent: it never was. */
  readonly lastCurrent?: CommitId;
  /** What the app was called after that. Absent: as it is now. */
  readonly lastCalled?: AppName;
}

export type Fate =
  | {readonly kind: 'current'}
  /** Its file is there. */
  | {readonly kind: 'kept'}
  /** Too old: a newer release took its file away. */
  | {readonly kind: 'old'}
  /** We took it back, because it did not become healthy, or nobody waited for it any more. */
  | {readonly kind: 'failed'; readonly cause: string}
  /** Somebody removed it. */
  | {readonly kind: 'reverted'; readonly by: Author; readonly commit: CommitId};

/** All releases in an app's history, the highest number first. */
export function pastReleases(app: AppName, history: readonly AppCommit[]): readonly PastRelease[] {
  const current = history[0]?.current;
  const fates = new Map<number, Fate>();
  const lastCurrent = new Map<number, AppCommit>();
  const releases = new Map<number, PastRelease>();
  for (const commit of history) {
    if (commit.current !== undefined && !lastCurrent.has(commit.current)) lastCurrent.set(commit.current, commit);
    for (const number of commit.removed) if (!fates.has(number)) fates.set(number, fateOf(commit.called ?? app, number, commit));
    for (const number of commit.added) {
      // It may have been brought, removed and brought again: the newest word counts.
      if (releases.has(number)) continue;
      const fate = fates.get(number) ?? {kind: number === current ? 'current' : 'kept'};
      fates.set(number, fate);
      releases.set(number, {number, commit: commit.commit, ...(commit.called !== undefined && {called: commit.called}), atMs: commit.atMs, author: commit.author, fate});
    }
  }
  return [...releases.values()].toSorted((one, other) => other.number - one.number).map((release) => {
    const last = lastCurrent.get(release.number);
    return last === undefined ? release : {...release, lastCurrent: last.commit, ...(last.called !== undefined && {lastCalled: last.called})};
  });
}

/** How the commit begins that takes a release back. */
export function takeBackSubject(app: AppName, number: number): string {
  return `${app}: take back release v${number}`;
}

function fateOf(app: AppName, number: number, {message, added, author, commit}: AppCommit): Fate {
  const [subject = '', ...rest] = message.trim().split('\n');
  if (subject === takeBackSubject(app, number)) return {kind: 'failed', cause: withoutTrailers(rest).replace(`release v${number} failed: `, '')};
  return added.some((newer) => newer > number) ? {kind: 'old'} : {kind: 'reverted', by: author, commit};
}

function withoutTrailers(lines: readonly string[]): string {
  return lines.filter((line) => !/^Flynn-[A-Za-z]+: /.test(line)).join('\n').trim();
}
