import type {AppName, CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';

/**
 * Answers what the highest release number of an app ever was, from history, so that a number which was reverted is not given to
 * other code. Only commits since the last question are looked at.
 */
export function releaseFloors(gitdir: string) {
  const known = new Map<AppName, {readonly tip: CommitId; readonly floor: number}>();

  return async (app: AppName, tip: CommitId, signal: AbortSignal): Promise<number> => {
    const before = known.get(app);
    if (before?.tip === tip) return before.floor;
    const range = before === undefined ? [tip] : [tip, `^${before.tip}`];
    // --no-renames: a release that comes while an old one is pruned looks like a renamed file.
    // --full-history: a release that was added and reverted on a merged branch counts too.
    const names = await git(['log', '--full-history', '-m', '--no-renames', '--format=', '--name-only', '--diff-filter=A', ...range, '--', `:(literal)apps/${app}/releases/`], {gitdir}, signal);
    const floor = Math.max(before?.floor ?? 0, ...[...names.matchAll(/\/v(\d+)\.ya?ml$/gm)].map(([, number]) => Number(number)));
    known.set(app, {tip, floor});
    return floor;
  };
}
