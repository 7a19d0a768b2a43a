import fs from 'node:fs/promises';
import path from 'node:path';
import {git} from '../adapters/git.ts';

/** One ref a release, so that its source outlives a force push, and a reconciler that is killed in the middle of a push. */
const FOLDER = 'refs/flynn/releases';
/** One ref a source of a release that waits for its proposal to be merged. */
const PROPOSED = 'refs/flynn/proposed';
/** The newest commit of a source that is followed elsewhere which has served. */
export const DEPLOYED_REF = 'refs/flynn/source/deployed';
const RELEASE_REF = new RegExp(`^${FOLDER}/v(\\d+)$`, 'gm');

export interface ReleasedSource {
  readonly gitdir: string;
  /** Where git finds the objects of a push that is not accepted yet. */
  readonly env: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly number: number;
  /** Releases whose sources are kept, this one included. */
  readonly keep: number;
}

/** Keeps the source of a release from now on, whatever becomes of the push, and lets go of the oldest ones. */
export async function keepSource({gitdir, env, commit, number, keep}: ReleasedSource, signal: AbortSignal): Promise<void> {
  await takeOver({gitdir, env}, signal);
  const refs = await git(['for-each-ref', '--format=%(refname)', '--', FOLDER], {gitdir}, signal);
  const numbers = [...refs.matchAll(RELEASE_REF)].map(([, kept]) => Number(kept)).filter((kept) => kept !== number).toSorted((one, other) => other - one);
  const old = numbers.slice(Math.max(keep - 1, 0));
  const commands = [`update ${refOf(number)} ${commit}`, ...old.map((kept) => `delete ${refOf(kept)}`)];
  await git(['update-ref', '--stdin'], {gitdir, input: `${commands.join('\n')}\n`}, signal);
}

/** Keeps the source of a release that is only proposed, whatever becomes of the push. */
export async function keepProposed({gitdir, env, commit}: Pick<ReleasedSource, 'gitdir' | 'env' | 'commit'>, signal: AbortSignal): Promise<void> {
  await takeOver({gitdir, env}, signal);
  await git(['update-ref', '--', `${PROPOSED}/${commit}`, commit], {gitdir}, signal);
}

export async function forgetProposed(gitdir: string, commit: string, signal: AbortSignal): Promise<void> {
  await git(['update-ref', '-d', '--', `${PROPOSED}/${commit}`], {gitdir}, signal);
}

export async function forgetSource(gitdir: string, number: number, signal: AbortSignal): Promise<void> {
  await git(['update-ref', '-d', '--', refOf(number)], {gitdir}, signal);
}

/** From now on a release of this commit that fails is not taken back for that. */
export async function noteDeployed(gitdir: string, commit: string, signal: AbortSignal): Promise<void> {
  await git(['update-ref', DEPLOYED_REF, commit], {gitdir}, signal);
}

function refOf(number: number): string {
  return `${FOLDER}/v${number}`;
}

async function takeOver({gitdir, env}: Pick<ReleasedSource, 'gitdir' | 'env'>, signal: AbortSignal): Promise<void> {
  const quarantine = env['GIT_OBJECT_DIRECTORY'];
  // Absent: the push brought nothing new.
  if (quarantine !== undefined) await linkObjects({from: path.resolve(gitdir, quarantine), to: path.join(gitdir, 'objects')}, signal);
}

/**
 * Links the objects of a push into the repository, as git does itself when a push is accepted (git-receive-pack(1), quarantine
 * environment): objects are named after their content, so that both may do it. Packs before their indexes: an index is what git looks for.
 */
async function linkObjects({from, to}: {from: string; to: string}, signal: AbortSignal): Promise<void> {
  const files = (await fs.readdir(from, {recursive: true, withFileTypes: true})).filter((entry) => entry.isFile() && isObject(entry.name)).map((entry) => path.relative(from, path.join(entry.parentPath, entry.name)));
  const indexesLast = files.toSorted((one, other) => Number(one.endsWith('.idx')) - Number(other.endsWith('.idx')));
  for (const file of indexesLast) {
    signal.throwIfAborted();
    await fs.mkdir(path.join(to, path.dirname(file)), {recursive: true});
    await fs.link(path.join(from, file), path.join(to, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Not what git is still writing, nor its note that it is. */
function isObject(name: string): boolean {
  return /^[0-9a-f]{38}$/.test(name) || /^pack-[0-9a-f]+\.(pack|rev|idx)$/.test(name);
}
