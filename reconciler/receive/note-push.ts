import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {git} from '../adapters/git.ts';
import type {NewAuditEntry} from '../oneshot/oneshot.ts';
import type {GitDeps} from './deps.ts';
import type {Push, RefUpdate} from './push.ts';

/** Commits of a push whose authors are looked at. */
const COMMITS_MAX = 1000;
const AUTHORS_MAX = 5;

/** Writes down what became of a push. It is decided: that it can't be written down does not change it. Pushes by path are of the machine's own users. */
export async function notePush({audit, layout, log}: Pick<GitDeps, 'audit' | 'layout' | 'log'>, {gitdir, principal, from, author}: Pick<Push, 'gitdir' | 'principal' | 'from' | 'author'>, entry: Pick<NewAuditEntry, 'action' | 'subject' | 'commit'>): Promise<void> {
  const app = path.resolve(gitdir) === path.resolve(layout.clusterRepo) ? undefined : path.basename(gitdir, '.git') as AppName;
  const who = {actor: `${author.name} <${author.email}>`, ...(principal !== undefined && {user: principal.user}), ...(principal?.oidc && {oidc: principal.oidc.subject}), ...(from !== undefined && {from})};
  await audit.add({...who, ...entry, ...(app !== undefined && {app})}).catch((error: unknown) => log('a push is not in the audit log', error));
}

/**
 * `main 1a2b3c4d..5e6f7a8b`, and whom else the commits name as their authors: git takes whatever name a commit gives, so that who pushed is known from here
 * alone.
 */
export async function inWords({ref, before, after}: RefUpdate, {gitdir, author}: Pick<Push, 'gitdir' | 'author'>, signal: AbortSignal): Promise<string> {
  const what = `${ref.replace(/^refs\/(heads|tags)\//, '')} ${before === NO_COMMIT ? 'new' : before.slice(0, 8)}..${after === NO_COMMIT ? 'gone' : after.slice(0, 8)}`;
  if (before === NO_COMMIT || after === NO_COMMIT) return what;
  const listed = await git(['log', `--max-count=${COMMITS_MAX}`, '--format=%an <%ae>', `${before}..${after}`, '--'], {gitdir}, signal).catch(() => '');
  const others = [...new Set(listed.split('\n'))].filter((one) => one !== '' && one !== `${author.name} <${author.email}>`);
  const more = others.length > AUTHORS_MAX ? ` and ${others.length - AUTHORS_MAX} more` : '';
  return others.length === 0 ? what : `${what}, with commits of ${others.slice(0, AUTHORS_MAX).join(', ')}${more}`;
}
