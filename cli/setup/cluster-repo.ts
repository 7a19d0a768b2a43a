import {createHash, randomUUID} from 'node:crypto';
import {stat} from 'node:fs/promises';
import {changedSchemas, SCHEMAS_FOLDER, updateSchemas} from '../../reconciler/commits/schema-edits.ts';
import {readSchemas, readTemplate, renderTemplate} from '../../reconciler/commits/template.ts';
import {EditRefused} from '../../reconciler/checkout/snapshot.ts';
import {followedRepo} from '../../reconciler/checkout/followed.ts';
import {createOwnRepo, isRepository, ownRepo} from '../../reconciler/checkout/own.ts';
import {setSigningKey} from '../../reconciler/commits/node-edits.ts';
import {addRecipients, setDomain} from '../../reconciler/commits/edits.ts';
import {resolveCluster, type ClusterConfig} from '../../reconciler/desired/cluster.ts';
import type {Layout} from '../../reconciler/layout.ts';
import {ensureNodeKey} from '../../reconciler/signatures/node-key.ts';
import {nodeKeysIn} from '../../reconciler/signatures/signers.ts';
import {Keyring} from '../../reconciler/secrets/keyring.ts';
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
      const said = await clusterInGit(where, signal);
      const {publicKey} = await ensureNodeKey(layout.signingKey);
      return said === undefined || (said.domain === domain && said.recipients.length > 0 && said.areSchemasNew && said.nodeKeys.get(node) === publicKey) ? where : undefined;
    },
    async do(_print, signal) {
      if (cluster.kind === 'own' && (await isRepository(where))) return moveTo(settings, layout, signal);
      if (cluster.kind === 'own') {
        const key = await ensureNodeKey(layout.signingKey);
        const files = renderTemplate(await readTemplate(signal), {name: instanceOf(settings.data), domain, node, recipient: await ownRecipient(layout), signingKey: key.publicKey});
        await createOwnRepo({gitdir: where, files, author: {name: 'flynn up', email: `flynn@${node}`}, sign: key.sign}, signal);
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
  return (await clusterInGit(gitdir, signal))?.domain;
}

async function clusterInGit(gitdir: string, signal: AbortSignal): Promise<(ClusterConfig & {readonly areSchemasNew: boolean; readonly nodeKeys: ReadonlyMap<string, string>}) | undefined> {
  if (!(await isRepository(gitdir))) return undefined;
  const repo = ownRepo({gitdir});
  try {
    const {shared, commit} = await repo.snapshot(signal);
    const files = await shared.files(signal);
    const config = resolveCluster(files);
    if (!config.ok) return undefined;
    const schemas = await readSchemas(signal);
    const there = new Map(await Promise.all(Object.keys(schemas).map((name) => `${SCHEMAS_FOLDER}/${name}`).map(async (file) => [file, await repo.textAt(commit, file, signal)] as const)));
    const hasNone = [...there.values()].every((text) => text === undefined);
    return {...config.value, nodeKeys: nodeKeysIn(files), areSchemasNew: hasNone || Object.keys(changedSchemas(schemas, (file) => there.get(file))).length === 0};
  } finally {
    repo.close();
  }
}

/** The newest of this node's identities: the data step has made one. */
async function ownRecipient({age}: Layout): Promise<string> {
  const [recipient] = await new Keyring(age).recipients();
  if (recipient === undefined) throw new Failure(`'${age}' has no identity`, {advice: ['run `flynn up` again: it makes one']});
  return recipient;
}

/** The domain, who can read secrets, what this node signs with, and the schemas for editors are in git like everything else: what has to be changed there is a commit each. */
async function moveTo({domain, node}: NodeSettings, layout: Layout, signal: AbortSignal): Promise<string> {
  const key = await ensureNodeKey(layout.signingKey);
  const repo = ownRepo({gitdir: layout.clusterRepo, sign: key.sign});
  try {
    const author = {name: 'flynn up', email: 'flynn@localhost'};
    const moved = await repo.commit({edit: setDomain(domain), message: `cluster: move to ${domain}`, author, operationId: randomUUID()}, signal);
    const recipient = await ownRecipient(layout);
    const added = await repo.commit({edit: addRecipients([recipient]), message: `cluster: encrypt secrets to this node's key\n\n${recipient}`, author, operationId: randomUUID()}, signal);
    const signs = await repo.commit({edit: setSigningKey(node, key.publicKey), message: `nodes: the key that ${node} signs its commits with`, author, operationId: randomUUID(), isUnchecked: true}, signal);
    const schemas = await readSchemas(signal);
    const digest = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 12);
    // Unchecked: a mistake in somebody's manifest has nothing to do with it.
    const described = await repo.commit({edit: updateSchemas(schemas), message: `cluster: the schemas of this version of Flynn\n\nFlynn-Schemas: ${digest}`, author, operationId: randomUUID(), isUnchecked: true}, signal);
    return [...(moved.isNew ? [`moved to ${domain} by commit ${moved.commit.slice(0, 8)}`] : []), ...(added.isNew ? [`recipient of secrets added by commit ${added.commit.slice(0, 8)}`] : []), ...(signs.isNew ? [`key of this node's commits written down by commit ${signs.commit.slice(0, 8)}`] : []), ...(described.isNew ? [`schemas for editors brought up to date by commit ${described.commit.slice(0, 8)}`] : [])].join(', ');
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error;
    throw new Failure(error.message, {advice: [`clone ${layout.clusterRepo}, edit it, push, and run this again`], cause: error});
  } finally {
    repo.close();
  }
}
