import {appIdIn} from '../../schemas/app-id.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';

/** What an app was called before a commit, and the commit before that. */
export interface Former {
  readonly app: AppName;
  readonly tip: CommitId;
}

/** Which app it is that came with this commit under its name: the one that went with it and has the same id. Undefined: it is new. */
export async function formerOf({gitdir}: {readonly gitdir: string}, {app, commit}: {readonly app: AppName; readonly commit: CommitId}, signal: AbortSignal): Promise<Former | undefined> {
  const [, tip] = (await git(['rev-list', '--parents', '--max-count=1', commit], {gitdir}, signal)).trim().split(' ');
  if (tip === undefined) return undefined;
  const gone = await git(['diff-tree', '-r', '-z', '--no-renames', '--name-only', '--diff-filter=D', tip, commit, '--', ':(glob)apps/*/app.yaml'], {gitdir}, signal);
  const files = gone.split('\0').filter((path) => path !== '');
  if (files.length === 0) return undefined;
  const textAt = (at: string, path: string) => git(['cat-file', 'blob', `${at}:${path}`], {gitdir}, signal);
  const id = appIdIn(app, await textAt(commit, `apps/${app}/app.yaml`));
  for (const path of files) {
    const name = path.split('/')[1] as AppName; // the pattern asked for three parts
    if (appIdIn(name, await textAt(tip, path)) === id) return {app: name, tip: tip as CommitId};
  }
  return undefined;
}
