import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {execa} from 'execa';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {createOwnRepo} from '../../../reconciler/checkout/own.ts';
import {remoteRepo} from '../../../reconciler/checkout/remote.ts';
import type {Author, Change, Edit, Piece} from '../../../reconciler/checkout/snapshot.ts';
import type {CommitId} from '../../../schemas/ids.ts';

export const ADA: Author = {name: 'Ada', email: 'ada@example.com'};

/** Each file is flushed to the disk, which may have others to serve: 1,000 of them took more than 30 s once, and 2 s otherwise. */
const MADE_MS_MAX = 120_000;

/** A folder that is gone after the test. */
export async function temporaryFolder(t: Pick<ExecutionContext, 'teardown'>): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'flynn-git-'));
  t.teardown(() => fs.rm(folder, {recursive: true, force: true, maxRetries: 5}));
  return folder;
}

/** Path of a bare repository with these files on main. */
export async function bareRepo(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const gitdir = path.join(await temporaryFolder(t), 'cluster.git');
  await createOwnRepo({gitdir, files, author: ADA}, AbortSignal.timeout(MADE_MS_MAX));
  return gitdir;
}

/** The git command, as a user has it: for looking at what we did, and for doing what others do. */
export async function run(folder: string, ...args: readonly string[]): Promise<string> {
  const {stdout} = await execa('git', [...args], {cwd: folder, env: {
    GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Bob', GIT_AUTHOR_EMAIL: 'bob@example.com', GIT_COMMITTER_NAME: 'Bob', GIT_COMMITTER_EMAIL: 'bob@example.com',
  }});
  return stdout;
}

/** A clone with a work tree, for doing by hand what people do. */
export async function cloneOf(t: Pick<ExecutionContext, 'teardown'>, source: string): Promise<string> {
  const folder = path.join(await temporaryFolder(t), 'clone');
  await run('/', 'clone', '--quiet', '--branch', 'main', '--', source, folder);
  return folder;
}

/** A repository elsewhere, a clone of somebody who works on it, and a node's copy that follows it. */
export async function elsewhere(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const gitdir = await bareRepo(t, files);
  const clone = await cloneOf(t, gitdir);
  const mirror = path.join(await temporaryFolder(t), 'mirror.git');
  const remote = {url: gitdir, knownHosts: '/dev/null'};
  const repo = remoteRepo({gitdir: mirror, pollSeconds: 3600, remote});
  const objects = new ObjectReader({gitdir: mirror});
  t.teardown(() => {
    repo.close();
    objects.close();
  });
  return {
    gitdir, clone, mirror, remote, repo, objects,
    /** Asked anew. */
    async main(signal: AbortSignal): Promise<CommitId> {
      await repo.refresh(signal);
      return (await repo.snapshot(signal)).commit;
    },
    /** Somebody pushes, to main unless another ref is said, what he has made of `from`. Resolves to the commit. */
    async push(files: Readonly<Record<string, string>>, {to = 'main', from = 'origin/main'}: {readonly to?: string; readonly from?: string} = {}): Promise<CommitId> {
      await run(clone, 'fetch', '--quiet', 'origin');
      await run(clone, 'checkout', '--quiet', '--detach', from);
      const head = await commitFiles(clone, files);
      await run(clone, 'push', '--quiet', ...(to === 'main' ? [] : ['--force']), 'origin', `HEAD:${to}`);
      return head as CommitId; // git's own
    },
  };
}

/** Writes files into a clone and commits them. */
export async function commitFiles(clone: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await fs.mkdir(path.dirname(path.join(clone, name)), {recursive: true});
    await fs.writeFile(path.join(clone, name), text);
  }
  await run(clone, 'add', '--all');
  await run(clone, 'commit', '--quiet', '--message', `change ${Object.keys(files).join(' ')}`);
  return run(clone, 'rev-parse', 'HEAD');
}

export function change(edit: Edit, operationId: string): Change {
  return {edit, message: `do ${operationId}`, author: ADA, operationId};
}

/** `path: text` or `path! why`, a line each. */
export async function filesOf(piece: Piece): Promise<readonly string[]> {
  const files = await piece.files(AbortSignal.timeout(120_000));
  return files.map((file) => (file.kind === 'text' ? `${file.path}: ${file.text.trim()}` : `${file.path}! ${file.why}`));
}
