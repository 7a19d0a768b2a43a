import type {AppName, CommitId} from '../../schemas/ids.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {git} from '../adapters/git.ts';
import {objectWriter} from '../adapters/git-write.ts';
import {protectionOf, type Protection} from '../access/protected.ts';
import {cutIntoPieces, readCommit} from '../checkout/pieces.ts';
import type {CommitCheck} from '../checkout/repo.ts';
import type {ManifestFile, Snapshot} from '../checkout/snapshot.ts';
import {COMMITTER} from '../commits/writer.ts';
import {runEdit} from '../commits/run-edit.ts';
import {resolveApp} from '../desired/app.ts';
import {differenceOf} from '../desired/difference.ts';
import type {DesiredApp} from '../desired/state.ts';
import {configForChecks} from '../desired/validate.ts';
import type {ChangedPath} from '../access/paths.ts';
import {appsIn, changesBetween, mergeBase, mergeOf, pathsOf, resultOf, type ChangedFile} from './merging.ts';
import {numbersFor, releasesIn, renumber, type Numbered} from './numbering.ts';
import type {PlanInWords} from './proposals.ts';
import {differenceWords, NO_CHANGE} from '../preview/words.ts';

/** Commits of a proposal that are listed. */
const COMMITS_MAX = 50;

export interface SightDeps {
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly check: CommitCheck;
  snapshotAt(commit: CommitId, signal: AbortSignal): Promise<Snapshot>;
  /** The highest number that a release of the app ever had on main. */
  releaseFloor(app: AppName, signal: AbortSignal): Promise<number>;
}

/** What a proposal makes of main as it is at one moment. */
export interface Sight {
  readonly onto: CommitId;
  readonly tip: CommitId;
  /** Absent: it conflicts. */
  readonly tree?: string;
  readonly conflicts: readonly string[];
  readonly changes: readonly ChangedFile[];
  readonly paths: readonly ChangedPath[];
  /** Of main: what a proposal says of reviews does not count for itself. */
  readonly protection: Protection;
  /** See `resultOf`. */
  readonly result: string;
  readonly releases: readonly Numbered[];
}

/** Merges a proposal into main, without moving anything, and looks at what comes of it. */
export async function look(deps: SightDeps, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<Sight> {
  const {objects} = deps;
  const base = await mergeBase(deps.gitdir, {onto, tip}, signal);
  const brought = releasesIn(await changesBetween(objects, {from: base, to: tip}, signal));
  const floors = new Map(await Promise.all([...new Set(brought.map(({app}) => app))].map(async (app) => [app, await deps.releaseFloor(app, signal)] as const)));
  const releases = numbersFor(brought, floors);
  const merged = await mergeOf(deps, {onto, tip: await renumbered(deps, {tip, releases}, signal)}, signal);
  const apps = {before: await appsIn(objects, onto, signal), after: await appsIn(objects, merged.tree ?? tip, signal)};
  return {
    onto, tip, releases, ...merged,
    paths: pathsOf(merged.changes, apps),
    protection: await protectionAt(objects, {commit: onto, changes: merged.changes}, signal),
    result: resultOf(merged.changes),
  };
}

/** Sights that are kept: each is what it is as long as main and the proposal are, and takes git some processes. */
const SIGHTS_MAX = 500;

/** The same, for lists: what was looked at before is not looked at again. */
export class Sights {
  readonly #deps: SightDeps;
  readonly #known = new Map<string, Sight>();

  constructor(deps: SightDeps) {
    this.#deps = deps;
  }

  async look({onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<Sight> {
    const key = `${onto} ${tip}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const sight = await look(this.#deps, {onto, tip}, signal);
    this.#known.set(key, sight);
    const [oldest] = this.#known.keys();
    if (this.#known.size > SIGHTS_MAX && oldest !== undefined) this.#known.delete(oldest);
    return sight;
  }
}

/** In words, of what is no conflict; of one, as it would be without main's changes. */
export async function planOf(deps: SightDeps, {onto, tip, tree}: Sight, signal: AbortSignal): Promise<{readonly plan: PlanInWords; readonly problems: readonly string[]; readonly removed: readonly AppName[]}> {
  const before = await deps.snapshotAt(tree === undefined ? await mergeBase(deps.gitdir, {onto, tip}, signal) as CommitId : onto, signal); // git's own
  const after = await cutIntoPieces(deps.objects, {commit: tree === undefined ? tip : await commitOf(deps.gitdir, {tree, parent: onto}), before}, signal);
  const {files, others} = await differing(before, after, signal);
  const difference = differenceOf(...files, {others});
  const words = differenceWords(difference);
  const problems = await deps.check({before, after}, signal);
  const kept = new Set(after.apps.map(({name}) => name));
  return {
    plan: {difference, lines: words.length === 0 && problems.length === 0 ? [NO_CHANGE] : words},
    problems: problems.map(formatDiagnostic),
    removed: before.apps.map(({name}) => name).filter((name) => !kept.has(name)),
  };
}

/** Commits that main does not have, the newest first. */
export async function commitsOf({gitdir, objects}: Pick<SightDeps, 'gitdir' | 'objects'>, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal) {
  const listed = await git(['rev-list', `--max-count=${COMMITS_MAX}`, tip, `^${onto}`, '--'], {gitdir}, signal);
  return Promise.all(listed.split('\n').filter((line) => line !== '').map(async (id) => {
    const {author, message} = await readCommit(objects, id, signal);
    return {commit: id as CommitId, by: author.name, subject: message.split('\n')[0] ?? ''}; // git's own
  }));
}

/** What differs, and what is no app's: that holds for every app. The other apps count for what all of them may use together. */
async function differing(before: Snapshot, after: Snapshot, signal: AbortSignal): Promise<{readonly files: [readonly ManifestFile[], readonly ManifestFile[]]; readonly others: readonly DesiredApp[]}> {
  const trees = (snapshot: Snapshot) => new Map(snapshot.apps.map(({name, treeId}) => [name, treeId]));
  const [old, now] = [trees(before), trees(after)];
  const read = async (snapshot: Snapshot, there: ReturnType<typeof trees>) => [
    ...await snapshot.shared.files(signal),
    ...(await Promise.all(snapshot.apps.filter(({name, treeId}) => there.get(name) !== treeId).map((app) => app.files(signal)))).flat(),
  ];
  const config = configForChecks(await after.shared.files(signal));
  const same = after.apps.filter(({name, treeId}) => old.get(name) === treeId);
  return {
    files: await Promise.all([read(before, now), read(after, old)]),
    others: await Promise.all(same.map(async ({name, treeId, files}) => resolveApp({name, treeId, files: await files(signal)}, config, config.domain))),
  };
}

/** The proposal's commit with the numbers of releases that main has for them; nothing refers to it, so that git drops it in its own time. */
async function renumbered({gitdir, objects}: SightDeps, {tip, releases}: {readonly tip: CommitId; readonly releases: readonly Numbered[]}, signal: AbortSignal): Promise<CommitId> {
  if (releases.every(({from, to}) => from === to)) return tip;
  const {tree} = await readCommit(objects, tip, signal);
  return commitOf(gitdir, {tree: await runEdit({objects, write: objectWriter(gitdir), tree}, renumber(releases), signal), parent: tip});
}

async function commitOf(gitdir: string, {tree, parent}: {readonly tree: string; readonly parent: CommitId}): Promise<CommitId> {
  return await objectWriter(gitdir).commit({tree, parents: [parent], message: 'look\n', author: COMMITTER, committer: COMMITTER, atMs: 0}) as CommitId; // has just been written
}

/** As a commit has it: what has to be read for these changes is read first. */
export async function protectionAt(objects: ObjectReader, {commit, changes}: {readonly commit: string; readonly changes: readonly {readonly path: string}[]}, signal: AbortSignal): Promise<Protection> {
  const apps = new Set(changes.flatMap(({path}) => /^apps\/([^/]+)\/releases\//.exec(path)?.[1] ?? []));
  const names = ['cluster.yaml', ...[...apps].map((app) => `apps/${app}/app.yaml`)];
  const texts = new Map(await Promise.all(names.map(async (name) => [name, await textAt(objects, `${commit}:${name}`, signal)] as const)));
  return protectionOf((path) => texts.get(path));
}

async function textAt(objects: ObjectReader, name: string, signal: AbortSignal): Promise<string | undefined> {
  const object = await objects.read(name, signal);
  return object?.type === 'blob' ? object.content.toString('utf8') : undefined;
}
