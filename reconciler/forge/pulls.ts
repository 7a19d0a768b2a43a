import type {CommitId} from '../../schemas/ids.ts';
import {cut, type Forge, type NewChange, type OpenChange} from './forge.ts';
import {ForgeFailed, type ForgeHttp} from './http.ts';
import {lookFirst} from './look-first.ts';

export interface PullsParts {
  readonly http: ForgeHttp;
  /** `/repos/<owner>/<name>` */
  readonly repo: string;
  readonly descriptionLengthMax: number;
  /** The open pull request from this branch, if there is one. */
  find(between: Pick<NewChange, 'branch' | 'into'>, signal: AbortSignal): Promise<OpenChange | undefined>;
}

/** A pull request as both tell it. */
export interface Pull {
  readonly number: number;
  readonly title: string;
  readonly html_url: string;
  readonly created_at: string;
  readonly user: {readonly login: string} | null;
  readonly head: PullBranch;
  readonly base: PullBranch;
}

interface PullBranch {
  readonly ref: string;
  readonly sha: string;
  /** Null: the fork is gone. */
  readonly repo: {readonly id: number} | null;
}

/** What is the same in GitHub's API and in Gitea's, which was made after it: everything that writes. */
export function pulls({http, repo, descriptionLengthMax, find}: PullsParts): Pick<Forge, 'whoAmI' | 'propose' | 'addComment' | 'editComment' | 'setStatus'> {
  return {
    async whoAmI(signal) {
      try {
        return ((await http.ask({method: 'GET', path: '/user'}, signal)).json as {readonly login: string}).login;
      } catch (error) {
        // Tokens of apps and of CI jobs belong to no user.
        if (error instanceof ForgeFailed && error.status === 403) return undefined;
        throw error;
      }
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
    async addComment(change, body, signal) {
      await http.ask({method: 'POST', path: `${repo}/issues/${change}/comments`, body: {body}}, signal);
    },
    async editComment({id}, body, signal) {
      await http.ask({method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: {body}}, signal);
    },
    async setStatus(commit, {context, state, description, url: target}, signal) {
      await http.ask({method: 'POST', path: `${repo}/statuses/${commit}`, body: {state, context, description: cut(description, descriptionLengthMax), ...(target !== undefined && {target_url: target})}}, signal);
    },
  };
}

export function changeOf({number, title, html_url: page, created_at: openedAt, user, head, base}: Pull): OpenChange {
  return {number, title, author: user?.login ?? 'somebody', url: page, openedAt, head: head.sha as CommitId, branch: head.ref, isFromFork: head.repo?.id !== base.repo?.id, ref: `refs/pull/${number}/head`};
}
