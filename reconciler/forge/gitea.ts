import type {CommitId} from '../../schemas/ids.ts';
import {cut, type Comment, type CommitState, type Forge, type NewChange, type OpenChange} from './forge.ts';
import type {ForgePlace} from './github.ts';
import {ForgeFailed, ForgeHttp} from './http.ts';
import {lookFirst} from './look-first.ts';

/** It has no limit of its own; GitHub's is what pages are made for. */
const DESCRIPTION_LENGTH_MAX = 255;
const ADVICE = 'the token needs the scopes write:repository, write:issue and read:user, and its owner the right to write to this repository';

/** Gitea and Forgejo: `<url>/api/swagger`, version 1. */
export function gitea({url, repository, token}: ForgePlace): Forge {
  const http = new ForgeHttp({name: 'Gitea', base: `${url}/api/v1`, token, advice: ADVICE, headers: {accept: 'application/json', authorization: `token ${token}`}});
  const repo = `/repos/${repository}`;

  const open = async (into: string, signal: AbortSignal) => (
    (await http.all(`${repo}/pulls?state=open&sort=recentupdate&limit=50`, signal) as readonly Pull[]).filter(({base}) => base.ref === into).map(changeOf)
  );
  // There is a call for it by base and head, but a branch with a slash in its name is no segment of a path.
  const find = async ({branch, into}: Pick<NewChange, 'branch' | 'into'>, signal: AbortSignal) => (
    (await http.all(`${repo}/pulls?state=open&sort=recentupdate&limit=50`, signal) as readonly Pull[])
      .filter(({base, head}) => base.ref === into && head.ref === branch && head.repo_id === base.repo_id).map(changeOf)[0]
  );

  return {
    name: 'Gitea',
    async whoAmI(signal) {
      try {
        return ((await http.ask({method: 'GET', path: '/user'}, signal)).json as {readonly login: string}).login;
      } catch (error) {
        // Tokens of CI jobs belong to no user.
        if (error instanceof ForgeFailed && error.status === 403) return undefined;
        throw error;
      }
    },
    openChanges: open,
    async propose({branch, into, title, body}, signal) {
      const known = await find({branch, into}, signal);
      if (known === undefined) {
        return lookFirst({
          make: async () => changeOf((await http.ask({method: 'POST', path: `${repo}/pulls`, body: {title, head: branch, base: into, body}}, signal)).json as Pull),
          find: () => find({branch, into}, signal),
        }, signal);
      }
      return changeOf((await http.ask({method: 'PATCH', path: `${repo}/pulls/${known.number}`, body: {title, body}}, signal)).json as Pull);
    },
    async comments(change, signal) {
      // All at once: it has no pages.
      return (await http.all(`${repo}/issues/${change}/comments`, signal) as readonly IssueComment[]).map(commentOf);
    },
    async addComment(change, body, signal) {
      await http.ask({method: 'POST', path: `${repo}/issues/${change}/comments`, body: {body}}, signal);
    },
    async editComment({id}, body, signal) {
      await http.ask({method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: {body}}, signal);
    },
    async status(commit, context, signal) {
      const all = await http.all(`${repo}/statuses/${commit}?sort=recentupdate&limit=50`, signal) as readonly Status[];
      const found = all.filter((one) => one.context === context).toSorted((a, b) => b.id - a.id)[0];
      return found && {context, state: STATES[found.status] ?? 'failure', description: found.description, ...(found.target_url !== '' && {url: found.target_url})};
    },
    async setStatus(commit, {context, state, description, url: target}, signal) {
      await http.ask({method: 'POST', path: `${repo}/statuses/${commit}`, body: {state, context, description: cut(description, DESCRIPTION_LENGTH_MAX), ...(target !== undefined && {target_url: target})}}, signal);
    },
  };
}

const STATES: Readonly<Record<string, CommitState>> = {pending: 'pending', success: 'success'};

interface Branch {
  readonly ref: string;
  readonly sha: string;
  readonly repo_id: number;
}

interface Pull {
  readonly number: number;
  readonly title: string;
  readonly html_url: string;
  readonly user: {readonly login: string} | null;
  readonly head: Branch;
  readonly base: Branch;
}

interface IssueComment {
  readonly id: number;
  readonly body: string;
  readonly user: {readonly login: string} | null;
}

interface Status {
  readonly id: number;
  readonly context: string;
  readonly status: string;
  readonly description: string;
  readonly target_url: string;
}

function changeOf({number, title, html_url: page, user, head}: Pull): OpenChange {
  return {number, title, author: user?.login ?? 'somebody', url: page, head: head.sha as CommitId, branch: head.ref, ref: `refs/pull/${number}/head`};
}

function commentOf({id, body, user}: IssueComment): Comment {
  return {id, body, isByProgram: user === null, ...(user !== null && {author: user.login})};
}
