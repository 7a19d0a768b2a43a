import type {AppName, CommitId} from '../../schemas/ids.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
import {git} from '../adapters/git.ts';
import {parseCommit, parseTree} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {formerOf, type Former} from './former.ts';
import type {Author} from './snapshot.ts';

/** How many commits of one app are looked back at: a year of a commit or two a day. */
export const HISTORY_COMMITS_MAX = 1000;

/** A commit that changed something below `apps/<app>/`, as the branch saw it: what a merge brought is the merge's. */
export interface AppCommit {
  readonly commit: CommitId;
  /** What it was called after it. Absent: as it is now. */
  readonly called?: AppName;
  /** Committer's time, milliseconds since 1970. */
  readonly atMs: number;
  readonly author: Author;
  /** The whole message. */
  readonly message: string;
  /** Numbers of the release files that it brought, and that it took. */
  readonly added: readonly number[];
  readonly removed: readonly number[];
  /** The highest number after it, which was the current release from then on; absent: there was none. */
  readonly current?: number;
}

/** The commits of one app, newest first, at most `HISTORY_COMMITS_MAX`; of one that was renamed also those under its names before. */
export async function appHistory(branch: {gitdir: string; objects: ObjectReader}, {app, tip}: {app: AppName; tip: CommitId}, signal: AbortSignal): Promise<readonly AppCommit[]> {
  const {commits, former} = await historyUnder(branch, {app, tip}, signal);
  const all = [...commits];
  for (let before = former; before !== undefined && all.length < HISTORY_COMMITS_MAX;) {
    const {app: called} = before;
    const earlier = await historyUnder(branch, before, signal);
    all.push(...earlier.commits.map((commit) => ({...commit, called})));
    before = earlier.former;
  }
  return all.slice(0, HISTORY_COMMITS_MAX);
}

/** As long as it had one name. */
async function historyUnder({gitdir, objects}: {gitdir: string; objects: ObjectReader}, {app, tip}: {app: AppName; tip: CommitId}, signal: AbortSignal): Promise<{readonly commits: readonly AppCommit[]; readonly former?: Former}> {
  const folder = `apps/${app}/`;
  const listed = await git(['log', '--first-parent', '-m', '--no-renames', '-z', '--name-status', '--format=%x01%H', `--max-count=${HISTORY_COMMITS_MAX}`, tip, '--', `:(literal)${folder}`], {gitdir}, signal);
  // From the newest tree backwards: what a commit brought was not there before it, what it took was.
  const numbers = new Set(await releasesAt(objects, {tip, folder}, signal));
  const commits: AppCommit[] = [];
  for (const {id, changes} of parseNameStatus(listed)) {
    const object = await objects.read(id, signal);
    if (object?.type !== 'commit') throw new Error(`commit ${id} is not in the repository`);
    const {author, message, committedAtMs} = parseCommit(object.content);
    const numbersOf = (status: string) => changes.flatMap((change) => (change.status === status ? releaseNumber(change.path, folder) ?? [] : []));
    const came = changes.some(({status, path}) => status === 'A' && path === `${folder}app.yaml`);
    const former = came ? await formerOf({gitdir}, {app, commit: id as CommitId}, signal) : undefined;
    const before = new Set(former === undefined ? [] : await releasesAt(objects, {tip: former.tip, folder: `apps/${former.app}/`}, signal));
    const added = numbersOf('A').filter((number) => !before.has(number));
    const removed = former === undefined ? numbersOf('D') : [...before].filter((number) => !numbers.has(number));
    commits.push({commit: id as CommitId, atMs: committedAtMs, author, message, added, removed, ...(numbers.size === 0 ? {} : {current: Math.max(...numbers)})});
    if (former !== undefined) return {commits, former};
    for (const number of added) numbers.delete(number);
    for (const number of removed) numbers.add(number);
  }
  return {commits};
}

async function releasesAt(objects: ObjectReader, {tip, folder}: {tip: CommitId; folder: string}, signal: AbortSignal): Promise<readonly number[]> {
  const tree = await objects.read(`${tip}:${folder}releases`, signal);
  return tree?.type === 'tree' ? parseTree(tree.content).flatMap(({name}) => releaseNumberOf(name) ?? []) : [];
}

function releaseNumber(path: string, folder: string): number | undefined {
  return path.startsWith(`${folder}releases/`) ? releaseNumberOf(path.slice(`${folder}releases/`.length)) : undefined;
}

interface Listed {
  readonly id: string;
  readonly changes: readonly {readonly status: string; readonly path: string}[];
}

/** Words end in NUL. A path comes after its status whatever it looks like, so no name of a file can pass for a commit. */
function parseNameStatus(text: string): readonly Listed[] {
  const words = text.split('\0');
  const commits: {id: string; changes: {status: string; path: string}[]}[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]?.replace(/^\n/, '') ?? '';
    const id = /^\x01([0-9a-f]{40})$/.exec(word)?.[1];
    if (id !== undefined) commits.push({id, changes: []});
    else if (word !== '') {
      at += 1;
      commits.at(-1)?.changes.push({status: word, path: words[at] ?? ''});
    }
  }
  return commits;
}
