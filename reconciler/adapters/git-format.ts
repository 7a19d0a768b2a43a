import {createHash} from 'node:crypto';

export interface TreeEntry {
  /** `100644`, `100755` files · `40000` folder · `120000` symbolic link · `160000` submodule. */
  readonly mode: string;
  readonly name: string;
  readonly id: string;
}

export interface CommitText {
  readonly tree: string;
  readonly parents: readonly string[];
  /** Milliseconds since 1970. */
  readonly committedAtMs: number;
  readonly author: {readonly name: string; readonly email: string};
  readonly message: string;
}

/** Bytes of a tree object: mode, space, name, NUL, 20 bytes of id, again and again. Names that are not UTF-8 get U+FFFD. */
export function parseTree(content: Buffer): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const nul = content.indexOf(0, space);
    if (space === -1 || nul === -1 || nul + 21 > content.length) throw new Error('git tree is damaged');
    entries.push({
      mode: content.toString('latin1', at, space),
      name: content.toString('utf8', space + 1, nul),
      id: content.toString('hex', nul + 1, nul + 21),
    });
    at = nul + 21;
  }
  return entries;
}

export function parseCommit(content: Buffer): CommitText {
  const text = content.toString('utf8');
  const blank = text.indexOf('\n\n');
  const head = blank === -1 ? text : text.slice(0, blank);
  const tree = /^tree ([0-9a-f]{40})$/m.exec(head)?.[1];
  const seconds = /^committer .* (\d+) [+-]\d{4}$/m.exec(head)?.[1];
  const [, name = '', email = ''] = /^author (.*?) ?<([^>]*)> \d+ [+-]\d{4}$/m.exec(head) ?? [];
  if (tree === undefined) throw new Error('git commit is damaged: it names no tree');
  return {
    tree,
    parents: [...head.matchAll(/^parent ([0-9a-f]{40})$/gm)].map(([, id = '']) => id),
    committedAtMs: Number(seconds ?? 0) * 1000,
    author: {name, email},
    message: blank === -1 ? '' : text.slice(blank + 2),
  };
}

/** The id that a tree of these entries has, which must be in git's order (as `parseTree` gives them). */
export function treeId(entries: readonly TreeEntry[]): string {
  return looseObject('tree', renderTree(entries)).id;
}

/** Bytes of a tree whose entries are in git's order. */
export function renderTree(entries: readonly TreeEntry[]): Buffer {
  return Buffer.concat(entries.flatMap(({mode, name, id}) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]));
}

/** By bytes, folders as if their names ended in a slash. */
export function inGitsOrder(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const keyed = entries.map((entry) => ({entry, key: Buffer.from(entry.mode === '40000' ? `${entry.name}/` : entry.name)}));
  return keyed.toSorted((one, other) => Buffer.compare(one.key, other.key)).map(({entry}) => entry);
}

/** An object as git names and stores it, before it is compressed. */
export function looseObject(type: 'blob' | 'tree' | 'commit', content: Buffer): {readonly id: string; readonly whole: Buffer} {
  const whole = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  return {whole, id: createHash('sha1').update(whole).digest('hex')};
}

/** The id of git's empty tree, which every repository can read. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
/** What git writes where a ref does not exist. */
export const NO_COMMIT = '0'.repeat(40);
