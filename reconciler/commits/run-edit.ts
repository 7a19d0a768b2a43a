import {EMPTY_TREE, parseTree, type TreeEntry} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import type {objectWriter} from '../adapters/git-write.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';

/** Most files and folders that one edit may look at. */
const LOOKS_MAX = 2000;

export interface EditedTree {
  readonly objects: ObjectReader;
  readonly write: ReturnType<typeof objectWriter>;
  /** Id of the root tree that is edited. */
  readonly tree: string;
}

/**
 * Runs an edit on a tree and writes the result. Resolves to the new root tree's id, the same one when nothing changes.
 *
 * An edit is synchronous and git is not: when it asks for something that was not read yet it is stopped, that is read, and it is
 * run again. It is pure, so nobody can tell.
 */
export async function runEdit(edited: EditedTree, edit: Edit, signal: AbortSignal): Promise<string> {
  const trees = new Trees(edited, signal);
  const texts = new Map<string, string | undefined>();
  const lists = new Map<string, readonly string[]>();
  for (let looks = 0; looks <= LOOKS_MAX; looks += 1) {
    const asked: {read?: string; list?: string} = {};
    try {
      const changes = edit(
        (path) => known(texts, path, () => (asked.read ??= path)),
        (folder) => known(lists, folder.replace(/\/+$/, ''), () => (asked.list ??= folder.replace(/\/+$/, ''))),
      );
      if (asked.read === undefined && asked.list === undefined) return await trees.apply(changes);
    } catch (error) {
      if (asked.read === undefined && asked.list === undefined) throw error;
    }
    if (asked.read !== undefined) texts.set(asked.read, await trees.text(asked.read));
    if (asked.list !== undefined) lists.set(asked.list, await trees.list(asked.list));
  }
  throw new EditRefused(`the edit looks at more than ${LOOKS_MAX} files`);
}

class NotReadYet extends Error {
  override name = 'NotReadYet';
}

function known<Value>(map: ReadonlyMap<string, Value>, key: string, ask: () => void): Value {
  if (!map.has(key)) {
    ask();
    throw new NotReadYet(key);
  }
  // `has` said so; the value itself may be undefined.
  return map.get(key) as Value;
}

/** A folder that is being edited: its entries by name, and the folders below that were looked into. */
interface Folder {
  readonly entries: Map<string, TreeEntry>;
  readonly below: Map<string, Folder>;
}

class Trees {
  readonly #edited: EditedTree;
  readonly #signal: AbortSignal;
  #root: Folder | undefined;

  constructor(edited: EditedTree, signal: AbortSignal) {
    this.#edited = edited;
    this.#signal = signal;
  }

  async text(path: string): Promise<string | undefined> {
    const {folder, name} = await this.#find(path, 'look');
    const entry = folder?.entries.get(name);
    if (entry === undefined || entry.mode === '40000') return undefined;
    if (!entry.mode.startsWith('100')) throw new EditRefused(`"${path}" is not a regular file`);
    const object = await this.#edited.objects.read(entry.id, this.#signal);
    if (object === undefined) throw new Error(`git blob ${entry.id} of "${path}" is missing: the repository is damaged`);
    return object.content.toString('utf8');
  }

  /** Names of the files and folders in a folder; none when it does not exist. */
  async list(path: string): Promise<readonly string[]> {
    if (path === '') return [...(await this.#rootFolder()).entries.keys()];
    const {folder} = await this.#find(`${path}/x`, 'look');
    return [...folder?.entries.keys() ?? []].sort();
  }

  async apply(changes: Readonly<Record<string, string | undefined>>): Promise<string> {
    for (const [path, text] of Object.entries(changes)) {
      const {folder, name} = await this.#find(path, text === undefined ? 'look' : 'make');
      if (folder === undefined) continue;
      const entry = folder.entries.get(name);
      if (text === undefined) {
        folder.entries.delete(name);
        folder.below.delete(name);
        continue;
      }
      if (entry !== undefined && !entry.mode.startsWith('100')) throw new EditRefused(`"${path}" is not a regular file`);
      folder.entries.set(name, {mode: entry?.mode ?? '100644', name, id: await this.#edited.write.blob(text)});
    }
    return this.#root === undefined ? this.#edited.tree : await this.#write(this.#root) ?? EMPTY_TREE;
  }

  /** Undefined: nothing is left in it, and git has no empty folders. */
  async #write(folder: Folder): Promise<string | undefined> {
    for (const [name, below] of folder.below) {
      const id = await this.#write(below);
      if (id === undefined) folder.entries.delete(name);
      else folder.entries.set(name, {mode: '40000', name, id});
    }
    const entries = [...folder.entries.values()];
    const odd = entries.find(({name}) => name.includes('\uFFFD'));
    if (odd !== undefined) throw new EditRefused(`the name of "${odd.name}" is not UTF-8: rename it first`);
    return entries.length === 0 ? undefined : this.#edited.write.tree(entries);
  }

  async #find(path: string, how: 'look' | 'make'): Promise<{readonly folder: Folder | undefined; readonly name: string}> {
    const steps = path.split('/');
    if (steps.some((step) => step === '' || step === '.' || step === '..' || step.toLowerCase() === '.git' || /[\\\p{Cc}]/u.test(step))) {
      throw new EditRefused(`"${path}" is not a path in the cluster repository`);
    }
    const name = steps.pop() ?? '';
    let folder = await this.#rootFolder();
    for (const step of steps) {
      const next = folder.below.get(step) ?? await this.#open(folder.entries.get(step), {path, how});
      if (next === undefined) return {folder: undefined, name};
      folder.below.set(step, next);
      folder = next;
    }
    return {folder, name};
  }

  async #open(entry: TreeEntry | undefined, {path, how}: {path: string; how: 'look' | 'make'}): Promise<Folder | undefined> {
    if (entry?.mode === '40000') return this.#read(entry.id);
    if (how === 'look') return undefined;
    if (entry !== undefined) throw new EditRefused(`"${path}" can't be written: "${entry.name}" is not a folder`);
    return {entries: new Map(), below: new Map()};
  }

  async #rootFolder(): Promise<Folder> {
    return this.#root ??= await this.#read(this.#edited.tree);
  }

  async #read(id: string): Promise<Folder> {
    const object = id === EMPTY_TREE ? undefined : await this.#edited.objects.read(id, this.#signal);
    if (object === undefined && id !== EMPTY_TREE) throw new Error(`git tree ${id} is missing: the repository is damaged`);
    const entries = object === undefined ? [] : parseTree(object.content);
    return {entries: new Map(entries.map((entry) => [entry.name, entry])), below: new Map()};
  }
}
