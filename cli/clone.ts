import {isUtf8} from 'node:buffer';
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
  const entries = (await output(['ls-tree', '-r', '-z', '-l', '--full-tree', commit], {root}, signal)).toString().split('\0').flatMap((line) => {
    const [, mode = '', id = '', size = '', file = ''] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line) ?? [];
    return file === '' ? [] : [{id, file, why: whyRefused({isRegular: mode.startsWith('100'), bytes: Number(size)})}];
  });
  const texts = await blobs(root, entries.filter(({why}) => why === undefined).map(({id}) => id), signal);
  return entries.map(({id, file, why}) => (why === undefined ? textFile(file, texts.get(id) ?? Buffer.alloc(0)) : {path: file, kind: 'refused', why}));
}

/** Undefined: git lists it, and it is gone. */
async function fileAt(root: string, name: string): Promise<ManifestFile | undefined> {
  const file = path.join(root, name);
  const stats = await lstat(file).catch(() => undefined);
  if (stats === undefined || stats.isDirectory()) return undefined;
  const listed = name.split(path.sep).join('/');
  const why = whyRefused({isRegular: stats.isFile(), bytes: stats.size});
  return why === undefined ? textFile(listed, await readFile(file)) : {path: listed, kind: 'refused', why};
}

/** As a node has it. */
function whyRefused({isRegular, bytes}: {readonly isRegular: boolean; readonly bytes: number}): string | undefined {
  if (!isRegular) return 'is not a regular file';
  return bytes > MANIFEST_BYTES_MAX ? `has ${Math.ceil(bytes / 1024)} KiB, at most ${MANIFEST_BYTES_MAX / 1024} are read` : undefined;
}

function textFile(name: string, bytes: Buffer): ManifestFile {
  if (!isUtf8(bytes)) return {path: name, kind: 'refused', why: 'is not text in UTF-8'};
  return {path: name, kind: 'text', blobId: '' as BlobId, text: bytes.toString('utf8')};
}

function isOfGit(name: string): boolean {
  return name.split(path.sep).includes('.git');
}

/** Contents by id, from one process. */
async function blobs(root: string, ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Buffer>> {
  const printed = await output(['cat-file', '--batch'], {root, input: ids.map((id) => `${id}\n`).join('')}, signal);
  const texts = new Map<string, Buffer>();
  for (let at = 0; at < printed.length;) {
    const end = printed.indexOf('\n', at);
    const [id = '', type, size] = printed.toString('utf8', at, end).split(' ');
    if (type !== 'blob') throw new Failure(`git can't read ${id} of '${root}'`);
    texts.set(id, printed.subarray(end + 1, end + 1 + Number(size)));
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
