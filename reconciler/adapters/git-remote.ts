import {git, GitError, REMOTE_DEADLINE_MS, type GitOptions} from './git.ts';

export interface Remote {
  /** HTTP(S), SSH (`ssh://` or `user@host:path`), or the absolute path of a repository on this disk. */
  readonly url: string;
  /** File that holds a token for HTTP(S). */
  readonly tokenFile?: string;
  /** Whose token it is, where the URL does not say it. Absent: most hosts don't ask. */
  readonly user?: string;
  /** File that holds a private key for SSH. */
  readonly keyFile?: string;
  /** File in which the host keys of SSH servers are kept, from their first use on. */
  readonly knownHosts: string;
}

export type PushOutcome =
  | {readonly result: 'pushed'}
  /** The branch is not where the caller saw it. */
  | {readonly result: 'moved'}
  /** The other side has rules, and said so. */
  | {readonly result: 'refused'; readonly why: string};

/** @throws when the URL is of a kind that is not spoken, or has a secret in it */
export function remoteKind(url: string): 'http' | 'ssh' | 'path' {
  if (/^https?:\/\//.test(url)) {
    if (new URL(url).password !== '') throw new Error('the cluster repository\'s URL has a password in it, which logs would show: put that into a file and name the file with --token-file');
    return 'http';
  }
  if (/^ssh:\/\/[^-]/.test(url) || /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:/.test(url)) return 'ssh';
  if (url.startsWith('/')) return 'path';
  throw new Error(`"${url}" is not the URL of a repository: expected https://…, ssh://…, user@host:path or an absolute path`);
}

/** 40 hex digits of the commit that a branch of the remote is at; undefined when it has no such branch. */
export async function remoteTip(remote: Remote, ref: string, signal: AbortSignal): Promise<string | undefined> {
  const listed = await git(['ls-remote', '--', remote.url, ref], access(remote), signal);
  return /^([0-9a-f]{40})\t/.exec(listed)?.[1];
}

/** Copies a branch of the remote, with all that it needs, to a ref of a bare repository on this disk. */
export async function fetchRef(gitdir: string, {remote, from, to}: {remote: Remote; from: string; to: string}, signal: AbortSignal): Promise<void> {
  const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--', remote.url, `+${from}:${to}`];
  await git(args, {gitdir, ...access(remote)}, signal);
}

/**
 * Moves a branch of the remote, when it still is at `from`. `to` descends from it, so that nothing can be overwritten.
 *
 * @throws {GitError} when the answer was lost or the remote can't be reached: the branch may have moved, ask it
 */
export async function pushCommit(gitdir: string, {remote, ref, from, to}: {remote: Remote; ref: string; from: string; to: string}, signal: AbortSignal): Promise<PushOutcome> {
  // The lease is stricter than a plain push, which would also add to a branch that somebody had turned back.
  const args = ['push', '--porcelain', '--no-verify', '--no-signed', `--force-with-lease=${ref}:${from}`, '--', remote.url, `${to}:${ref}`];
  try {
    await git(args, {gitdir, ...access(remote)}, signal);
    return {result: 'pushed'};
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const verdict = /^!\t[^\t]*\t(.*)$/m.exec(error.stdout)?.[1];
    if (verdict === undefined) throw error;
    if (/^\[rejected\]|failed to update ref|cannot lock ref|reference already exists|incorrect old value/.test(verdict)) return {result: 'moved'};
    const said = [...error.stderr.matchAll(/^remote: (.*)$/gm)].map(([, line = '']) => line.trim()).filter((line) => line !== '');
    return {result: 'refused', why: [verdict, ...said].join('\n')};
  }
}

/** How a remote is reached. Secrets are read by git from their files: they are in no argument, no URL and no environment. */
function access({url, tokenFile, user, keyFile, knownHosts}: Remote): GitOptions {
  const kind = remoteKind(url);
  if (kind === 'http') {
    return {
      configuration: 'machine',
      deadlineMs: REMOTE_DEADLINE_MS,
      // A connection over which nothing comes is given up, http.lowSpeedTime in seconds.
      config: {'http.lowSpeedLimit': '1', 'http.lowSpeedTime': '30', ...tokenConfig(url, tokenFile)},
      ...(tokenFile === undefined ? {} : {env: {FLYNN_GIT_TOKEN_FILE: tokenFile, FLYNN_GIT_USER: decodeURIComponent(new URL(url).username) || (user ?? 'flynn')}}),
    };
  }
  if (kind === 'ssh') {
    const options = ['BatchMode=yes', 'ConnectTimeout=15', 'StrictHostKeyChecking=accept-new', `UserKnownHostsFile=${knownHosts}`, ...(keyFile === undefined ? [] : ['IdentitiesOnly=yes'])];
    const command = ['ssh', ...options.flatMap((option) => ['-o', option]), ...(keyFile === undefined ? [] : ['-i', keyFile])];
    return {configuration: 'machine', deadlineMs: REMOTE_DEADLINE_MS, env: {GIT_SSH_COMMAND: command.map(quoted).join(' ')}};
  }
  return {deadlineMs: REMOTE_DEADLINE_MS};
}

/**
 * A credential helper for this one server (gitcredentials(7)): after a redirect to another host git asks again, and gets nothing.
 * Other helpers of the machine are switched off, so that they don't keep our token.
 */
function tokenConfig(url: string, tokenFile: string | undefined): Record<string, string> {
  if (tokenFile === undefined) return {};
  const helper = '!f() { test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "$FLYNN_GIT_USER" "$(cat -- "$FLYNN_GIT_TOKEN_FILE")"; }; f';
  return {'credential.helper': '', [`credential.${new URL(url).origin}.helper`]: helper};
}

function quoted(word: string): string {
  return `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
