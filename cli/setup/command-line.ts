import {lstat, readlink, rename, rm, symlink} from 'node:fs/promises';
import path from 'node:path';
import type {Layout} from '../../reconciler/layout.ts';
import {instanceOf, isLoopbackDomain, platformUrlOf, type NodeSettings} from '../../reconciler/settings.ts';
import {changeContexts, findCluster, loadContexts, withCluster, type ClusterContext} from '../context.ts';
import {answerGitEverywhere, forgetInGit, isGitAnswered} from '../git-credentials.ts';
import {configFile} from '../which-cluster.ts';
import {readToken} from './data.ts';
import type {Step} from './step.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The launcher beside this folder. */
export const LAUNCHER = path.resolve(import.meta.dirname, '..', 'flynn');
const SYMLINK = '/usr/local/bin/flynn';

/** `flynn` as a command from everywhere. Something else of that name is left alone. */
export function linkStep(link = SYMLINK): Step {
  return {
    title: 'flynn command',
    async check() {
      const found = await lstat(link).catch(() => undefined);
      if (found === undefined) return undefined;
      if (!found.isSymbolicLink()) return `'${link}' is something else and stays; add this to your PATH: ${path.dirname(LAUNCHER)}`;
      const target = await readlink(link);
      // A link into a checkout that is gone is nobody's any more.
      const isAlive = (await lstat(path.resolve(path.dirname(link), target)).catch(() => undefined)) !== undefined;
      if (target === LAUNCHER) return link;
      return isAlive ? `'${link}' belongs to '${target}' and stays; add this to your PATH: ${path.dirname(LAUNCHER)}` : undefined;
    },
    async do(print) {
      try {
        await rm(`${link}.new`, {force: true});
        await symlink(LAUNCHER, `${link}.new`);
        await rename(`${link}.new`, link);
        return link;
      } catch (error) {
        print(`'${link}' could not be made: ${error instanceof Error ? error.message : String(error)}`);
        return `add this to your PATH: ${path.dirname(LAUNCHER)}`;
      }
    },
  };
}

export async function unlinkCommand(link = SYMLINK): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === LAUNCHER) await rm(link);
}

/** Where this user's `flynn` and `git` find the cluster, and with which token. */
export function contextStep(settings: NodeSettings, layout: Layout, env: Env): Step {
  const file = configFile(env);
  const name = instanceOf(settings.data);
  const {gitUrl} = addressesHere(settings);
  return {
    title: 'Context and git credentials',
    async check(signal) {
      const known = findCluster(await loadContexts(file), name)?.cluster;
      const token = await readToken(layout.token).catch(() => undefined);
      if (known === undefined || token === undefined || JSON.stringify(known) !== JSON.stringify(contextOf(settings, token, known.user))) return undefined;
      return await isGitAnswered(gitUrl, env, signal) ? `${file} ("${name}")` : undefined;
    },
    async do(_print, signal) {
      const before = findCluster(await loadContexts(file), name)?.cluster;
      const user = before?.user ?? env.SUDO_USER ?? env.USER ?? 'root';
      const token = await readToken(layout.token);
      await changeContexts(file, (newest) => withCluster(newest, name, contextOf(settings, token, user)), signal);
      if (before !== undefined && before.gitUrl !== gitUrl) await forgetInGit(before.gitUrl, env, signal);
      await answerGitEverywhere(gitUrl, env, signal);
      return `${file} ("${name}")`;
    },
  };
}

/** For everybody. */
export function addressesOf(settings: Pick<NodeSettings, 'domain' | 'httpPort' | 'httpsPort'>): {readonly url: string; readonly gitUrl: string} {
  const base = (part: 'api' | 'git') => platformUrlOf(part, settings).replace(/\/$/, '');
  return {url: base('api'), gitUrl: base('git')};
}

/** On this machine: where the domain is a public one, the token does not leave it, and needs no certificate. */
export function addressesHere(settings: Pick<NodeSettings, 'domain' | 'httpPort' | 'httpsPort' | 'apiPort'>): {readonly url: string; readonly gitUrl: string} {
  if (isLoopbackDomain(settings.domain)) return addressesOf(settings);
  const here = `http://127.0.0.1:${settings.apiPort}`;
  return {url: here, gitUrl: here};
}

function contextOf(settings: NodeSettings, token: string, user: string): ClusterContext {
  return {...addressesHere(settings), token, user};
}
