import {randomUUID} from 'node:crypto';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {reviewed} from '../access/protected.ts';
import {EditRefused, StaleRead, type Author, type Change, type Edit} from '../checkout/snapshot.ts';
import {addRelease, releaseFile, removeRelease, type NewRelease} from '../commits/edits.ts';
import {COMMITTER} from '../commits/writer.ts';
import type {NodeView} from '../node.ts';
import type {ProposalDetails} from '../proposals/proposals.ts';
import type {ProposedRelease, Who} from '../proposals/record.ts';
import {takeBackSubject} from './past.ts';
import {ReleaseRefused} from './refused.ts';

/** How often a release gets another number because somebody else took it. */
const NUMBER_TRIES_MAX = 5;
/** How long committing a release may take, whoever has gone away meanwhile, in milliseconds: a push to a remote repository and a look at what became of it. */
const COMMIT_MS_MAX = 150_000;
/** How long taking back a release may take when nobody waits for it any more, in milliseconds. */
const TAKE_BACK_MS_MAX = 30_000;

/** Where releases are proposed. */
export interface Proposer {
  proposeRelease(change: Change, release: Omit<ProposedRelease, 'tip'>, who: Who, signal: AbortSignal): Promise<ProposalDetails>;
}

export interface ReleaseDeps {
  readonly repo: Pick<FollowedRepo, 'nextReleaseFloor' | 'commit'>;
  readonly node: Pick<NodeView, 'wake'>;
  /** Gets what failed inside of us. */
  log(message: string, error: unknown): void;
}

/** A release that is to be made, by a push, of an image, or as a rollback. */
export interface Making {
  readonly app: AppName;
  readonly release: NewRelease;
  /** Release files that are left, this one included. */
  readonly keep: number;
  readonly author: Author;
  /** What it is, in the commit's subject: `shop: release v7 (1a2b3c4d)`. */
  readonly subject: string;
  /** `Flynn-Source: 1a2b…`, beside the app's. */
  readonly trailers: readonly string[];
  /** More that belongs into the same commit, and what takes it back. */
  readonly alongside?: {readonly edit: Edit; readonly undo: Edit};
  /** What it was asked for with: its commit says so. Absent: nobody asks for it again. */
  readonly operationId?: string;
  /** See `Change`. */
  readonly seen?: NonNullable<Change['seen']>;
  /** What has to be so before a commit names the number. */
  prepare?(number: number, signal: AbortSignal): Promise<void>;
}

export interface Released {
  readonly number: number;
  /** As in its manifest: tells it from another one that got the same number. */
  readonly createdAt: string;
}

/**
 * Commits a release. Once the commit has begun, the signal no longer ends it: half-way nobody knows whether it was made. The caller
 * looks at the signal afterwards, and takes the release back.
 *
 * @throws {ReleaseRefused} when the release can't be made. After any failure git does not name it.
 */
export async function makeRelease(deps: ReleaseDeps, making: Making, signal: AbortSignal): Promise<Released> {
  const {app, release, keep, author, alongside, seen, operationId = randomUUID()} = making;
  const {createdAt} = release;
  for (let tries = 0; tries < NUMBER_TRIES_MAX; tries += 1) {
    const floor = await deps.repo.nextReleaseFloor(app, signal);
    const number = floor + 1;
    await making.prepare?.(number, signal);
    const add = addRelease(app, release, {keep, numberAbove: floor});
    try {
      await deps.repo.commit({
        // The number is in the message too, which is fixed before the edit runs on whatever the tip is by then.
        edit: reviewed(both(onlyAs(releaseFile(app, number), add), alongside?.edit)),
        message: messageOf(making, number),
        author,
        operationId,
        ...(seen !== undefined && {seen}),
      }, AbortSignal.timeout(COMMIT_MS_MAX));
      deps.node.wake(`${app}: release v${number}`);
      return {number, createdAt};
    } catch (error) {
      if (error instanceof NumberTaken) continue;
      if (error instanceof EditRefused) throw refusedBy(error);
      if (error instanceof StaleRead) throw error;
      // The branch may have been moved all the same, with the answer lost.
      await takeBackRelease(deps, {...making, released: {number, createdAt}, cause: 'it could not be seen whether the release was committed'});
      throw error;
    }
  }
  throw new ReleaseRefused('others released the app at the same moment again and again');
}

export interface Proposing {
  readonly who: Who;
  /** Absent: as the release is called. */
  readonly title?: string;
  /** Run once when it serves. */
  readonly postdeploy?: string;
}

/**
 * Proposes a release instead of making it: it is made when others have approved and merged it, under the number that is next by then.
 *
 * @throws {ReleaseRefused} when it can't be made
 */
export async function proposeRelease(deps: Pick<ReleaseDeps, 'repo'> & {readonly proposals: Proposer | undefined}, making: Making, {who, title, postdeploy}: Proposing, signal: AbortSignal): Promise<{readonly number: number; readonly proposal: ProposalDetails}> {
  const {app, release, author, alongside, seen} = making;
  if (deps.proposals === undefined) throw new ReleaseRefused('releases can only be proposed where the cluster repository is on its own server, or at a forge');
  const {image, createdAt, source: {commit: source}} = release;
  for (let tries = 0; tries < NUMBER_TRIES_MAX; tries += 1) {
    const floor = await deps.repo.nextReleaseFloor(app, signal);
    const number = floor + 1;
    // None goes for it yet.
    const add = addRelease(app, release, {keep: Number.MAX_SAFE_INTEGER, numberAbove: floor});
    const message = messageOf(making, number);
    try {
      const proposal = await deps.proposals.proposeRelease({
        edit: both(onlyAs(releaseFile(app, number), add), alongside?.edit),
        message: title === undefined || title === '' ? message : `${title}\n\n${message}`,
        author,
        operationId: randomUUID(),
        ...(seen !== undefined && {seen}),
      }, {app, image: image as ImageDigest, createdAt, ...(source !== undefined && {source}), ...(postdeploy !== undefined && {postdeploy})}, who, signal);
      return {number, proposal};
    } catch (error) {
      if (error instanceof NumberTaken) continue;
      throw error instanceof EditRefused ? refusedBy(error) : error;
    }
  }
  throw new ReleaseRefused('others released the app at the same moment again and again');
}

function messageOf({app, subject, trailers}: Making, number: number): string {
  return `${app}: release v${number} (${subject})\n\n${[`Flynn-App: ${app}`, ...trailers].join('\n')}`;
}

function refusedBy({message}: EditRefused): ReleaseRefused {
  const lines = message.split('\n');
  return new ReleaseRefused(lines.at(-1) ?? '', lines.slice(0, -1));
}

export interface TakingBack extends Pick<Making, 'app' | 'alongside'> {
  readonly released: Released;
  readonly cause: string;
}

/** After this git says again what runs. Whoever has gone away must not end it, so it has a deadline of its own. Resolves to whether that succeeded. */
export async function takeBackRelease({repo, node, log}: ReleaseDeps, {app, released: {number, createdAt}, cause, alongside}: TakingBack): Promise<boolean> {
  const file = releaseFile(app, number);
  const remove = both(removeRelease(app, number), alongside?.undo);
  try {
    await repo.commit({
      // Somebody else may have taken the number, or have removed the release.
      edit: (read, list) => (read(file)?.includes(createdAt) === true ? remove(read, list) : {}),
      message: `${takeBackSubject(app, number)}\n\n${cause}`,
      author: COMMITTER,
      operationId: randomUUID(),
      isUnchecked: true,
    }, AbortSignal.timeout(TAKE_BACK_MS_MAX));
    node.wake(`${app}: release v${number} is taken back`);
    return true;
  } catch (error) {
    log(`release v${number} of ${app} could not be taken back`, error);
    return false;
  }
}

class NumberTaken extends Error {
  override name = 'NumberTaken';
}

function onlyAs(file: string, edit: Edit): Edit {
  return (read, list) => {
    const changes = edit(read, list);
    if (changes[file] === undefined) throw new NumberTaken(file);
    return changes;
  };
}

function both(one: Edit, other: Edit | undefined): Edit {
  return other === undefined ? one : (read, list) => ({...one(read, list), ...other(read, list)});
}
