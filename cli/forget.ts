import {rm} from 'node:fs/promises';
import type {CommandContext} from './command.ts';
import {changeContexts, findCluster, keptCaOf, loadContexts, withoutCluster} from './context.ts';
import {forgetInGit} from './git-credentials.ts';
import {configFile} from './which-cluster.ts';

/** Takes a cluster out of this user's context file and git configuration; the cluster itself goes on. Nothing happens where it is not known. */
export async function forgetCluster(name: string, env: CommandContext['env'], signal: AbortSignal): Promise<void> {
  const file = configFile(env);
  const contexts = await loadContexts(file);
  const known = findCluster(contexts, name)?.cluster;
  if (known === undefined) return;
  await changeContexts(file, (newest) => withoutCluster(newest, name), signal);
  const left = await loadContexts(file);
  // Somebody who has two accounts there goes on with the other one.
  if (Object.values(left.clusters).every(({gitUrl}) => gitUrl !== known.gitUrl)) await forgetInGit(known.gitUrl, env, signal);
  await rm(keptCaOf(file, name), {force: true});
}
