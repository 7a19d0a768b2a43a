import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {constants, deflateSync} from 'node:zlib';
import {writeObject} from 'isomorphic-git';
import {inGitsOrder, looseObject, renderTree, type TreeEntry} from './git-format.ts';
import {git, GitError} from './git.ts';

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly author: Person;
  readonly committer: Person;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

export interface Person {
  readonly name: string;
  readonly email: string;
}

/** Puts a signature into a commit object. */
export type SignCommit = (commit: Buffer) => Buffer;

/**
 * Writes objects of one repository. They are named after their content, so that any number of writers can't disturb
 * each other; nothing is visible until a ref is moved to it. Each call resolves to the new object's id.
 */
export function objectWriter(gitdir: string, sign: SignCommit = (commit) => commit) {
  const write = (type: 'blob' | 'tree' | 'commit', content: Buffer) => writeLoose(gitdir, looseObject(type, content));
  return {
    blob: (text: string | Buffer): Promise<string> => write('blob', Buffer.from(text)),
    tree: (entries: readonly TreeEntry[]): Promise<string> => write('tree', renderTree(inGitsOrder(entries))),
    commit: (commit: NewCommit): Promise<string> => write('commit', sign(renderCommit(commit))),
  };
}

/** The same; what it has written survives a loss of power once it was flushed. Git leaves that to the machine, in its own time, unless it is told otherwise. */
export function durableWriter(gitdir: string, sign?: SignCommit) {
  const write = objectWriter(gitdir, sign);
  const ids = new Set<string>();
  const noted = async (writing: Promise<string>) => {
    const id = await writing;
    ids.add(id);
    return id;
  };
  return {
    blob: (text: string | Buffer) => noted(write.blob(text)),
    tree: (entries: readonly TreeEntry[]) => noted(write.tree(entries)),
    commit: (commit: NewCommit) => noted(write.commit(commit)),
    /** At once: a disk does many of them in the time of one. */
    flush: async (): Promise<void> => {
      await Promise.all([...ids].map((id) => flush(path.join(gitdir, 'objects', id.slice(0, 2), id.slice(2)))));
      ids.clear();
    },
  };
}

async function flush(file: string): Promise<void> {
  const handle = await fs.promises.open(file).catch((error: NodeJS.ErrnoException) => {
    // It has been packed meanwhile, and packs are flushed.
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  await handle?.sync().finally(() => handle.close());
}

/** For whoever moves refs, git-config(1): without it git leaves them to the machine, too. */
export const DURABLE_REFS = {'core.fsync': 'reference'};

/**
 * Stored by isomorphic-git, compressed by us: its own compression goes through web streams and takes four times as long (2.3 ms an object, measured
 * 2026-11).
 */
async function writeLoose(gitdir: string, {id, whole}: {readonly id: string; readonly whole: Buffer}): Promise<string> {
  // What is there becomes new: nobody collects it as garbage before something refers to it.
  if (await touch(path.join(gitdir, 'objects', id.slice(0, 2), id.slice(2)))) return id;
  return writeObject({fs: wholeFiles, gitdir, oid: id, format: 'deflated', object: deflateSync(whole, {level: constants.Z_BEST_SPEED})});
}

/** False: it is not there, or not ours to touch. */
async function touch(file: string): Promise<boolean> {
  const now = new Date();
  return fs.promises.utimes(file, now, now).then(() => true, () => false);
}

/**
 * Moves a ref, if it still is where the caller saw it (`from` of 40 zeros: it does not exist). False: somebody else was faster,
 * or is at this moment.
 */
export async function moveRef(gitdir: string, {ref, from, to, reason}: {ref: string; from: string; to: string; reason: string}, signal: AbortSignal): Promise<boolean> {
  try {
    await git(['update-ref', '--no-deref', '-m', reason, '--', ref, to, from], {gitdir, config: DURABLE_REFS}, signal);
    return true;
  } catch (error) {
    if (!(error instanceof GitError) || !/cannot lock ref|unable to lock/i.test(error.stderr)) throw error;
    await removeStaleLock(path.join(gitdir, `${ref}.lock`));
    return false;
  }
}

/** `from`, `to`: 40 zeros where the ref does not exist. */
export interface RefMove {
  readonly ref: string;
  readonly from: string;
  readonly to: string;
}

/** The same for several refs: all are moved, or none is. */
export async function moveRefs(gitdir: string, {moves, reason}: {readonly moves: readonly RefMove[]; readonly reason: string}, signal: AbortSignal): Promise<boolean> {
  const commands = moves.map(({ref, from, to}) => `update ${ref}\0${to}\0${from}\0`).join('');
  try {
    await git(['update-ref', '--no-deref', '--stdin', '-z', '-m', reason], {gitdir, config: DURABLE_REFS, input: commands}, signal);
    return true;
  } catch (error) {
    if (!(error instanceof GitError) || !/cannot lock ref|unable to lock/i.test(error.stderr)) throw error;
    for (const {ref} of moves) await removeStaleLock(path.join(gitdir, `${ref}.lock`));
    return false;
  }
}

/** A lock of this age belongs to a git that was killed, in milliseconds: moving a ref takes a few. */
const LOCK_STALE_MS = 60_000;

/** Git never removes the lock of a git that was killed: every later push would fail. */
async function removeStaleLock(file: string): Promise<void> {
  const stats = await fs.promises.stat(file).catch(() => undefined);
  if (stats !== undefined && Date.now() - stats.mtimeMs > LOCK_STALE_MS) await fs.promises.rm(file, {force: true});
}

/** As git writes it: what is signed are these bytes. */
function renderCommit({tree, parents, message, author, committer, atMs}: NewCommit): Buffer {
  const by = (person: Person) => {
    const {name, email} = tame(person);
    return `${name} <${email}> ${Math.floor(atMs / 1000)} +0000`;
  };
  const text = message.replaceAll('\r', '').replace(/^\n+/, '').replace(/\n*$/, '\n');
  return Buffer.from([`tree ${tree}`, ...parents.map((parent) => `parent ${parent}`), `author ${by(author)}`, `committer ${by(committer)}`, '', text].join('\n'));
}

/** Git's commit format has no way to write these characters in a name. */
function tame({name, email}: Person): Person {
  const clean = (text: string) => text.replaceAll(/[<>\n\r\0]/g, '').trim();
  return {name: clean(name) || 'unknown', email: clean(email)};
}

/** isomorphic-git writes into the final file: killed in the middle it would leave half an object that never heals. */
const wholeFiles = {
  promises: {
    ...fs.promises,
    async writeFile(file: string, content: Uint8Array): Promise<void> {
      // `git prune` knows this prefix and clears away what a kill left.
      const unfinished = path.join(path.dirname(file), `tmp_obj_${randomBytes(6).toString('hex')}`);
      await fs.promises.writeFile(unfinished, content, {mode: 0o444, flag: 'wx'});
      await fs.promises.rename(unfinished, file);
    },
  },
};
