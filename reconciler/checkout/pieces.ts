import type {AppName, BlobId, CommitId, TreeId} from '../../schemas/ids.ts';
import {EMPTY_TREE, parseCommit, parseTree, treeId, type CommitText, type TreeEntry} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import type {AppPiece, ManifestFile, Piece, Snapshot} from './snapshot.ts';

/** Largest manifest that is read, in bytes. */
export const FILE_BYTES_MAX = 256 * 1024;
/** Most files of one app, and most outside of `apps/`. */
export const FILES_MAX = 5000;
/** Most bytes of all files of one app. */
export const PIECE_BYTES_MAX = 8 * 1024 * 1024;
/** Most folders in one another below `apps/<name>/`, and below the repository's root. */
export const DEPTH_MAX = 4;

/**
 * Cuts a commit into pieces: reads the commit, its root tree and the tree of `apps/`, and nothing else. Pieces that are in
 * `before` too are the same objects, and so are files of a piece that has changed: what was read of them is not read again.
 *
 * @throws when git can't read the commit, or when `apps` is not a folder: that must never look like "no apps"
 */
export async function cutIntoPieces(objects: ObjectReader, {commit, before}: {commit: CommitId; before: Snapshot | undefined}, signal: AbortSignal): Promise<Snapshot> {
  if (before?.commit === commit) return before;
  const {tree, committedAtMs, author, message} = await readCommit(objects, commit, signal);
  const root = await readTree(objects, tree, signal);
  const appsEntry = root.find(({name}) => name === 'apps');
  if (appsEntry !== undefined && appsEntry.mode !== '40000') throw new NoFolder(`"apps" is ${kindOf(appsEntry.mode)} in commit ${commit.slice(0, 8)}, it has to be a folder`);
  const entries = appsEntry === undefined ? [] : await readTree(objects, appsEntry.id, signal);

  const known = new Map(before?.apps.map((app) => [app.name, app]));
  const apps = entries.filter(({mode}) => mode === '40000' || !isFile(mode)).map((entry): AppPiece => {
    // The name is whatever the folder is called; `desired/` says whether an app may be called so.
    const name = entry.name as AppName;
    const same = known.get(name);
    if (same?.treeId === entry.id) return same;
    return {name, ...piece(objects, {entries: [entry], below: 'apps/', before: same})};
  });
  // Hidden files and folders at the top (.github, .gitattributes) are other tools' business.
  const others = root.filter(({name}) => name !== 'apps' && !name.startsWith('.'));
  const shared = before?.shared.treeId === treeId(others) ? before.shared : piece(objects, {entries: others, below: '', before: before?.shared});
  return {commit, committedAtMs, author: author.name, subject: message.split('\n', 1)[0] ?? '', shared, apps: apps.sort((one, other) => (one.name < other.name ? -1 : 1))};
}

/** There is something in the place of a folder that all nodes look into. */
export class NoFolder extends Error {
  override name = 'NoFolder';
}

/** @throws when it is not there: a commit that can't be read is never an empty one */
export async function readCommit(objects: ObjectReader, commit: string, signal: AbortSignal): Promise<CommitText> {
  const object = await objects.read(commit, signal);
  if (object?.type !== 'commit') throw new Error(`commit ${commit} is not in the repository`);
  return parseCommit(object.content);
}

/** @throws when it is not there */
export async function readTree(objects: ObjectReader, id: string, signal: AbortSignal): Promise<readonly TreeEntry[]> {
  if (id === EMPTY_TREE) return [];
  const object = await objects.read(id, signal);
  if (object?.type !== 'tree') throw new Error(`git tree ${id} is missing: the repository is damaged`);
  return parseTree(object.content);
}

export function isFile(mode: string): boolean {
  return mode.startsWith('100');
}

interface Cut {
  /** One folder whose files are paths below it, or the entries of the root. */
  readonly entries: readonly TreeEntry[];
  readonly below: string;
}

function piece(objects: ObjectReader, {entries, below, before}: Cut & {readonly before: Piece | undefined}): Piece {
  const [only] = entries;
  // Both come from git itself, which names objects by 40 hex digits.
  const id = (below !== '' && only !== undefined ? only.id : treeId(entries)) as TreeId;
  let reading: Promise<readonly ManifestFile[]> | undefined;
  let known = before?.known?.() ?? [];
  const files: Piece['files'] = async (signal) => {
    reading ??= readFiles(objects, {entries, below, known}, signal);
    const mine = reading;
    try {
      known = await mine;
      return known;
    } catch (error) {
      if (reading === mine) reading = undefined;
      // Somebody else asked first and gave up; we did not.
      if (!signal.aborted && error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name)) return files(signal);
      throw error;
    }
  };
  return {treeId: id, files, known: () => known};
}

interface Found {
  readonly path: string;
  readonly id: string;
}

async function readFiles(objects: ObjectReader, {entries, below, known}: Cut & {readonly known: readonly ManifestFile[]}, signal: AbortSignal): Promise<readonly ManifestFile[]> {
  const found: Found[] = [];
  const files: ManifestFile[] = [];
  const refuse = (path: string, why: string) => files.push({path, kind: 'refused', why});
  const depthMax = below === '' ? DEPTH_MAX : DEPTH_MAX + 1;

  const walk = async (entries: readonly TreeEntry[], folder: string, depth: number): Promise<void> => {
    const folders: TreeEntry[] = [];
    for (const entry of entries) {
      const path = `${folder}${entry.name}`;
      if (!isPlainName(entry.name)) refuse(path, 'has a name that not every system can write');
      else if (isFile(entry.mode)) found.push({path, id: entry.id});
      else if (entry.mode !== '40000') refuse(path, `is ${kindOf(entry.mode)}, only regular files are read`);
      else if (depth >= depthMax) refuse(path, `is a folder too deep, at most ${DEPTH_MAX} are read`);
      else folders.push(entry);
      if (found.length > FILES_MAX) return;
    }
    const trees = await Promise.all(folders.map(({id}) => readTree(objects, id, signal)));
    for (const [index, {name}] of folders.entries()) {
      if (found.length <= FILES_MAX) await walk(trees[index] ?? [], `${folder}${name}/`, depth + 1);
    }
  };
  await walk(entries, below, 0);
  if (found.length > FILES_MAX) {
    refuse(`${below}${entries[0]?.name ?? ''}`, `has more than ${FILES_MAX} files`);
    return files;
  }

  const texted = new Map(known.flatMap((file) => (file.kind === 'text' ? [[file.path, file] as const] : [])));
  const inMemory = ({path, id}: Found) => {
    const file = texted.get(path);
    return file?.blobId === id ? file : undefined;
  };
  const sizes = await Promise.all(found.map(async (one) => {
    const file = inMemory(one);
    return file === undefined ? (await objects.info(one.id, signal))?.sizeBytes : Buffer.byteLength(file.text);
  }));
  let totalBytes = 0;
  const texts = await Promise.all(found.map(async ({path, id}, index): Promise<ManifestFile> => {
    const sizeBytes = sizes[index];
    if (sizeBytes === undefined) throw new Error(`git blob ${id} of "${path}" is missing: the repository is damaged`);
    if (sizeBytes > FILE_BYTES_MAX) return {path, kind: 'refused', why: `has ${Math.ceil(sizeBytes / 1024)} KiB, at most ${FILE_BYTES_MAX / 1024} are read`};
    totalBytes += sizeBytes;
    if (totalBytes > PIECE_BYTES_MAX) return {path, kind: 'refused', why: `makes all files together larger than ${PIECE_BYTES_MAX / 1024 / 1024} MiB`};
    const same = inMemory({path, id});
    if (same !== undefined) return same;
    const object = await objects.read(id, signal);
    if (object?.type !== 'blob') throw new Error(`git blob ${id} of "${path}" is missing: the repository is damaged`);
    const text = textOf(object.content);
    return text === undefined ? {path, kind: 'refused', why: 'is not text in UTF-8'} : {path, kind: 'text', blobId: id as BlobId, text};
  }));
  return [...texts, ...files].sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** Undefined: not UTF-8, or binary. */
export function textOf(content: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(content);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** One step of a path that can't leave its folder, hide in a log or confuse a file system. */
export function isPlainName(name: string): boolean {
  return name !== '' && name.length <= 255 && name !== '.' && name !== '..' && name.toLowerCase() !== '.git' && !/[/\\:\p{Cc}\p{Cf}\uFFFD]/u.test(name);
}

function kindOf(mode: string): string {
  if (mode === '120000') return 'a symbolic link';
  if (mode === '160000') return 'a submodule';
  return isFile(mode) ? 'a file' : `of an unknown kind (mode ${mode})`;
}
