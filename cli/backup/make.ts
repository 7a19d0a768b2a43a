import {createReadStream} from 'node:fs';
import {lstat, readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';
import {execa} from 'execa';
import {stackImages} from '../../buildpacks/stack/images.ts';
import {listVolumes} from '../../reconciler/adapters/docker-disk.ts';
import {git, gitEnvironment} from '../../reconciler/adapters/git.ts';
import {isRepository, ownRepo} from '../../reconciler/checkout/own.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_VOLUME} from '../../reconciler/labels.ts';
import type {Layout} from '../../reconciler/layout.ts';
import {instanceOf} from '../../reconciler/settings.ts';
import {AppVolumes, type VolumeId} from '../../reconciler/volumes/volumes.ts';
import type {AppName} from '../../schemas/ids.ts';
import {Failure} from '../command.ts';
import {domainInGit} from '../setup/cluster-repo.ts';
import {readSettings} from '../setup/settings-file.ts';
import {bundleName, partsOf, volumeMember, type Part} from './contents.ts';
import {type About, type BackupContents, backupTar, FORMAT, type Member} from './format.ts';

export interface BackupWish {
  readonly layout: Layout;
  readonly flynn: string;
  readonly nowMs: number;
  /** Absent: without volumes. */
  readonly docker?: Docker;
  /** What takes a while is told when it begins. */
  readonly print: (line: string) => void;
}

const MODE = {mode: 0o600, ownerId: 0, groupId: 0} as const;
/** What is on its way to its place: the file that counts is beside it. */
const UNFINISHED = /\.(next|new)$/;
const ERROR_CHARACTERS_MAX = 2000;

/** All of a node that can't be made anew, as a tar. The node may run: each repository is as it was at one moment, each file as it was when it was written last. */
export async function* makeBackup({layout, flynn, nowMs, docker, print}: BackupWish, signal: AbortSignal): AsyncGenerator<Buffer, BackupContents> {
  const settings = await readSettings(layout.settings);
  if (settings === undefined) throw new Failure(`there is no node in '${layout.root}'`, {advice: ['say where it is with --data']});
  const volumes = docker === undefined ? [] : await volumesOf(layout, docker, signal);
  const domain = (settings.cluster.kind === 'own' ? await domainInGit(layout.clusterRepo, signal) : undefined) ?? settings.domain;
  const commit = await git(['rev-parse', '--verify', '--quiet', 'refs/heads/main'], {gitdir: layout.clusterRepo}, signal).catch(() => '');
  const about: About = {
    format: FORMAT, createdAt: new Date(nowMs).toISOString(), flynn, node: settings.node, domain, ...(commit !== '' && {commit}),
    volumes: volumes.map(({app, name}) => `${app}/${name}`),
  };
  const members = async function* (): AsyncGenerator<Member> {
    for (const part of partsOf(layout)) yield* membersOf(part, layout, signal);
    if (docker !== undefined) yield* volumeMembers(volumes, {layout, docker, print}, signal);
  };
  return yield* backupTar(about, members());
}

/** Volumes of this node's apps, also of those that are gone. */
export async function volumesOf({root}: Pick<Layout, 'root'>, docker: Docker, signal: AbortSignal): Promise<readonly VolumeId[]> {
  const records = await listVolumes(docker, [`${LABEL_INSTANCE}=${instanceOf(root)}`, LABEL_VOLUME], signal);
  return records.map(({labels}): VolumeId => ({app: (labels[LABEL_APP] ?? '') as AppName, name: labels[LABEL_VOLUME] ?? ''}))
    .toSorted((a, b) => (`${a.app}/${a.name}` < `${b.app}/${b.name}` ? -1 : 1));
}

/** Reads and writes them as `flynn volume` does. */
export async function volumeStore({layout, docker}: {readonly layout: Layout; readonly docker: Docker}): Promise<AppVolumes> {
  return new AppVolumes({docker, instance: instanceOf(layout.root), image: (await stackImages()).run, repo: ownRepo({gitdir: layout.clusterRepo})});
}

async function* membersOf({name, kept, but}: Part, {root}: Layout, signal: AbortSignal): AsyncGenerator<Member> {
  const place = path.join(root, name);
  switch (kept) {
    case 'file': return yield* fileMember(root, name);
    case 'log': {
      const names = await namesIn(path.dirname(place));
      for (const one of names.filter((other) => other === name || /^\.\d+$/.test(other.startsWith(name) ? other.slice(name.length) : ''))) yield* linesMember(root, one);
      return;
    }
    case 'folder': {
      for (const below of await namesIn(place)) {
        const one = `${name}/${below}`;
        if (!UNFINISHED.test(one) && (but === undefined || !one.startsWith(`${but}/`))) yield* fileMember(root, one);
      }
      return;
    }
    case 'repository': return yield* bundleMember(place, bundleName(name), signal);
    case 'repositories': {
      for (const repository of (await namesIn(place, 'here')).filter((one) => one.endsWith('.git'))) {
        yield* bundleMember(path.join(place, repository), bundleName(`${name}/${repository}`), signal);
      }
    }
  }
}

/** None where there is no plain file. It is replaced as a whole when it changes, so that what was opened is whole. */
async function* fileMember(root: string, name: string): AsyncGenerator<Member> {
  const file = path.join(root, name);
  const found = await lstat(file).catch(unlessMissing(undefined));
  if (found?.isFile() !== true) return;
  yield {name, mode: found.mode & 0o777, ownerId: found.uid, groupId: found.gid, content: createReadStream(file)};
}

/** A log that is written to: without the line that is being written. */
async function* linesMember(root: string, name: string): AsyncGenerator<Member> {
  const text = await readFile(path.join(root, name)).catch(unlessMissing(undefined));
  if (text === undefined) return;
  const whole = text.subarray(0, text.lastIndexOf('\n') + 1);
  yield {name, ...MODE, content: (async function* () {
    yield whole;
  })()};
}

/** Everything that refs lead to, as it was at one moment: git-bundle(1) reads the refs once. An empty repository is none. */
async function* bundleMember(gitdir: string, name: string, signal: AbortSignal): AsyncGenerator<Member> {
  if (!await isRepository(gitdir)) return;
  if (await git(['for-each-ref', '--count=1'], {gitdir}, signal) === '') return;
  yield {name, ...MODE, content: bundle(gitdir, signal)};
}

async function* bundle(gitdir: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = execa('git', [`--git-dir=${gitdir}`, 'bundle', 'create', '--quiet', '-', '--all'], {
    env: gitEnvironment({}), extendEnv: false, stdin: 'ignore', encoding: 'buffer', buffer: {stdout: false, stderr: true}, cancelSignal: signal, reject: false, maxBuffer: {stderr: ERROR_CHARACTERS_MAX},
  });
  yield* child.stdout as AsyncIterable<Uint8Array>;
  const {failed, exitCode, stderr} = await child;
  signal.throwIfAborted();
  if (failed) throw new Failure(`'${gitdir}' can't be read: git bundle failed (exit code ${exitCode ?? 'none'})`, {advice: Buffer.from(stderr).toString('utf8').trim().split('\n')});
}

async function* volumeMembers(volumes: readonly VolumeId[], {layout, docker, print}: {readonly layout: Layout; readonly docker: Docker; readonly print: (line: string) => void}, signal: AbortSignal): AsyncGenerator<Member> {
  const store = await volumeStore({layout, docker});
  for (const id of volumes) {
    print(`volume ${id.app}/${id.name}`);
    yield {name: volumeMember(id), ...MODE, content: await store.backup(id, signal)};
  }
}

/** Sorted, with those of folders below unless only `here` is meant. */
async function namesIn(folder: string, depth: 'below' | 'here' = 'below'): Promise<readonly string[]> {
  return (await readdir(folder, {recursive: depth === 'below'}).catch(unlessMissing([]))).toSorted();
}

function unlessMissing<Value>(instead: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return instead;
  };
}
