import {Readable} from 'node:stream';
import type {AppName} from '../../schemas/ids.ts';
import {splitLines} from '../adapters/lines.ts';
import {anySignal} from '../any-signal.ts';
import {detail, formatDuration, step, warning} from '../build/output.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import type {NodeView} from '../node.ts';
import type {OneShot, Session} from '../oneshot/oneshot.ts';
import {appNow} from '../release/app-now.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from '../release/converged.ts';
import type {PostdeployNote, PostdeployNotes} from './postdeploy-notes.ts';

/** Filling a database takes its time, milliseconds. */
const POSTDEPLOY_MS_MAX = 30 * 60_000;
/** What no shell takes for anything but words. */
const PLAIN = /^[\w ./:@+,=-]+$/;

export interface PostdeployDeps {
  readonly notes: PostdeployNotes;
  readonly node: {readonly oneShot: Pick<OneShot, 'run'>};
}

export interface PostdeployWanted {
  readonly app: AppName;
  /** Of the release that serves. */
  readonly createdAt: string;
  print(line: string): void;
}

/**
 * Runs what app.json wants to be run once, after the first release serves. Its failure is told and changes nothing: as on Heroku the app is there. Never
 * rejects: whoever has gone away meanwhile, the release stays.
 */
export async function postdeploy({notes, node}: PostdeployDeps, {app, createdAt, print}: PostdeployWanted, signal: AbortSignal): Promise<void> {
  let note: PostdeployNote | undefined;
  try {
    note = await notes.begin({app, createdAt});
    if (note === undefined) return;
    print(step(`Running scripts.postdeploy of app.json: ${note.script}`));
    const problem = await run(node.oneShot, note, {print, signal});
    if (problem !== undefined) print(warning(`scripts.postdeploy of app.json ${problem}. ${againWith(note)}`));
    // What we don't know the end of because we are stopped is told at the next start.
    if (!signal.aborted) await notes.remove(note);
  } catch (error) {
    print(warning(`scripts.postdeploy of app.json could not be run: ${(error as Error).message}${note === undefined ? '' : `. ${againWith(note)}`}`));
  }
}

export interface ResumeDeps extends PostdeployDeps {
  readonly repo: FollowedRepo;
  readonly node: PostdeployDeps['node'] & Pick<NodeView, 'converged'>;
  /** A line of its output, for the app's log. */
  print(app: AppName, line: string): void;
  /** Something that people should know. */
  tell(app: AppName, message: string): void;
  log(message: string, error: unknown): void;
}

/** Runs what was due when the reconciler was killed. What was being run may be half done: people are told. Never rejects. */
export async function resumePostdeploys(deps: ResumeDeps, signal: AbortSignal): Promise<void> {
  try {
    await Promise.all((await deps.notes.all()).map(({state, ...note}) => (state === 'due' ? resume(deps, note, signal) : giveUp(deps, note))));
  } catch (error) {
    if (!signal.aborted) deps.log('what was to be run after first releases can\'t be looked after', error);
  }
}

async function giveUp({notes, tell}: ResumeDeps, note: PostdeployNote): Promise<void> {
  tell(note.app, `scripts.postdeploy of app.json was running when Flynn was stopped, and may be half done. ${againWith(note)}`);
  await notes.remove(note);
}

async function resume(deps: ResumeDeps, note: PostdeployNote, signal: AbortSignal): Promise<void> {
  const {app, createdAt} = note;
  try {
    const {release, deployTimeoutMs, buildTimeMs} = await appNow(app, deps.repo, signal);
    const isCurrent = release?.createdAt === createdAt;
    const outcome = isCurrent ? await convergedInTime({app, node: deps.node, limitMs: deployTimeoutMs + buildTimeMs + CONVERGED_MARGIN_MS, print: () => {}}, signal) : undefined;
    if (outcome?.result === 'healthy') {
      deps.tell(app, 'running scripts.postdeploy of app.json, which was left to be run when Flynn was stopped');
      await postdeploy(deps, {app, createdAt, print: (line) => deps.print(app, line)}, signal);
    } else await deps.notes.remove(note);
  } catch (error) {
    if (!signal.aborted) deps.log(`scripts.postdeploy of ${app} that was to be run when Flynn was stopped is not run`, error);
  }
}

function againWith({app, script}: PostdeployNote): string {
  const words = PLAIN.test(script) ? script : `'${script.replaceAll("'", "'\\''")}'`;
  return `The release stays; to run it again: flynn run -a ${app} ${words}`;
}

/** Resolves to what went wrong. */
async function run(oneShot: Pick<OneShot, 'run'>, {app, by, script}: PostdeployNote, {print, signal}: Pick<PostdeployWanted, 'print'> & {readonly signal: AbortSignal}): Promise<string | undefined> {
  const limit = AbortSignal.timeout(POSTDEPLOY_MS_MAX);
  try {
    const until = anySignal([signal, limit]);
    const session = await oneShot.run({app, actor: by, command: [script], env: {}}, until);
    const exitCode = await exitCodeOf(session, (line) => print(detail(line)), until);
    if (exitCode === 0) return undefined;
    return limit.aborted ? `took longer than ${formatDuration(POSTDEPLOY_MS_MAX)}` : `failed with exit code ${exitCode}`;
  } catch (error) {
    return signal.aborted ? 'was cancelled' : `could not be run: ${(error as Error).message}`;
  }
}

async function exitCodeOf(session: Session, print: (line: string) => void, signal: AbortSignal): Promise<number> {
  // Its output ends when it has ended, which closing brings about.
  const onAbort = () => void session.close().catch(() => {});
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    for await (const line of splitLines(Readable.from(bytesOf(session), {objectMode: false}))) print(line);
    return (await session.outcome(signal)).exitCode;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await session.close();
  }
}

async function* bytesOf({output}: Session): AsyncGenerator<Uint8Array> {
  for await (const {bytes} of output) yield bytes;
}
