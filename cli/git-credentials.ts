import {access, constants} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {CommandContext} from './command.ts';
import {git} from './git.ts';

/**
 * Makes git in this work tree ask us for the name and token of a cluster, and nobody else: the empty helper forgets those of wider scope,
 * which would store the token in places of their own.
 */
export async function answerGitWith(gitUrl: string, {cwd, env}: Pick<CommandContext, 'cwd' | 'env'>, signal: AbortSignal): Promise<void> {
  const key = `credential.${gitUrl}.helper`;
  await git(['config', '--local', '--unset-all', key], cwd, signal);
  await git(['config', '--local', '--add', key, ''], cwd, signal);
  await git(['config', '--local', '--add', key, `!${await program(env)} git-credential`], cwd, signal);
}

/** `flynn` where the PATH has it, which outlives a move of this checkout; else its full path, quoted for the shell. */
async function program({PATH = ''}: CommandContext['env']): Promise<string> {
  for (const folder of PATH.split(':').filter((one) => path.isAbsolute(one))) {
    const isThere = await access(path.join(folder, 'flynn'), constants.X_OK).then(() => true, () => false);
    if (isThere) return 'flynn';
  }
  return `'${fileURLToPath(new URL('flynn', import.meta.url)).replaceAll("'", "'\\''")}'`;
}
