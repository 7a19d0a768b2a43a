import {randomUUID} from 'node:crypto';
import {createWriteStream} from 'node:fs';
import {chmod, chown, mkdir, readdir, readFile, rename, rm, rmdir, statfs, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import path from 'node:path';
import {pipeline} from 'node:stream/promises';
import type Docker from 'dockerode';
import {removeVolume} from '../../reconciler/adapters/docker-disk.ts';
import {git} from '../../reconciler/adapters/git.ts';
import {EditRefused} from '../../reconciler/checkout/snapshot.ts';
import {initBare, initBareWith, ownRepo} from '../../reconciler/checkout/own.ts';
import {setDomain} from '../../reconciler/commits/edits.ts';
import {appVolume} from '../../reconciler/labels.ts';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {hookSettings} from '../../reconciler/receive/hook-scripts.ts';
import {instanceOf} from '../../reconciler/settings.ts';
import type {AppName} from '../../schemas/ids.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {Failure} from '../command.ts';
import {lockNode} from '../setup/pid-file.ts';
import {mergeSettings, readSettings, writeSettings} from '../setup/settings-file.ts';
import {placeOf, type Place} from './contents.ts';
import {type BackupContents, type Member, readBackup} from './format.ts';
import {volumesOf, volumeStore} from './make.ts';

export interface Restore {
  readonly layout: Layout;
  /** Opens the backup: it is read twice, once before anything is changed. */
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
  /** Where apps are to be served from now on. Absent: where they were. */
  readonly domain?: string;
  /** Called when there are volumes to be restored: makes the engine answer, and the images be there. */
  readonly engine: (signal: AbortSignal) => Promise<Docker>;
  readonly print: (line: string) => void;
}

/** Git unpacks a large repository for a while, milliseconds. */
const UNPACK_MS_MAX = 60 * 60_000;
/** Beside what is unpacked, so that the machine goes on working. */
const FREE_BYTES_LEFT = 256 * 2 ** 20;
/** In the folder that a restore is put together in: the volumes that it makes. */
const NOTE = '.volumes.json';

/** Reads all of a backup and compares its checksums. Nothing is changed. */
export function verifyBackup(tar: AsyncIterable<Uint8Array>): Promise<BackupContents> {
  return readBackup(tar, {isMember: (name) => placeOf(name) !== undefined, take: async () => {}});
}

/**
 * Makes an empty data directory that of the node that the backup is of. All of it is put together aside, and moved to its place when it is whole: when
 * something fails nothing is left, and when we are killed the next restore removes what we have made.
 */
export async function restoreBackup({layout, open, domain, engine, print}: Restore, signal: AbortSignal): Promise<BackupContents> {
  const {root, restoring} = layout;
  await demandEmpty(layout);
  print('reading the backup');
  const contents = await verifyBackup(await open());
  const {volumes} = contents.about;
  const madeRoot = await mkdir(root, {recursive: true});
  const lock = await lockNode(layout);
  if ('holder' in lock) throw new Failure(`something runs a node with the data directory '${root}'`, {advice: ['stop it: flynn down']});
  let docker: Docker | undefined;
  try {
    await demandEmpty(layout);
    await demandFree(root, contents.bytes);
    const isEngineNeeded = volumes.length > 0 || (await notedVolumes(layout)).length > 0;
    docker = isEngineNeeded ? await engine(signal) : undefined;
    await removeUnfinished(layout, docker, signal);
    if (docker !== undefined) await demandNoVolumes(layout, volumes, docker, signal);
    await mkdir(restoring, {mode: 0o700});
    await writeFile(path.join(restoring, NOTE), JSON.stringify(volumes), {flush: true});
    // Their places in the folder are those in the data directory.
    const aside = layoutOf(restoring);
    await readBackup(await open(), {isMember: (name) => placeOf(name) !== undefined, take: (member) => takeMember(member, {layout, aside, docker, print}, signal)});
    await adapt(aside, {layout, domain}, signal);
    await moveIn(layout);
    return contents;
  } catch (error) {
    await removeUnfinished(layout, docker, new AbortController().signal);
    throw error;
  } finally {
    await lock.release();
    // Only where nothing is in them.
    await rmdir(layout.run).catch(() => {});
    if (madeRoot !== undefined) await rmdir(root).catch(() => {});
  }
}

/** A restore that was killed has left its folder, and no settings yet, which are moved last. */
async function demandEmpty({root, run, restoring, settings}: Layout): Promise<void> {
  const names = await namesIn(root);
  const isUnfinished = names.includes(path.basename(restoring)) && !names.includes(path.basename(settings));
  if (isUnfinished || names.every((name) => name === path.basename(run))) return;
  throw new Failure(`'${root}' is not empty: a backup is restored into a new data directory only`, {advice: ['choose another with --data', 'or remove the node that is there: flynn down --purge']});
}

async function demandFree(root: string, bytes: number): Promise<void> {
  const {bavail, bsize} = await statfs(root);
  if (bavail * bsize >= bytes + FREE_BYTES_LEFT) return;
  throw new Failure(`${formatBytes(bytes)} are in the backup, and only ${formatBytes(bavail * bsize)} are free on the disk of '${root}'`, {advice: ['make room, or choose another place with --data']});
}

async function demandNoVolumes(layout: Layout, wanted: readonly string[], docker: Docker, signal: AbortSignal): Promise<void> {
  const there = (await volumesOf(layout, docker, signal)).map(({app, name}) => `${app}/${name}`).filter((one) => wanted.includes(one));
  if (there.length > 0) throw new Failure(`volumes of this node are there already: ${there.join(', ')}`, {advice: ['they are what an earlier node with this data directory has left', `see them with: docker volume ls --filter label=flynn.instance=${instanceOf(layout.root)}`]});
}

interface Target {
  readonly layout: Layout;
  readonly aside: Layout;
  readonly docker: Docker | undefined;
  readonly print: (line: string) => void;
}

async function takeMember(member: Member, target: Target, signal: AbortSignal): Promise<void> {
  const {aside} = target;
  const place: Place | undefined = placeOf(member.name);
  if (place === undefined) throw new Error(`bug: ${member.name} was taken for a member`);
  if (place.kind === 'volume') return takeVolume(member, place, target, signal);
  const file = path.join(aside.root, place.path);
  await mkdir(path.dirname(file), {recursive: true, mode: 0o700});
  if (place.kind === 'repository') return takeRepository(member, {gitdir: file, isApp: place.app !== undefined}, target, signal);
  await pipeline(member.content, createWriteStream(file, {flags: 'wx', mode: 0o600}), {signal});
  await chmod(file, member.mode & 0o777);
  await chown(file, member.ownerId, member.groupId);
}

async function takeVolume({content}: Member, {app, name}: Place & {kind: 'volume'}, {layout, docker, print}: Target, signal: AbortSignal): Promise<void> {
  if (docker === undefined) throw new Failure(`the backup has the volume ${app}/${name}, of which it says nothing at its begin: it is damaged`);
  print(`volume ${app}/${name}`);
  await (await volumeStore({layout, docker})).restore({app: app as AppName, name}, content, signal);
}

async function takeRepository({content}: Member, {gitdir, isApp}: {readonly gitdir: string; readonly isApp: boolean}, {layout}: Target, signal: AbortSignal): Promise<void> {
  const bundle = `${gitdir}.bundle`;
  await pipeline(content, createWriteStream(bundle, {flags: 'wx', mode: 0o600}), {signal});
  // Hooks are found from where the repository will be.
  const place = path.join(layout.sources, path.basename(gitdir));
  await (isApp ? initBareWith({gitdir, settings: await hookSettings(place, layout)}, signal) : initBare(gitdir, signal));
  await git(['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', bundle, '+refs/*:refs/*'], {gitdir, deadlineMs: UNPACK_MS_MAX}, signal);
  await rm(bundle);
}

/** The node's own settings, and the domain, which is the commit's to say where the repository is ours. */
async function adapt(aside: Layout, {layout, domain}: {readonly layout: Layout; readonly domain: string | undefined}, signal: AbortSignal): Promise<void> {
  const stored = await readSettings(aside.settings);
  if (stored === undefined) throw new Failure('the backup has no settings.yaml: it is damaged');
  if (domain === undefined) return;
  await writeSettings(aside.settings, mergeSettings({data: layout.root, hostname: hostname(), stored, flags: {domain}}));
  if (stored.cluster.kind !== 'own') return;
  const repo = ownRepo({gitdir: aside.clusterRepo});
  try {
    await repo.commit({edit: setDomain(domain), message: `cluster: move to ${domain}`, author: {name: 'flynn cluster restore', email: 'flynn@localhost'}, operationId: randomUUID()}, signal);
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error;
    throw new Failure(error.message, {advice: ['restore it without --domain, edit cluster.yaml, and start it then'], cause: error});
  } finally {
    repo.close();
  }
}

/** The settings last: their presence says that the folder is a node's, and whole. */
async function moveIn({root, restoring, settings}: Layout): Promise<void> {
  const last = path.basename(settings);
  const names = (await namesIn(restoring)).filter((name) => name !== NOTE && name !== last);
  for (const name of names) await rename(path.join(restoring, name), path.join(root, name));
  await rename(path.join(restoring, last), settings);
  await rm(restoring, {recursive: true, force: true});
}

/** What a restore made that was killed, or failed. Nothing else was there before it, so that all of it is its own. */
async function removeUnfinished({root, restoring, run, settings}: Layout, docker: Docker | undefined, signal: AbortSignal): Promise<void> {
  const names = await namesIn(root);
  if (!names.includes(path.basename(restoring)) || names.includes(path.basename(settings))) return;
  for (const volume of await notedVolumes({restoring})) {
    if (docker === undefined) break;
    const [app = '', name = ''] = volume.split('/');
    await removeVolume(docker, appVolume({instance: instanceOf(root), app, name}), signal);
  }
  // The folder last: as long as it is there, the next restore knows that all of this is its own.
  for (const name of names.filter((one) => one !== path.basename(run) && one !== path.basename(restoring))) await rm(path.join(root, name), {recursive: true, force: true});
  await rm(restoring, {recursive: true, force: true});
}

/** Half a note is of a restore that had not made any yet. */
async function notedVolumes({restoring}: Pick<Layout, 'restoring'>): Promise<readonly string[]> {
  const text = await readFile(path.join(restoring, NOTE), 'utf8').catch(() => '[]');
  try {
    return JSON.parse(text) as readonly string[];
  } catch {
    return [];
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Failure(`the data directory can't be used: ${error.message}`, {advice: ['choose another with --data'], cause: error});
  });
}
