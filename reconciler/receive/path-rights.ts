import {refusalOf} from '../access/access.ts';
import {needOf} from '../access/paths.ts';
import {EMPTY_TREE, NO_COMMIT} from '../adapters/git-format.ts';
import {git} from '../adapters/git.ts';
import type {Principal} from '../api/authenticate.ts';
import type {Push, RefUpdate} from './push.ts';

/** Lines of a refusal: the rest would only scroll the first away. */
const LINES_MAX = 20;

/** Apps that a commit has. */
export interface AppsOf {
  readonly before: ReadonlySet<string>;
  readonly after: ReadonlySet<string>;
}

/** What the pusher may not change of what he changes, a line each. Each path is judged by what becomes of it in all, not commit by commit. */
export async function forbiddenPaths(principal: Principal, {update, push, apps}: {readonly update: RefUpdate; readonly push: Push; readonly apps: AppsOf}, signal: AbortSignal): Promise<readonly string[]> {
  const {gitdir, env} = push;
  const from = update.before === NO_COMMIT ? EMPTY_TREE : update.before;
  const paths = (await git(['diff-tree', '-r', '-z', '--no-renames', '--name-only', from, update.after, '--'], {gitdir, env}, signal)).split('\0').filter((path) => path !== '');
  const lines = paths.flatMap((path) => {
    const app = /^apps\/([^/]+)\//.exec(path)?.[1];
    const need = needOf({path, before: app === undefined || apps.before.has(app), after: app === undefined || apps.after.has(app)});
    return principal.may(need.right, need.app) ? [] : [`${path}: ${refusalOf(principal, need.right, need.app)}`];
  });
  return lines.length <= LINES_MAX ? lines : [...lines.slice(0, LINES_MAX), `… and ${lines.length - LINES_MAX} more`];
}
