import {spawn} from 'node:child_process';
import {PassThrough, type Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {gitEnvironment} from '../adapters/git.ts';

/** `git archive` of a commit, as a tar stream. It fails when git does: half an archive is never a whole one. */
export function archive({gitdir, commit, env}: {gitdir: string; commit: string; env: Readonly<Record<string, string>>}, signal: AbortSignal): Readable {
  const child = spawn('git', [`--git-dir=${gitdir}`, 'archive', '--format=tar', commit], {
    env: gitEnvironment({env}),
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
    killSignal: 'SIGKILL',
  });
  const tar = new PassThrough();
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`git archive of ${commit.slice(0, 8)} failed (exit code ${code})`))));
  });
  // The end of the tar is passed on only after git has said that it was the end.
  Promise.all([ended, pipeline(child.stdout, tar, {end: false})]).then(() => tar.end(), (error: Error) => {
    child.kill('SIGKILL');
    tar.destroy(error);
  });
  tar.on('close', () => child.kill('SIGKILL'));
  return tar;
}
