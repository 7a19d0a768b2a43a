import type {CommitId} from '../../schemas/ids.ts';
import {cut, type Comment, type CommitState, type CommitStatus, type Forge, type NewChange, type OpenChange} from './forge.ts';
import {ForgeFailed, ForgeHttp} from './http.ts';
import {lookFirst} from './look-first.ts';

/** https://docs.github.com/en/rest/about-the-rest-api/api-versions */
const API_VERSION = '2022-11-28';
const DESCRIPTION_LENGTH_MAX = 140;
const ADVICE = 'a fine-grained token needs Contents, Pull requests and Commit statuses: read and write, for this repository; a classic one the scope repo';

export interface ForgePlace {
  /** Of the site, without a slash at its end. */
  readonly url: string;
  readonly repository: string;
  readonly token: string;
}

/** GitHub, GitHub Enterprise Server: https://docs.github.com/en/rest, version 2022-11-28. */
export function github({url, repository, token}: ForgePlace): Forge {
  const http = new ForgeHttp({
    name: 'GitHub', base: url === 'https://github.com' ? 'https://api.github.com' : `${url}/api/v3`, token, advice: ADVICE,
    headers: {accept: 'application/vnd.github+json', authorization: `Bearer ${token}`, 'x-github-api-version': API_VERSION},
  });
  const repo = `/repos/${repository}`;
  const [owner = ''] = repository.split('/');

  const find = async ({branch, into}: Pick<NewChange, 'branch' | 'into'>, signal: AbortSignal) => {
    const [found] = await http.all(`${repo}/pulls?state=open&head=${encodeURIComponent(`${owner}:${branch}`)}&base=${encodeURIComponent(into)}&per_page=100`, signal);
    return found === undefined ? undefined : changeOf(found as Pull);
  };

  return {
    name: 'GitHub',
    async whoAmI(signal) {
      try {
        return ((await http.ask({method: 'GET', path: '/user'}, signal)).json as {readonly login: string}).login;
      } catch (error) {
        // Tokens of apps and of CI jobs belong to no user.
        if (error instanceof ForgeFailed && error.status === 403) return undefined;
        throw error;
      }
    },
    async openChanges(into, signal) {
      return (await http.all(`${repo}/pulls?state=open&base=${encodeURIComponent(into)}&sort=updated&direction=desc&per_page=100`, signal)).map((pull) => changeOf(pull as Pull));
    },
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
      return (await http.all(`${repo}/issues/${change}/comments?per_page=100`, signal)).map((one) => commentOf(one as IssueComment));
    },
    async addComment(change, body, signal) {
      await http.ask({method: 'POST', path: `${repo}/issues/${change}/comments`, body: {body}}, signal);
    },
    async editComment({id}, body, signal) {
      await http.ask({method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: {body}}, signal);
    },
    async status(commit, context, signal) {
      // Newest first, of all contexts.
      const {json} = await http.ask({method: 'GET', path: `${repo}/commits/${commit}/statuses?per_page=100`}, signal);
      const found = (json as readonly Status[]).find((one) => one.context === context);
      return found && {context, state: STATES[found.state] ?? 'failure', description: found.description ?? '', ...(found.target_url !== null && {url: found.target_url})};
    },
    async setStatus(commit, {context, state, description, url: target}, signal) {
      await http.ask({method: 'POST', path: `${repo}/statuses/${commit}`, body: {state, context, description: cut(description, DESCRIPTION_LENGTH_MAX), ...(target !== undefined && {target_url: target})}}, signal);
    },
  };
}

const STATES: Readonly<Record<string, CommitState>> = {pending: 'pending', success: 'success', failure: 'failure', error: 'failure'};

interface Pull {
  readonly number: number;
  readonly title: string;
  readonly html_url: string;
  readonly user: {readonly login: string} | null;
  readonly head: {readonly ref: string; readonly sha: string};
}

interface IssueComment {
  readonly id: number;
  readonly body?: string;
  readonly user: {readonly login: string; readonly type: string} | null;
}

type Status = Pick<CommitStatus, 'context'> & {readonly state: string; readonly description: string | null; readonly target_url: string | null};

function changeOf({number, title, html_url: page, user, head}: Pull): OpenChange {
  return {number, title, author: user?.login ?? 'somebody', url: page, head: head.sha as CommitId, branch: head.ref, ref: `refs/pull/${number}/head`};
}

function commentOf({id, body = '', user}: IssueComment): Comment {
  return {id, body, isByProgram: user?.type === 'Bot', ...(user !== null && {author: user.login})};
}
