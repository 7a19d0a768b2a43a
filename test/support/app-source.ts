import {spawn} from 'node:child_process';
import {cp, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {execa} from 'execa';
import type {CommitId} from '../../schemas/ids.ts';

/** A git repository with one app's source, as a push would bring it. */
export interface AppSource extends AsyncDisposable {
  readonly folder: string;
  /** Commits what is in the folder. The same files give the same commit. */
  commit(): Promise<CommitId>;
  archive(commit: CommitId): (signal: AbortSignal) => Readable;
}

const FIXTURES = path.join(import.meta.dirname, '..', 'fixtures', 'apps');
const DATE = '2026-01-02T03:04:05Z';

/** A copy of a folder in test/fixtures/apps, with `changes` on top: contents by path. `submodules`: their commits, by path. */
export async function appSource(fixture: string, changes: Readonly<Record<string, string | Uint8Array>> = {}, submodules: Readonly<Record<string, string>> = {}): Promise<AppSource> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-fixture-'));
  const git = (...words: string[]) =>
    execa('git', words, {cwd: folder, env: {GIT_AUTHOR_DATE: DATE, GIT_COMMITTER_DATE: DATE, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1'}});
  await cp(path.join(FIXTURES, fixture), folder, {recursive: true});
  for (const [name, text] of Object.entries(changes)) {
    await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
    await writeFile(path.join(folder, name), text);
  }
  await git('init', '--quiet', '--initial-branch=main');
  await git('config', 'user.name', 'Test');
  await git('config', 'user.email', 'test@example.com');
  for (const [name, commit] of Object.entries(submodules)) {
    await mkdir(path.join(folder, name), {recursive: true});
    await git('update-index', '--add', '--cacheinfo', `160000,${commit},${name}`);
  }
  return {
    folder,
    async commit() {
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message=source');
      return (await git('rev-parse', 'HEAD')).stdout as CommitId;
    },
    // When it is ended, who reads its output is told.
    archive: commit => signal => spawn('git', ['archive', '--format=tar', commit], {cwd: folder, signal, stdio: ['ignore', 'pipe', 'inherit']}).on('error', () => {}).stdout,
    async [Symbol.asyncDispose]() {
      await rm(folder, {recursive: true, force: true});
    },
  };
}
