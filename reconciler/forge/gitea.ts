import type {Comment, CommitState, Forge, NewChange} from './forge.ts';
import type {ForgePlace} from './github.ts';
import {ForgeHttp} from './http.ts';
import {changeOf, pulls, type Pull} from './pulls.ts';

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
    (await open(into, signal)).find((one) => one.branch === branch && !one.isFromFork)
  );

  return {
    name: 'Gitea',
    ...pulls({http, repo, descriptionLengthMax: DESCRIPTION_LENGTH_MAX, find}),
    openChanges: open,
    async comments(change, signal) {
      // All at once: it has no pages.
      return (await http.all(`${repo}/issues/${change}/comments`, signal) as readonly IssueComment[]).map(commentOf);
    },
    async status(commit, context, signal) {
      const all = await http.all(`${repo}/statuses/${commit}?sort=recentupdate&limit=50`, signal) as readonly Status[];
      const found = all.filter((one) => one.context === context).toSorted((a, b) => b.id - a.id)[0];
      return found && {context, state: STATES[found.status] ?? 'failure', description: found.description, ...(found.target_url !== '' && {url: found.target_url})};
    },
  };
}

const STATES: Readonly<Record<string, CommitState>> = {pending: 'pending', success: 'success'};

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

function commentOf({id, body, user}: IssueComment): Comment {
  return {id, body, isByProgram: user === null, ...(user !== null && {author: user.login})};
}
