import {access, constants} from 'node:fs/promises';
import path from 'node:path';
import type {CommandContext} from './command.ts';
import {git} from './git.ts';
import {exec, mustExec} from './setup/exec.ts';

type Env = CommandContext['env'];

/** The launcher of this checkout. */
const LAUNCHER = path.resolve(import.meta.dirname, 'flynn');
/** By its whole path: git is also run by programs whose PATH is short. */
const HELPER = `!${quoted(LAUNCHER)} git-credential`;
const ADVICE = ['is git installed, and your ~/.gitconfig writable? then run this again'];

/**
 * Makes git in this work tree ask us for the name and token of a cluster, and nobody else: the empty helper forgets those of wider scope,
 * which would store the token in places of their own.
 */
export async function answerGitWith(gitUrl: string, {cwd, env}: Pick<CommandContext, 'cwd' | 'env'>, signal: AbortSignal): Promise<void> {
  const key = helperKey(gitUrl);
  await git(['config', '--local', '--unset-all', key], cwd, signal);
  await git(['config', '--local', '--add', key, ''], cwd, signal);
  await git(['config', '--local', '--add', key, `!${await program(env)} git-credential`], cwd, signal);
}

/** The same for all of this user's work trees, and for those that are still to be cloned. Throws `Failure` when git can't be told. */
export async function answerGitEverywhere(gitUrl: string, env: Env, signal: AbortSignal): Promise<void> {
  await mustExec(['git', 'config', '--global', '--replace-all', helperKey(gitUrl), ''], {env, advice: ADVICE}, signal);
  await mustExec(['git', 'config', '--global', '--add', helperKey(gitUrl), HELPER], {env, advice: ADVICE}, signal);
}

export async function isGitAnswered(gitUrl: string, env: Env, signal: AbortSignal): Promise<boolean> {
  const {stdout} = await exec(['git', 'config', '--global', '--get-all', helperKey(gitUrl)], {env}, signal);
  return stdout === `\n${HELPER}\n`;
}

/** Makes git trust a cluster's own authority, and that one only there. Throws `Failure` when git can't be told. */
export async function trustEverywhere(gitUrl: string, {caFile, env}: {readonly caFile: string; readonly env: Env}, signal: AbortSignal): Promise<void> {
  await mustExec(['git', 'config', '--global', trustKey(gitUrl), caFile], {env, advice: ADVICE}, signal);
}

/** Takes a cluster out of this user's git configuration, and nothing else. Where there is no git, there is nothing. */
export async function forgetInGit(gitUrl: string, env: Env, signal: AbortSignal): Promise<void> {
  for (const [section, key] of [[`credential.${gitUrl}`, helperKey(gitUrl)], [`http.${gitUrl}`, trustKey(gitUrl)]] as const) {
    const {exitCode} = await exec(['git', 'config', '--global', '--unset-all', key], {env}, signal);
    if (exitCode !== 0) continue;
    // git leaves the empty section behind; one that holds other settings of the user's stays.
    const {stdout} = await exec(['git', 'config', '--global', '--get-regexp', `^${section.replace(/[.\\/:]/g, '\\$&')}\\.`], {env}, signal);
    if (stdout === '') await exec(['git', 'config', '--global', '--remove-section', section], {env}, signal);
  }
}

function helperKey(gitUrl: string): string {
  return `credential.${gitUrl}.helper`;
}

function trustKey(gitUrl: string): string {
  return `http.${gitUrl}.sslCAInfo`;
}

/** `flynn` where the PATH has it, which outlives a move of this checkout; else its full path, quoted for the shell. */
async function program({PATH = ''}: Env): Promise<string> {
  for (const folder of PATH.split(':').filter((one) => path.isAbsolute(one))) {
    const isThere = await access(path.join(folder, 'flynn'), constants.X_OK).then(() => true, () => false);
    if (isThere) return 'flynn';
  }
  return quoted(LAUNCHER);
}

function quoted(file: string): string {
  return `'${file.replaceAll("'", `'\\''`)}'`;
}
