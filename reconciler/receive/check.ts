import {identified} from '../../schemas/app-id.ts';
import type {AppName, TreeId} from '../../schemas/ids.ts';
import type {CommitCheck} from '../checkout/repo.ts';
import type {AppPiece, Snapshot} from '../checkout/snapshot.ts';
import {resolveApp} from '../desired/app.ts';
import type {Keyring} from '../secrets/keyring.ts';
import type {DesiredApp} from '../desired/state.ts';
import {sortFolder} from '../desired/folder.ts';
import {sealedIn, type Opened} from '../desired/secrets.ts';
import type {Stock} from '../desired/quota-check.ts';
import {hasQuotas, quotasOf} from '../desired/quotas.ts';
import {configForChecks, validateCommit} from '../desired/validate.ts';

/** Apps read at once. */
const READ_PARALLEL_MAX = 16;

/**
 * Checks what a commit changes, all of it at once. What was wrong before and is not touched stops nobody (rule 5), be it an app or a
 * file outside of `apps/`; when one of these is changed, all of them are checked, and every app against them. With a keyring, secrets have to be
 * ones that this node can open.
 */
export function commitCheck({domain, keyring}: {domain(): string; keyring?: Pick<Keyring, 'recipients' | 'inspect'>}): CommitCheck {
  /** Apps that did not change, resolved once: they matter only for the routes that they have. */
  let known: {readonly shared: TreeId; readonly apps: ReadonlyMap<AppName, DesiredApp>} | undefined;

  return async ({before, after}, signal) => {
    const shared = await after.shared.files(signal);
    const config = configForChecks(shared);
    const isSharedSame = before?.shared.treeId === after.shared.treeId;
    const treesBefore = new Map(before?.apps.map(({name, treeId}) => [name, treeId]));
    const isSame = ({name, treeId}: AppPiece) => isSharedSame && treesBefore.get(name) === treeId;
    const changed = await each(after.apps.filter((app) => !isSame(app)), async ({name, treeId, files}) => {
      const own = await files(signal);
      const opened = await openedOf(sealedIn(sortFolder(name, own).secrets), before?.apps.find((app) => app.name === name), signal);
      return {name, treeId, files: own, ...(opened && {opened})};
    });
    const unchanged = await each(after.apps.filter(isSame), async ({name, treeId, files}) => {
      const same = known?.shared === after.shared.treeId ? known.apps.get(name) : undefined;
      return same?.treeId === treeId ? same : resolveApp({name, treeId, files: await files(signal)}, config, domain());
    });
    known = {shared: after.shared.treeId, apps: new Map(unchanged.map((app) => [app.name, app]))};
    const treesAfter = new Map(changed.map(({name, treeId}) => [name, treeId]));
    const touched = (before?.apps ?? []).filter(({name, treeId}) => treesAfter.has(name) && treesAfter.get(name) !== treeId);
    const ids = await each(touched, async ({name, files}) => identified(name, sortFolder(name, await files(signal)).manifest?.text));
    const {quotas} = quotasOf(shared);
    const earlier = hasQuotas(quotas) && before !== undefined ? await stockOf(before, unchanged, signal) : undefined;
    return validateCommit({shared, isSharedChanged: !isSharedSame, changed, unchanged, known: ids, ...(earlier && {before: earlier})}, domain());
  };

  /** What quotas are compared with. `unchanged`: what is known of it. */
  async function stockOf(before: Snapshot, unchanged: readonly DesiredApp[], signal: AbortSignal): Promise<Stock> {
    const shared = await before.shared.files(signal);
    const config = configForChecks(shared);
    const same = new Map(unchanged.map((app) => [app.name, app]));
    return {quotas: quotasOf(shared).quotas, apps: await each(before.apps, async ({name, treeId, files}) => same.get(name) ?? resolveApp({name, treeId, files: await files(signal)}, config, domain()))};
  }

  /** Of the values that are new: what this node could not open before, it need not be able to open for a change of something else. */
  async function openedOf(sealed: readonly string[], before: AppPiece | undefined, signal: AbortSignal): Promise<Opened | undefined> {
    if (keyring === undefined || sealed.length === 0) return undefined;
    // Without an identity it is the app that says so, not everybody's push.
    const identities = await keyring.recipients().catch(() => []);
    if (identities.length === 0) return undefined;
    const known = new Set(before === undefined ? [] : sealedIn(sortFolder(before.name, await before.files(signal)).secrets));
    return keyring.inspect(sealed.filter((value) => !known.has(value)));
  }
}

async function each<Value>(apps: Snapshot['apps'], task: (app: AppPiece) => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let start = 0; start < apps.length; start += READ_PARALLEL_MAX) {
    values.push(...await Promise.all(apps.slice(start, start + READ_PARALLEL_MAX).map(task)));
  }
  return values;
}
