import {Readable} from 'node:stream';
import {splitLines} from '../adapters/lines.ts';
import {detail, formatDuration, step, warning} from '../build/output.ts';
import type {Session} from '../oneshot/oneshot.ts';
import type {CommitDeploy} from './deploy.ts';

/** Filling a database takes its time, milliseconds. */
const POSTDEPLOY_MS_MAX = 30 * 60_000;

/**
 * Runs what app.json wants to be run once, after the first release serves. Its failure is told and changes nothing: as on Heroku the app is there. Never
 * rejects: whoever has gone away meanwhile, the release stays.
 */
export async function postdeploy({order: {app, by}, build, deps}: CommitDeploy, script: string, signal: AbortSignal): Promise<void> {
  build.print(step(`Running scripts.postdeploy of app.json: ${script}`));
  const limit = AbortSignal.timeout(POSTDEPLOY_MS_MAX);
  const failed = (why: string) => build.print(warning(`scripts.postdeploy of app.json ${why}. The release stays; to run it again: flynn run -a ${app} ${script}`));
  try {
    const until = AbortSignal.any([signal, limit]);
    const session = await deps.node.oneShot.run({app, actor: by, command: [script], env: {}}, until);
    const exitCode = await exitCodeOf(session, (line) => build.print(detail(line)), until);
    if (exitCode !== 0) failed(limit.aborted ? `took longer than ${formatDuration(POSTDEPLOY_MS_MAX)}` : `failed with exit code ${exitCode}`);
  } catch (error) {
    failed(signal.aborted ? 'was cancelled' : `could not be run: ${(error as Error).message}`);
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
