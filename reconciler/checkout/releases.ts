import type {AppName, CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';
import {formerOf, type Former} from './former.ts';

/**
 * Answers what the highest release number of an app ever was, from history, so that a number which was reverted is not given to
 * other code. Only commits since the last question are looked at, and at first those under names that the app had before.
 */
export function releaseFloors(gitdir: string) {
  const known = new Map<AppName, {readonly tip: CommitId; readonly floor: number}>();

  return async function floorOf(app: AppName, tip: CommitId, signal: AbortSignal): Promise<number> {
    const before = known.get(app);
    if (before?.tip === tip) return before.floor;
    const range = before === undefined ? [tip] : [tip, `^${before.tip}`];
    // --no-renames: a release that comes while an old one is pruned looks like a renamed file.
    // --full-history: a release that was added and reverted on a merged branch counts too.
    const names = await git(['log', '--full-history', '-m', '--no-renames', '--format=', '--name-only', '--diff-filter=A', ...range, '--', `:(literal)apps/${app}/releases/`], {gitdir}, signal);
    const former = before === undefined ? await formerName(gitdir, {app, tip}, signal) : undefined;
    const floor = Math.max(before?.floor ?? (former === undefined ? 0 : await floorOf(former.app, former.tip, signal)), ...[...names.matchAll(/\/v(\d+)\.ya?ml$/gm)].map(([, number]) => Number(number)));
    known.set(app, {tip, floor});
    return floor;
  };
}

/** What it was called before it came under this name for the last time. */
async function formerName(gitdir: string, {app, tip}: {readonly app: AppName; readonly tip: CommitId}, signal: AbortSignal): Promise<Former | undefined> {
  const commit = (await git(['log', '--first-parent', '-m', '--no-renames', '--diff-filter=A', '--format=%H', '--max-count=1', tip, '--', `:(literal)apps/${app}/app.yaml`], {gitdir}, signal)).trim();
  return commit === '' ? undefined : formerOf({gitdir}, {app, commit: commit as CommitId}, signal);
}
