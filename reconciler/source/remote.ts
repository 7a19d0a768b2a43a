import {randomBytes} from 'node:crypto';
import {rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';
import {fetchRef, remoteTip, type Remote} from '../adapters/git-remote.ts';
import type {Author} from '../checkout/snapshot.ts';
import type {FollowedSource} from '../desired/state.ts';

/** Where what is followed is kept in the app's repository. */
const HEAD_REF = 'refs/flynn/source/head';

export interface RemoteParts {
  /** For files that hold a token while git reads it; 0700. */
  readonly run: string;
  openSecret(sealed: string): Promise<string>;
}

/** The commit that the branch is at; undefined: there is no such branch. */
export async function tipOf(source: FollowedSource, parts: RemoteParts, signal: AbortSignal): Promise<CommitId | undefined> {
  // Git prints 40 hex digits.
  return withRemote(source, parts, (remote) => remoteTip(remote, refOf(source), signal)) as Promise<CommitId | undefined>;
}

/** Brings the branch into a bare repository. Resolves to the commit that it was at, and to who made that. */
export async function fetchSource(gitdir: string, {source, parts}: {readonly source: FollowedSource; readonly parts: RemoteParts}, signal: AbortSignal): Promise<{readonly commit: CommitId; readonly author: Author}> {
  await withRemote(source, parts, (remote) => fetchRef(gitdir, {remote, from: refOf(source), to: HEAD_REF}, signal));
  const said = await git(['log', '-1', '--format=%H%n%an%n%ae', HEAD_REF], {gitdir}, signal);
  const [commit = '', name = '', email = ''] = said.split('\n');
  return {commit: commit as CommitId, author: {name: name.trim() === '' ? 'source' : name, email}};
}

function refOf({branch}: FollowedSource): string {
  return `refs/heads/${branch}`;
}

/** Git reads a token from a file: so it is in no argument, no URL and no environment. */
async function withRemote<Value>({git: url, sealedToken}: FollowedSource, {run, openSecret}: RemoteParts, ask: (remote: Remote) => Promise<Value>): Promise<Value> {
  const knownHosts = '/dev/null';
  if (sealedToken === undefined) return ask({url, knownHosts});
  const [, user, token = ''] = /^(?:([^:\s]*):)?(.*)$/s.exec((await openSecret(sealedToken)).trim()) ?? [];
  const tokenFile = path.join(run, `source-${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(tokenFile, token, {mode: 0o600, flag: 'wx'});
    return await ask({url, tokenFile, knownHosts, ...(user !== undefined && user !== '' && {user})});
  } finally {
    await rm(tokenFile, {force: true});
  }
}
