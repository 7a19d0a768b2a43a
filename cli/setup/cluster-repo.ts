import {randomUUID} from 'node:crypto';
import {stat} from 'node:fs/promises';
import {readTemplate, renderTemplate} from '../../reconciler/commits/template.ts';
import {EditRefused} from '../../reconciler/checkout/snapshot.ts';
import {followedRepo} from '../../reconciler/checkout/followed.ts';
import {createOwnRepo, isRepository, ownRepo} from '../../reconciler/checkout/own.ts';
import {setDomain} from '../../reconciler/commits/edits.ts';
import {resolveCluster} from '../../reconciler/desired/cluster.ts';
import type {Layout} from '../../reconciler/layout.ts';
import {instanceOf, type NodeSettings} from '../../reconciler/settings.ts';
import {Failure} from '../command.ts';
import type {Step} from './step.ts';

/** A repository of our own is created from the template; another one has to be readable once, later its copy on this disk serves. */
export function clusterRepoStep(settings: NodeSettings, layout: Layout): Step {
  const {cluster, domain, node} = settings;
  const where = cluster.kind === 'own' ? layout.clusterRepo : cluster.kind === 'remote' ? cluster.url : cluster.folder;
  return {
    title: 'Cluster repository',
    async check(signal) {
      if (cluster.kind === 'folder') {
        const isFolder = (await stat(where).catch(() => undefined))?.isDirectory() === true;
        if (!isFolder) throw new Failure(`--watch: there is no folder '${where}'`, {advice: ['create it, or copy cluster-repo-template/ there to begin with']});
        return where;
      }
      if (cluster.kind !== 'own' || !(await isRepository(where))) return undefined;
      const said = await domainInGit(where, signal);
      return said === undefined || said === domain ? where : undefined;
    },
    async do(_print, signal) {
      if (cluster.kind === 'own' && (await isRepository(where))) return moveTo(domain, where, signal);
      if (cluster.kind === 'own') {
        const files = renderTemplate(await readTemplate(signal), {name: instanceOf(settings.data), domain, node});
        await createOwnRepo({gitdir: where, files, author: {name: 'flynn up', email: `flynn@${node}`}}, signal);
        return `created ${where}`;
      }
      const repo = followedRepo({layout, source: cluster});
      try {
        const {commit} = await repo.snapshot(signal);
        return `${where} at ${commit.slice(0, 8)}`;
      } catch (error) {
        signal.throwIfAborted();
        throw new Failure(`the cluster repository '${where}' can't be read: ${error instanceof Error ? error.message : String(error)}`, {
          advice: ['it needs a branch "main"; for HTTP(S) give --token-file, for SSH --key-file'],
          cause: error,
        });
      } finally {
        repo.close();
      }
    },
  };
}

/**
 * Where the newest commit of our own repository says that apps are served: what counts unless `flynn up` is told another. Undefined when
 * there is no repository yet, or none that can be read, which is the reconciler's to tell.
 */
export async function domainInGit(gitdir: string, signal: AbortSignal): Promise<string | undefined> {
  if (!(await isRepository(gitdir))) return undefined;
  const repo = ownRepo({gitdir});
  try {
    const {shared} = await repo.snapshot(signal);
    const config = resolveCluster(await shared.files(signal));
    return config.ok ? config.value.domain : undefined;
  } finally {
    repo.close();
  }
}

/** The domain is in git like everything else: `flynn up --domain` is one commit to cluster.yaml. */
async function moveTo(domain: string, gitdir: string, signal: AbortSignal): Promise<string> {
  const repo = ownRepo({gitdir});
  try {
    const author = {name: 'flynn up', email: 'flynn@localhost'};
    const {commit} = await repo.commit({edit: setDomain(domain), message: `cluster: move to ${domain}`, author, operationId: randomUUID()}, signal);
    return `moved to ${domain} by commit ${commit.slice(0, 8)}`;
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error;
    throw new Failure(error.message, {advice: [`clone ${gitdir}, edit it, push, and run this again`], cause: error});
  } finally {
    repo.close();
  }
}
