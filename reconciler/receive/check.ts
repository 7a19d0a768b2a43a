import type {AppName, TreeId} from '../../schemas/ids.ts';
import type {CommitCheck} from '../checkout/repo.ts';
import type {AppPiece, Snapshot} from '../checkout/snapshot.ts';
import {resolveApp} from '../desired/app.ts';
import type {DesiredApp} from '../desired/state.ts';
import {configForChecks, validateCommit} from '../desired/validate.ts';

/** Apps read at once. */
const READ_PARALLEL_MAX = 16;

/**
 * Checks what a commit changes, all of it at once. What was wrong before and is not touched stops nobody (rule 5), be it an app or a
 * file outside of `apps/`; when one of these is changed, all of them are checked, and every app against them.
 */
export function commitCheck({domain}: {domain(): string}): CommitCheck {
  /** Apps that did not change, resolved once: they matter only for the routes that they have. */
  let known: {readonly shared: TreeId; readonly apps: ReadonlyMap<AppName, DesiredApp>} | undefined;

  return async ({before, after}, signal) => {
    const shared = await after.shared.files(signal);
    const config = configForChecks(shared);
    const isSharedSame = before?.shared.treeId === after.shared.treeId;
    const treesBefore = new Map(before?.apps.map(({name, treeId}) => [name, treeId]));
    const isSame = ({name, treeId}: AppPiece) => isSharedSame && treesBefore.get(name) === treeId;
    const changed = await each(after.apps.filter((app) => !isSame(app)), async ({name, treeId, files}) => ({name, treeId, files: await files(signal)}));
    const unchanged = await each(after.apps.filter(isSame), async ({name, treeId, files}) => {
      const same = known?.shared === after.shared.treeId ? known.apps.get(name) : undefined;
      return same?.treeId === treeId ? same : resolveApp({name, treeId, files: await files(signal)}, config, domain());
    });
    known = {shared: after.shared.treeId, apps: new Map(unchanged.map((app) => [app.name, app]))};
    return validateCommit({shared, isSharedChanged: !isSharedSame, changed, unchanged}, domain());
  };
}

async function each<Value>(apps: Snapshot['apps'], task: (app: AppPiece) => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let start = 0; start < apps.length; start += READ_PARALLEL_MAX) {
    values.push(...await Promise.all(apps.slice(start, start + READ_PARALLEL_MAX).map(task)));
  }
  return values;
}
