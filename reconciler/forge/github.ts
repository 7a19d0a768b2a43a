import type {Comment, CommitState, CommitStatus, Forge, NewChange} from './forge.ts';
import {ForgeHttp} from './http.ts';
import {changeOf, pulls, type Pull} from './pulls.ts';

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
    ...pulls({http, repo, descriptionLengthMax: DESCRIPTION_LENGTH_MAX, find}),
    async openChanges(into, signal) {
      return (await http.all(`${repo}/pulls?state=open&base=${encodeURIComponent(into)}&sort=updated&direction=desc&per_page=100`, signal)).map((pull) => changeOf(pull as Pull));
    },
    async comments(change, signal) {
      return (await http.all(`${repo}/issues/${change}/comments?per_page=100`, signal)).map((one) => commentOf(one as IssueComment));
    },
    async status(commit, context, signal) {
      // Newest first, of all contexts.
      const {json} = await http.ask({method: 'GET', path: `${repo}/commits/${commit}/statuses?per_page=100`}, signal);
      const found = (json as readonly Status[]).find((one) => one.context === context);
      return found && {context, state: STATES[found.state] ?? 'failure', description: found.description ?? '', ...(found.target_url !== null && {url: found.target_url})};
    },
  };
}

const STATES: Readonly<Record<string, CommitState>> = {pending: 'pending', success: 'success', failure: 'failure', error: 'failure'};

interface IssueComment {
  readonly id: number;
  readonly body?: string;
  readonly user: {readonly login: string; readonly type: string} | null;
}

type Status = Pick<CommitStatus, 'context'> & {readonly state: string; readonly description: string | null; readonly target_url: string | null};

function commentOf({id, body = '', user}: IssueComment): Comment {
  return {id, body, isByProgram: user?.type === 'Bot', ...(user !== null && {author: user.login})};
}
