import type {AppCommit} from '../checkout/history.ts';
import type {Edit} from '../checkout/snapshot.ts';
import {appFile, releaseFile, SECRETS_FILE} from '../commits/edits.ts';
import {appNow} from './app-now.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from './converged.ts';
import type {DeployDeps} from './deploy.ts';
import {takeBackRelease} from './make.ts';
import type {MakingNote} from './makings.ts';

/**
 * Does what is left to be done of releases whose maker was killed: they are in git, and go on by themselves; who fails is taken back, as it
 * would have been then. Never rejects: what could not be done is tried after the next start.
 */
export async function resumeMakings(deps: DeployDeps, signal: AbortSignal): Promise<void> {
  try {
    await Promise.all((await deps.makings.all()).map((note) => lookAfterMaking(deps, note, signal)));
  } catch (error) {
    if (!signal.aborted) deps.log('releases of before the last start can\'t be looked after', error);
  }
}

/** Waits for what became of a release that is in git, and takes it back when it failed. Never rejects. */
export async function lookAfterMaking(deps: DeployDeps, note: MakingNote, signal: AbortSignal): Promise<'healthy' | 'other'> {
  const {app, createdAt} = note;
  try {
    let result: 'healthy' | 'other' = 'other';
    const now = await appNow(app, deps.repo, signal);
    if (now.release?.createdAt === createdAt) {
      const outcome = await convergedInTime({app, node: deps.node, limitMs: now.deployTimeoutMs + now.buildTimeMs + CONVERGED_MARGIN_MS, print: () => {}}, signal);
      if (outcome.result === 'failed') await takeBack(deps, note, {cause: outcome.cause, signal});
      if (outcome.result === 'healthy') result = 'healthy';
    }
    await deps.makings.remove(note);
    return result;
  } catch (error) {
    if (!signal.aborted) deps.log(`a release of ${app} that was being made can't be looked after`, error);
    return 'other';
  }
}

/** Not when somebody has changed something of the app since: then it may be that which fails, and it is his. */
async function takeBack(deps: DeployDeps, {app, createdAt}: MakingNote, {cause, signal}: {readonly cause: string; readonly signal: AbortSignal}): Promise<void> {
  const [made, before] = await deps.repo.history(app, signal);
  const number = made?.added.find((one) => one === made.current);
  if (made === undefined || number === undefined) return;
  const text = await deps.repo.textAt(made.commit, releaseFile(app, number), signal);
  if (text?.includes(createdAt) !== true) return;
  const undo = await undoOf(deps, {made, before, files: [appFile(app), `apps/${app}/${SECRETS_FILE}`]}, signal);
  await takeBackRelease(deps, {app, released: {number, createdAt}, cause: `release v${number} failed: ${cause}`, alongside: {edit: () => ({}), undo}});
}

interface Undoing {
  readonly made: AppCommit;
  /** Of the app, the one before. */
  readonly before: AppCommit | undefined;
  readonly files: readonly string[];
}

/** What came with the release goes with it; git knows what that was. */
async function undoOf({repo}: DeployDeps, {made, before, files}: Undoing, signal: AbortSignal): Promise<Edit> {
  const changes = await Promise.all(files.map(async (path) => ({
    path,
    before: before && await repo.textAt(before.commit, path, signal),
    after: await repo.textAt(made.commit, path, signal),
  })));
  return (read) => Object.fromEntries(changes.filter(({path, before: then, after}) => then !== after && read(path) === after).map(({path, before: then}) => [path, then]));
}
