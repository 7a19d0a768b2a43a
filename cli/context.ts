import {chmod, mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import path from 'node:path';
import {parse, stringify} from 'yaml';
import type {ProviderManifest} from '../schemas/oidc.ts';
import {Failure} from './command.ts';
import {locked} from './locked.ts';

/** What `~/.config/flynn/config.yaml` says: the clusters that this user can talk to. Holds tokens, so its mode is 0600. */
export interface Contexts {
  /** Name of the cluster that is meant when nobody says which. */
  readonly default?: string;
  readonly clusters: Readonly<Record<string, ClusterContext>>;
}

export interface ClusterContext {
  /** Of the API: `http://api.flynn.localhost`, without a slash at the end. */
  readonly url: string;
  /** What git remotes begin with: `http://git.flynn.localhost`. */
  readonly gitUrl: string;
  readonly token: string;
  /** PEM: an authority that its certificates may be signed by, beside those that this machine trusts. */
  readonly caFile?: string;
  /** How remotes of new apps lead to it. Absent: over HTTP. */
  readonly git?: 'ssh';
  /** The token is an ID token of this provider, and ends soon. Absent: it is one of the cluster. */
  readonly oidc?: SignedIn;
  /** Author of the commits that are made for this user, `name` or `name <email>`. */
  readonly user: string;
}

/** How the next ID token is got. */
export interface SignedIn extends ProviderManifest {
  /** Absent: the provider gave none, and one has to log in again. */
  readonly refreshToken?: string;
}

/** `$XDG_CONFIG_HOME/flynn/config.yaml`, usually `~/.config/flynn/config.yaml`. */
export function contextFile(env: Readonly<Record<string, string | undefined>>): string {
  const configHome = env.XDG_CONFIG_HOME;
  // The specification of XDG says to ignore relative paths.
  const folder = configHome !== undefined && path.isAbsolute(configHome) ? configHome : path.join(env.HOME ?? homedir(), '.config');
  return path.join(folder, 'flynn', 'config.yaml');
}

/** Where `flynn login --ca` keeps whom a cluster's certificates may be signed by. */
export function keptCaOf(file: string, name: string): string {
  return path.join(path.dirname(file), `${name}.pem`);
}

/** No file is no cluster. Throws `Failure` for a file that can't be read or makes no sense. */
export async function loadContexts(file: string): Promise<Contexts> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new Failure(`'${file}' can't be read: ${error.message}`, {cause: error});
  });
  return parseContexts(file, text);
}

export function parseContexts(file: string, text: string): Contexts {
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (error) {
    throw new Failure(`'${file}' is not YAML: ${error instanceof Error ? error.message : String(error)}`, {advice: ['correct it, or remove it and run `flynn up` again']});
  }
  const broken = (what: string) => new Failure(`'${file}': ${what}`, {advice: ['correct it, or remove it and run `flynn up` again']});
  if (!isRecord(document)) throw broken('has to be a mapping with "default" and "clusters"');
  const {default: chosen, clusters = {}} = document;
  if (chosen !== undefined && typeof chosen !== 'string') throw broken('"default" has to be the name of a cluster');
  if (!isRecord(clusters)) throw broken('"clusters" has to be a mapping from names to clusters');
  const known: Record<string, ClusterContext> = {};
  for (const [name, cluster] of Object.entries(clusters)) {
    if (!isCluster(cluster)) throw broken(`cluster "${name}" has to have the texts "url", "gitUrl", "token" and "user"`);
    known[name] = {url: cluster.url, gitUrl: cluster.gitUrl, token: cluster.token, user: cluster.user, ...(typeof cluster.caFile === 'string' && {caFile: cluster.caFile}), ...(cluster.git === 'ssh' && {git: cluster.git}), ...(isSignedIn(cluster.oidc) && {oidc: cluster.oidc})};
  }
  return {...(chosen === undefined ? {} : {default: chosen}), clusters: known};
}

/** Changes the file, whatever other commands do to it at the same time: each change is made to what the one before it left. */
export async function changeContexts(file: string, change: (contexts: Contexts) => Contexts, signal: AbortSignal): Promise<void> {
  await mkdir(path.dirname(file), {recursive: true, mode: 0o700}).catch((error: unknown) => {
    throw cantWrite(file, error);
  });
  await locked(lockOf(file), async () => saveOrRemoveContexts(file, change(await loadContexts(file))), signal).catch((error: unknown) => {
    throw error instanceof Failure || signal.aborted ? error : cantWrite(file, error);
  });
}

/** See `locked`. Whoever changes the file has it. */
export function lockOf(file: string): string {
  return `${file}.lock`;
}

/** Replaces the file as a whole, so that a reader never sees half of it. For whoever has the lock. */
export async function saveContexts(file: string, contexts: Contexts): Promise<void> {
  try {
    await mkdir(path.dirname(file), {recursive: true, mode: 0o700});
    const next = `${file}.${process.pid}`;
    await writeFile(next, stringify(contexts), {mode: 0o600});
    await chmod(next, 0o600);
    await rename(next, file);
  } catch (error) {
    throw cantWrite(file, error);
  }
}

/** The cluster `name`, or the default one, or the only one. */
export function findCluster(contexts: Contexts, name?: string): {readonly name: string; readonly cluster: ClusterContext} | undefined {
  const names = Object.keys(contexts.clusters);
  const wanted = name ?? contexts.default ?? (names.length === 1 ? names[0] : undefined);
  const cluster = wanted !== undefined && Object.hasOwn(contexts.clusters, wanted) ? contexts.clusters[wanted] : undefined;
  return wanted === undefined || cluster === undefined ? undefined : {name: wanted, cluster};
}

/** The first cluster becomes the default; later ones leave the user's choice alone, and so does a new token his choice of git's way. */
export function withCluster(contexts: Contexts, name: string, cluster: ClusterContext): Contexts {
  const isDefaultGone = contexts.default === undefined || !Object.hasOwn(contexts.clusters, contexts.default);
  const git = findCluster(contexts, name)?.cluster.git;
  return {default: isDefaultGone ? name : contexts.default, clusters: {...contexts.clusters, [name]: {...(git !== undefined && {git}), ...cluster}}};
}

/** How remotes of new apps are to lead to a cluster that is there. */
export function withGit(contexts: Contexts, name: string, git: 'ssh' | 'http'): Contexts {
  const {[name]: found} = contexts.clusters;
  if (found === undefined) return contexts;
  const {git: _before, ...cluster} = found;
  return {...contexts, clusters: {...contexts.clusters, [name]: {...cluster, ...(git === 'ssh' && {git})}}};
}

export function withoutCluster(contexts: Contexts, name: string): Contexts {
  const {[name]: _gone, ...clusters} = contexts.clusters;
  const chosen = contexts.default === name ? Object.keys(clusters)[0] : contexts.default;
  return {...(chosen === undefined ? {} : {default: chosen}), clusters};
}

/** An empty configuration is no file. */
async function saveOrRemoveContexts(file: string, contexts: Contexts): Promise<void> {
  if (Object.keys(contexts.clusters).length > 0) return saveContexts(file, contexts);
  await rm(file, {force: true}).catch((error: unknown) => {
    throw cantWrite(file, error);
  });
}

function cantWrite(file: string, error: unknown): Failure {
  return new Failure(`'${file}' can't be written: ${error instanceof Error ? error.message : String(error)}`, {cause: error, advice: ['FLYNN_CONFIG names a file elsewhere; a job without a home takes FLYNN_URL and FLYNN_TOKEN']});
}

function isCluster(value: unknown): value is ClusterContext {
  return isRecord(value) && [value.url, value.gitUrl, value.token, value.user].every((text) => typeof text === 'string');
}

function isSignedIn(value: unknown): value is SignedIn {
  return isRecord(value) && typeof value.issuer === 'string' && typeof value.clientId === 'string' && [value.publicClientSecret, value.refreshToken].every((text) => text === undefined || typeof text === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
