import fs from 'node:fs/promises';
import path from 'node:path';
import {git, GitError} from '../adapters/git.ts';
import type {Layout} from '../layout.ts';

export const HOOKS = ['pre-receive', 'post-receive'] as const;
export type Hook = (typeof HOOKS)[number];

/** Writes what git runs for each push, for this Node and this place of our sources. At each start, because both may have moved. */
export async function writeHooks({hooks, socket}: Pick<Layout, 'hooks' | 'socket'>): Promise<void> {
  await fs.mkdir(hooks, {recursive: true, mode: 0o700});
  const program = path.join(import.meta.dirname, 'hook.mjs');
  for (const hook of HOOKS) {
    const unfinished = path.join(hooks, `.${hook}.new`);
    await fs.writeFile(unfinished, `#!/bin/sh\nexec ${[process.execPath, program, hook, socket].map(quoted).join(' ')}\n`);
    await fs.chmod(unfinished, 0o755);
    await fs.rename(unfinished, path.join(hooks, hook));
  }
}

/**
 * Settings that make a repository ask us also when it is pushed to by path, without our HTTP server, which passes them by environment.
 * The hooks are named from the repository (git runs hooks there, githooks(5)), so that the data directory may move.
 */
export async function hookSettings(gitdir: string, {hooks}: Pick<Layout, 'hooks'>): Promise<Readonly<Record<string, string>>> {
  const [place, scripts] = await Promise.all([realIfThere(path.dirname(gitdir)), realIfThere(hooks)]);
  return {'core.hooksPath': path.relative(path.join(place, path.basename(gitdir)), scripts), 'receive.advertisePushOptions': 'true'};
}

/** Gives them to a repository that was made without. Written only when they differ: two that write at once are in each other's way. */
export async function useHooks(gitdir: string, layout: Pick<Layout, 'hooks'>, signal: AbortSignal): Promise<void> {
  for (const [key, value] of Object.entries(await hookSettings(gitdir, layout))) {
    if (await readSetting(gitdir, key, signal) !== value) await git(['config', key, value], {gitdir}, signal);
  }
}

async function readSetting(gitdir: string, key: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await git(['config', '--local', '--get', key], {gitdir}, signal);
  } catch (error) {
    // git-config(1): it is not set.
    if (error instanceof GitError && error.exitCode === 1) return undefined;
    throw error;
  }
}

async function realIfThere(place: string): Promise<string> {
  return fs.realpath(place).catch(() => place);
}

function quoted(word: string): string {
  return `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
