import fs from 'node:fs/promises';
import path from 'node:path';
import type {TreeEntry} from '../adapters/git-format.ts';
import {EMPTY_TREE} from '../adapters/git-format.ts';
import type {objectWriter} from '../adapters/git-write.ts';

/** Most files of a folder that is followed: more is somebody's home directory, given by mistake. */
const FILES_MAX = 100_000;
/** Largest file that is copied, in bytes; those above `FILE_BYTES_MAX` are refused later, with their place. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Writes a folder's files as git objects, the ids being the ones that git would give. Unchanged files are not read again. */
export class FolderTree {
  readonly #write: ReturnType<typeof objectWriter>;
  #known = new Map<string, {readonly stamp: string; readonly id: string}>();

  constructor(write: ReturnType<typeof objectWriter>) {
    this.#write = write;
  }

  /**
   * Resolves to the root tree's id.
   *
   * @throws when the folder or a file in it can't be read: a folder that is away must never look like an empty one
   */
  async import(folder: string, signal: AbortSignal): Promise<string> {
    const known = new Map<string, {readonly stamp: string; readonly id: string}>();
    const tree = await this.#folder(folder, known, signal);
    this.#known = known;
    return tree ?? EMPTY_TREE;
  }

  async #folder(folder: string, known: Map<string, {readonly stamp: string; readonly id: string}>, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    const found = await fs.readdir(folder, {withFileTypes: true});
    const entries = await Promise.all(found.filter(({name}) => isFollowed(name)).map(async (entry): Promise<TreeEntry | undefined> => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        const id = await this.#folder(file, known, signal);
        return id === undefined ? undefined : {mode: '40000', name: entry.name, id};
      }
      if (entry.isSymbolicLink()) return {mode: '120000', name: entry.name, id: await this.#write.blob(await fs.readlink(file))};
      return entry.isFile() ? {mode: '100644', name: entry.name, id: await this.#file(file, known)} : undefined;
    }));
    const kept = entries.filter((entry) => entry !== undefined);
    return kept.length === 0 ? undefined : this.#write.tree(kept);
  }

  async #file(file: string, known: Map<string, {readonly stamp: string; readonly id: string}>): Promise<string> {
    const {mtimeNs, ctimeNs, ino, size} = await fs.stat(file, {bigint: true});
    if (size > FILE_BYTES_MAX) throw new Error(`"${file}" has ${size} bytes, at most ${FILE_BYTES_MAX} fit into a cluster repository`);
    const stamp = `${mtimeNs} ${ctimeNs} ${ino} ${size}`;
    const before = this.#known.get(file);
    const id = before?.stamp === stamp ? before.id : await this.#write.blob(await fs.readFile(file));
    known.set(file, {stamp, id});
    if (known.size > FILES_MAX) throw new Error(`the folder has more than ${FILES_MAX} files, that can't be a cluster repository`);
    return id;
  }
}

/** Not: `.git`, hidden files, and what editors write beside the file that is being edited. */
export function isFollowed(name: string): boolean {
  return !name.startsWith('.') && !name.endsWith('~') && name !== '4913';
}
