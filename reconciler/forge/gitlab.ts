import type {CommitId} from '../../schemas/ids.ts';
import {cut, type Comment, type CommitState, type Forge, type NewChange, type OpenChange} from './forge.ts';
import type {ForgePlace} from './github.ts';
import {ForgeFailed, ForgeHttp} from './http.ts';
import {lookFirst} from './look-first.ts';

const DESCRIPTION_LENGTH_MAX = 255;
const ADVICE = 'a project or personal access token needs the scope api and the role Developer or more in this project';

/** GitLab: https://docs.gitlab.com/api/ (merge requests, notes, commits), version 4. */
export function gitlab({url, repository, token}: ForgePlace): Forge {
  const http = new ForgeHttp({name: 'GitLab', base: `${url}/api/v4`, token, advice: ADVICE, headers: {accept: 'application/json', 'private-token': token}});
  const project = `/projects/${encodeURIComponent(repository)}`;

  const find = async ({branch, into}: Pick<NewChange, 'branch' | 'into'>, signal: AbortSignal) => {
    const [found] = await http.all(`${project}/merge_requests?state=opened&source_branch=${encodeURIComponent(branch)}&target_branch=${encodeURIComponent(into)}&per_page=100`, signal);
    return found === undefined ? undefined : changeOf(found as MergeRequest);
  };

  return {
    name: 'GitLab',
    async whoAmI(signal) {
      return ((await http.ask({method: 'GET', path: '/user'}, signal)).json as {readonly username: string}).username;
    },
    async openChanges(into, signal) {
      return (await http.all(`${project}/merge_requests?state=opened&target_branch=${encodeURIComponent(into)}&order_by=updated_at&sort=desc&per_page=100`, signal)).map((one) => changeOf(one as MergeRequest));
    },
    async propose({branch, into, title, body}, signal) {
      const known = await find({branch, into}, signal);
      if (known === undefined) {
        return lookFirst({
          make: async () => changeOf((await http.ask({method: 'POST', path: `${project}/merge_requests`, body: {source_branch: branch, target_branch: into, title, description: body}}, signal)).json as MergeRequest),
          find: () => find({branch, into}, signal),
        }, signal);
      }
      return changeOf((await http.ask({method: 'PUT', path: `${project}/merge_requests/${known.number}`, body: {title, description: body}}, signal)).json as MergeRequest);
    },
    async comments(change, signal) {
      return (await http.all(`${project}/merge_requests/${change}/notes?sort=asc&order_by=created_at&per_page=100`, signal)).map((one) => commentOf(one as Note));
    },
    async addComment(change, body, signal) {
      await http.ask({method: 'POST', path: `${project}/merge_requests/${change}/notes`, body: {body}}, signal);
    },
    async editComment({change, id}, body, signal) {
      await http.ask({method: 'PUT', path: `${project}/merge_requests/${change}/notes/${id}`, body: {body}}, signal);
    },
    async status(commit, context, signal) {
      const all = await http.all(`${project}/repository/commits/${commit}/statuses?name=${encodeURIComponent(context)}&all=true&per_page=100`, signal) as readonly Status[];
      // They come in no order that is said.
      const found = all.toSorted((a, b) => b.id - a.id)[0];
      return found && {context, state: STATES[found.status] ?? 'failure', description: found.description ?? '', ...(found.target_url !== null && {url: found.target_url})};
    },
    async setStatus(commit, {context, state, description, url: target}, signal) {
      const body = {state: state === 'failure' ? 'failed' : state, name: context, description: cut(description, DESCRIPTION_LENGTH_MAX), ...(target !== undefined && {target_url: target})};
      try {
        await http.ask({method: 'POST', path: `${project}/statuses/${commit}`, body}, signal);
      } catch (error) {
        // It is in that state already, and GitLab has no way to change the words of it (gitlab-org/gitlab-foss#25807).
        if (!(error instanceof ForgeFailed) || error.status !== 400 || !error.message.includes('Cannot transition status')) throw error;
      }
    },
  };
}

const STATES: Readonly<Record<string, CommitState>> = {created: 'pending', pending: 'pending', running: 'pending', success: 'success'};

interface MergeRequest {
  readonly iid: number;
  readonly title: string;
  readonly web_url: string;
  readonly author: {readonly username: string} | null;
  readonly sha: string;
  readonly source_branch: string;
}

interface Note {
  readonly id: number;
  readonly body: string;
  readonly author: {readonly username: string} | null;
}

interface Status {
  readonly id: number;
  readonly status: string;
  readonly description: string | null;
  readonly target_url: string | null;
}

function changeOf({iid, title, web_url: page, author, sha, source_branch: branch}: MergeRequest): OpenChange {
  return {number: iid, title, author: author?.username ?? 'somebody', url: page, head: sha as CommitId, branch, ref: `refs/merge-requests/${iid}/head`};
}

function commentOf({id, body, author}: Note): Comment {
  return {id, body, isByProgram: false, ...(author !== null && {author: author.username})};
}
