import type {AppName, CommitId} from '../../schemas/ids.ts';
import {parseTree} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {isAncestor} from './bare.ts';
import type {CommitFacts} from './snapshot.ts';

interface Repository {
  readonly gitdir: string;
  readonly objects: ObjectReader;
}

/** What a commit changed beside its first parent, and how far it has come: into `tip`, and into `applied`. Undefined: there is none. */
export async function factsOf({gitdir, objects}: Repository, {name, tip, applied}: {readonly name: string; readonly tip: CommitId; readonly applied: CommitId | undefined}, signal: AbortSignal): Promise<CommitFacts | undefined> {
  const header = await objects.info(`${name}^{commit}`, signal);
  if (header?.type !== 'commit') return undefined;
  const commit = header.id as CommitId; // git's own
  const isIn = async (of: CommitId) => of === commit || isAncestor(gitdir, {ancestor: commit, of}, signal);
  const [before, after] = [await entries(objects, `${commit}^1:`, signal), await entries(objects, `${commit}:`, signal)];
  const [appsBefore, appsAfter] = [await entries(objects, `${commit}^1:apps`, signal), await entries(objects, `${commit}:apps`, signal)];
  const isMerged = await isIn(tip);
  return {
    commit, isMerged,
    apps: differing(appsBefore, appsAfter) as readonly AppName[], // names of folders of apps/
    isShared: differing(before, after).some((entry) => entry !== 'apps'),
    isApplied: isMerged && applied !== undefined && await isIn(applied),
  };
}

/** By name; empty where there is no such tree. */
async function entries(objects: ObjectReader, tree: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const object = await objects.read(tree, signal);
  return new Map(object?.type === 'tree' ? parseTree(object.content).map(({name, id}) => [name, id]) : []);
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name)).toSorted();
}
