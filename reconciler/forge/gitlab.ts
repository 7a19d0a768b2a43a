import type {CommitId} from '../../schemas/ids.ts';
import {cut, type Comment, type CommitState, type Forge, type NewChange, type OpenChange} from './forge.ts';
import type {ForgePlace} from './github.ts';
import {ForgeFailed, ForgeHttp} from './http.ts';
import {lookFirst} from './look-first.ts';

/** Of a description, and of an address. */
const TEXT_LENGTH_MAX = 255;
const ADVICE = 'a project or personal access token needs the scope api and the role Developer or more in this project';

/** GitLab, version 4: https://docs.gitlab.com/api/ (merge requests, notes, commits), and GitLab's own code where these say nothing (`Ci::CreateCommitStatusService`). */
export function gitlab({url, repository, token}: ForgePlace): Forge {
  const http = new ForgeHttp({name: 'GitLab', base: `${url}/api/v4`, token, advice: ADVICE, headers: {accept: 'application/json', 'private-token': token}});
  const project = `/projects/${encodeURIComponent(repository)}`;

  const find = async ({branch, into}: Pick<NewChange, 'branch' | 'into'>, signal: AbortSignal) => {
    const all = await http.all(`${project}/merge_requests?state=opened&source_branch=${encodeURIComponent(branch)}&target_branch=${encodeURIComponent(into)}&per_page=100`, signal);
    // A fork may have a branch of the same name.
    return all.map((one) => changeOf(one as MergeRequest)).find(({isFromFork}) => !isFromFork);
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
      const body = {state: state === 'failure' ? 'failed' : state, name: context, description: cut(description, TEXT_LENGTH_MAX), ...(target !== undefined && target.length <= TEXT_LENGTH_MAX && {target_url: target})};
      try {
        await http.ask({method: 'POST', path: `${project}/statuses/${commit}`, body}, signal);
      } catch (error) {
        if (!(error instanceof ForgeFailed) || !isAsGoodAsDone(error)) throw error;
      }
    },
  };
}

/** What asking again would not change. */
function isAsGoodAsDone({status, said}: ForgeFailed): boolean {
  // It is in that state already, and there is no way to change the words of it (gitlab-org/gitlab-foss#25807).
  if (status === 400 && said.includes('Cannot transition status')) return true;
  // A fork's: no branch of this project has the commit, and a status needs one.
  return status === 404 && said.includes('References for commit');
}

const STATES: Readonly<Record<string, CommitState>> = {created: 'pending', pending: 'pending', running: 'pending', success: 'success'};

interface MergeRequest {
  readonly iid: number;
  readonly title: string;
  readonly web_url: string;
  readonly created_at: string;
  readonly source_project_id: number;
  readonly target_project_id: number;
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

function changeOf({iid, title, web_url: page, created_at: openedAt, author, sha, source_branch: branch, source_project_id: from, target_project_id: into}: MergeRequest): OpenChange {
  return {number: iid, title, author: author?.username ?? 'somebody', url: page, openedAt, head: sha as CommitId, branch, isFromFork: from !== into, ref: `refs/merge-requests/${iid}/head`};
}

function commentOf({id, body, author}: Note): Comment {
  return {id, body, isByProgram: false, ...(author !== null && {author: author.username})};
}
