import {parse} from 'yaml';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {isRecord} from '../../schemas/merge-patch.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {appFile, SECRETS_FILE} from '../commits/edits.ts';
import {COMMITTER} from '../commits/writer.ts';
import type {Overtaken} from './releases.ts';

/** How many later commits of the app are looked at. */
const COMMITS_MAX = 50;

/**
 * The commit that has taken back or changed again what `commit` says of the app, among those that `at` has. Undefined: what it says is still so, whatever else was
 * changed meanwhile.
 */
export async function overtakenBy(repo: Pick<FollowedRepo, 'history' | 'textAt' | 'facts'>, app: AppName, {commit, at}: {readonly commit: CommitId; readonly at: CommitId}, signal: AbortSignal): Promise<Overtaken | undefined> {
  if (commit === at) return undefined;
  const history = (await repo.history(app, signal)).slice(0, COMMITS_MAX);
  const later = history.slice(0, Math.max(0, history.findIndex((one) => one.commit === commit)));
  // Of commits that stand on one another: when it has one, it has those before it.
  while (later[0] !== undefined && (await repo.facts(later[0].commit, at, signal))?.isApplied !== true) later.shift();
  if (later.length === 0) return undefined;

  const fieldsAt = (name: string) => fieldsOf(repo, app, name, signal);
  const [before, after] = [await fieldsAt(`${commit}^`), await fieldsAt(commit)];
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((field) => before.get(field) !== after.get(field));
  const isSame = (one: Fields, other: Fields) => changed.every((field) => one.get(field) === other.get(field));
  const now = await fieldsAt(later[0]?.commit ?? at);
  if (isSame(now, after)) return undefined;
  let afterIt = now;
  for (const [index, {commit: by, author, message}] of later.entries()) {
    const beforeIt = await fieldsAt(later[index + 1]?.commit ?? commit);
    // What the cluster itself writes goes on with what somebody asked for: the port of a TCP route that names none.
    if (author.email !== COMMITTER.email && !isSame(beforeIt, afterIt)) return {commit: by, by: author.name, subject: message.split('\n')[0] ?? ''};
    afterIt = beforeIt;
  }
  return undefined;
}

/** What a value is, by where it stands: `apps/shop/app.yaml services web replicas`. Of a list what is in it: others may add to it. */
type Fields = ReadonlyMap<string, string>;

/** `name`: as git names commits. */
async function fieldsOf(repo: Pick<FollowedRepo, 'textAt'>, app: AppName, name: string, signal: AbortSignal): Promise<Fields> {
  const files = [appFile(app), `apps/${app}/${SECRETS_FILE}`];
  return new Map((await Promise.all(files.map(async (file) => leaves(read(await repo.textAt(name as CommitId, file, signal)), file)))).flat()); // git takes every name of a commit
}

/** What is no YAML says nothing. */
function read(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : parse(text);
  } catch {
    return undefined;
  }
}

function leaves(value: unknown, at: string): readonly (readonly [string, string])[] {
  if (isRecord(value)) return Object.entries(value).flatMap(([field, below]) => leaves(below, `${at} ${field}`));
  if (Array.isArray(value)) return value.map((one) => [`${at} ${JSON.stringify(one)}`, 'in it']);
  return value === undefined ? [] : [[at, JSON.stringify(value)]];
}
