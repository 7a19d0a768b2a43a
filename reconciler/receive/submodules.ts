import {git} from '../adapters/git.ts';

/** Commits of a commit's submodules, by their folders: git names them, and has nothing of them. `root`: the commit that it is a folder of. Undefined: there are none. */
export async function submodulesOf({commit, root = commit, gitdir, env}: {readonly commit: string; readonly root?: string; readonly gitdir: string; readonly env: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined> {
  // Looking at all files takes its time where there are many: only where there is something to be found.
  if (await git(['ls-tree', '--name-only', root, '--', '.gitmodules'], {gitdir, env}, signal) === '') return undefined;
  const listed = await git(['ls-tree', '-r', '-z', commit], {gitdir, env}, signal);
  const found = [...listed.matchAll(/(?:^|\0)160000 commit ([0-9a-f]{40,64})\t([^\0]+)/g)].map(([, id = '', folder = '']) => [folder, id] as const);
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
