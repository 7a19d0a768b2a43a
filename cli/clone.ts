import {spawn} from 'node:child_process';
import {lstat, readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import type {ManifestFile} from '../reconciler/checkout/snapshot.ts';
import type {BlobId} from '../schemas/ids.ts';
import {MANIFEST_BYTES_MAX} from '../schemas/load.ts';
import {Failure} from './command.ts';
import {git} from './git.ts';

// A clone of the cluster repository on this machine, read without a cluster.

/** Of a whole repository; as with the node, which reads the same. */
const GIT_MS_MAX = 60_000;
const FILES_MAX = 100_000;

/** The work tree that a folder is in, or a plain folder with a cluster.yaml. Throws `Failure`. */
export async function cloneOf(folder: string, signal: AbortSignal): Promise<{readonly root: string; readonly isGit: boolean}> {
  const top = await git(['rev-parse', '--show-toplevel'], folder, signal);
  const root = top ?? path.resolve(folder);
  if (await lstat(path.join(root, 'cluster.yaml')).catch(() => undefined) !== undefined) return {root, isGit: top !== undefined};
  throw new Failure(`'${root}' has no cluster.yaml: it is no cluster repository`, {advice: ['clone it: git clone http://git.<domain>/cluster.git']});
}

/** As the files are now, saved and not committed. What git ignores is left out. */
export async function filesInWorkTree({root, isGit}: {readonly root: string; readonly isGit: boolean}, signal: AbortSignal): Promise<readonly ManifestFile[]> {
  const listed = isGit ? (await output(['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {root}, signal)).toString() : (await readdir(root, {recursive: true})).filter((name) => !isOfGit(name)).join('\0');
  const names = [...new Set(listed.split('\0').filter((name) => name !== ''))].toSorted();
  if (names.length > FILES_MAX) throw new Failure(`'${root}' has more than ${FILES_MAX} files`);
  return (await Promise.all(names.map((name) => fileAt(root, name)))).filter((file) => file !== undefined);
}

/** As they are in a commit, which can be named by anything that git knows. Throws `Failure`. */
export async function filesInCommit(root: string, name: string, signal: AbortSignal): Promise<readonly ManifestFile[]> {
  const commit = name.startsWith('-') ? undefined : await git(['rev-parse', '--verify', '--quiet', `${name}^{commit}`], root, signal);
  if (commit === undefined) throw new Failure(`there is no commit "${name}" in '${root}'`, {advice: ['branches: git branch --all']});
  const entries = (await output(['ls-tree', '-r', '-z', '--full-tree', commit], {root}, signal)).toString().split('\0').flatMap((line) => {
    const [, mode = '', id = '', file = ''] = /^(\d+) \w+ ([0-9a-f]+)\t(.+)$/s.exec(line) ?? [];
    return file === '' ? [] : [{mode, id, file}];
  });
  const read = entries.filter(({mode, file}) => mode.startsWith('100') && isManifest(file));
  const texts = await blobs(root, read.map(({id}) => id), signal);
  return entries.map(({mode, id, file}): ManifestFile => {
    if (!mode.startsWith('100')) return {path: file, kind: 'refused', why: 'is not a regular file'};
    return {path: file, kind: 'text', blobId: id as BlobId, text: texts.get(id) ?? ''};
  });
}

/** Undefined: git lists it, and it is gone. */
async function fileAt(root: string, name: string): Promise<ManifestFile | undefined> {
  const file = path.join(root, name);
  const stats = await lstat(file).catch(() => undefined);
  if (stats === undefined || stats.isDirectory()) return undefined;
  const listed = name.split(path.sep).join('/');
  if (!stats.isFile()) return {path: listed, kind: 'refused', why: 'is not a regular file'};
  if (!isManifest(listed)) return {path: listed, kind: 'text', blobId: '' as BlobId, text: ''};
  if (stats.size > MANIFEST_BYTES_MAX) return {path: listed, kind: 'refused', why: `has ${Math.ceil(stats.size / 1024)} KiB, at most ${MANIFEST_BYTES_MAX / 1024} are read`};
  return {path: listed, kind: 'text', blobId: '' as BlobId, text: await readFile(file, 'utf8')};
}

/** Others are looked at by their names only. */
function isManifest(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

function isOfGit(name: string): boolean {
  return name.split(path.sep).includes('.git');
}

/** Texts by id, from one process. */
async function blobs(root: string, ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const printed = await output(['cat-file', '--batch'], {root, input: ids.map((id) => `${id}\n`).join('')}, signal);
  const texts = new Map<string, string>();
  for (let at = 0; at < printed.length;) {
    const end = printed.indexOf('\n', at);
    const [id = '', type, size] = printed.toString('utf8', at, end).split(' ');
    if (type !== 'blob') throw new Failure(`git can't read ${id} of '${root}'`);
    texts.set(id, printed.toString('utf8', end + 1, end + 1 + Number(size)));
    at = end + 1 + Number(size) + 1;
  }
  return texts;
}

async function output(args: readonly string[], {root, input = ''}: {readonly root: string; readonly input?: string}, signal: AbortSignal): Promise<Buffer> {
  const child = spawn('git', args, {cwd: root, stdio: ['pipe', 'pipe', 'ignore'], signal, timeout: GIT_MS_MAX, env: {...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C'}});
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.on('error', () => {}).end(input);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  if (await ended !== 0) throw new Failure(`git ${args[0] ?? ''} failed in '${root}'`);
  return Buffer.concat(chunks);
}
