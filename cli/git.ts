import {execFile} from 'node:child_process';

/** All that we ask git for is local and small. */
const GIT_MS_MAX = 10_000;

/** What git prints, without the last newline; `undefined` when it says no, or is not there. Never asks anybody anything. */
export async function git(args: readonly string[], cwd: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    execFile('git', args, {cwd, signal, timeout: GIT_MS_MAX, env: {...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C'}}, (error, stdout) => {
      if (signal.aborted) reject(signal.reason);
      else resolve(error === null ? stdout.replace(/\n$/, '') : undefined);
    });
  });
}

/** Whether there is one at all. */
export async function isGitHere(signal: AbortSignal): Promise<boolean> {
  return await git(['--version'], '/', signal) !== undefined;
}

/** Remotes of the work tree that `cwd` is in, by name; none outside of one. */
export async function remotes(cwd: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const config = await git(['config', '--get-regexp', '^remote\\..*\\.url$'], cwd, signal) ?? '';
  return new Map(config.split('\n').flatMap((line) => {
    const [, name, url] = /^remote\.(.+)\.url (.+)$/.exec(line) ?? [];
    return name === undefined || url === undefined ? [] : [[name, url] as const];
  }));
}
