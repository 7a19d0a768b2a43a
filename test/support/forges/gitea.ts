import {OPENED_AT, type Asked, type Contract, type ForgeWorld, type Pull, type Reply} from './server.ts';

const text = {type: 'string'};
const body = (names: readonly string[]) => ({type: 'object', properties: Object.fromEntries(names.map((name) => [name, text])), additionalProperties: false});
const PAGES = {limit: {}, page: {}};

/**
 * Gitea's and Forgejo's API, version 1, from Gitea's own document (`/swagger.v1.json`, 1.23, as in the npm package gitea-js), and what that does not say from its source (go-gitea/gitea):
 * `modules/structs/pull.go` (what is required), `routers/api/v1/repo/pull.go`, `issue_comment.go`, `status.go` (what is answered), `services/context/api.go` (errors; links that begin with
 * ROOT_URL, whatever it was asked by).
 */
export const GITEA: Contract = {
  base: '/api/v1',
  pages: {size: 'limit', sizeMax: 50, calledBy: 'https://git.example.test'},
  operations: [
    {method: 'GET', path: '/user', query: {}, answers: [200, 403]},
    {method: 'GET', path: '/repos/{owner}/{repo}/pulls', query: {state: {enum: ['open', 'closed', 'all']}, sort: {enum: ['oldest', 'recentupdate', 'recentclose', 'leastupdate', 'mostcomment', 'leastcomment', 'priority']}, milestone: {}, labels: {}, poster: {}, ...PAGES}, answers: [200]},
    {method: 'POST', path: '/repos/{owner}/{repo}/pulls', query: {}, body: {...body(['title', 'head', 'base', 'body', 'assignee', 'due_date']), required: ['title', 'head', 'base']}, answers: [201, 403, 409, 422, 423]},
    {method: 'PATCH', path: '/repos/{owner}/{repo}/pulls/{index}', query: {}, body: body(['title', 'body', 'base', 'state']), answers: [201, 403, 409, 412, 422]},
    // It has no pages: there is neither `limit` nor `page`.
    {method: 'GET', path: '/repos/{owner}/{repo}/issues/{index}/comments', query: {since: {}, before: {}}, answers: [200]},
    {method: 'POST', path: '/repos/{owner}/{repo}/issues/{index}/comments', query: {}, body: {...body(['body', 'updated_at']), required: ['body']}, answers: [201, 403, 423]},
    {method: 'PATCH', path: '/repos/{owner}/{repo}/issues/comments/{id}', query: {}, body: {...body(['body', 'updated_at']), required: ['body']}, answers: [200, 204, 403]},
    {method: 'GET', path: '/repos/{owner}/{repo}/statuses/{sha}', query: {sort: {enum: ['oldest', 'recentupdate', 'leastupdate', 'leastindex', 'highestindex']}, state: {enum: ['pending', 'success', 'error', 'failure', 'warning']}, ...PAGES}, answers: [200, 400]},
    {method: 'POST', path: '/repos/{owner}/{repo}/statuses/{sha}', query: {}, body: {...body(['context', 'description', 'target_url']), properties: {...body(['context', 'description', 'target_url']).properties, state: {enum: ['pending', 'success', 'error', 'failure', 'warning']}}}, answers: [201, 400]},
  ],
  wrongHeaders: (headers) => (/^(token|Bearer) \S+$/.test(headers.authorization ?? '') ? undefined : 'Authorization has to be "token …"'),
  token: (headers) => /^token (.+)$/.exec(headers.authorization ?? '')?.[1],
  handlers: {
    'GET /user': ({world: {me}}) => (me === undefined ? {status: 403, json: {message: 'token does not have at least one of required scope(s): [read:user]'}} : ok({id: 1, login: me})),
    'GET /repos/{owner}/{repo}/pulls': inRepo(({world}) => ok(world.pulls.toReversed().map((pull) => pullOf(pull, world)))),
    'POST /repos/{owner}/{repo}/pulls': inRepo(({body: asked, world}) => {
      const {title = '', head = '', base = '', body: said = ''} = asked as Readonly<Record<string, string>>;
      if (head === base) return {status: 422, json: {message: 'Invalid PullRequest: There are no changes between the head and the base', url: ''}};
      const known = world.pulls.find((pull) => pull.branch === head && pull.base === base && pull.isFromFork !== true);
      if (known !== undefined) return {status: 409, json: {message: `pull request already exists for these targets [id: ${known.number}, issue_id: ${known.number}, head_repo_id: 1, base_repo_id: 1, head_branch: ${head}, base_branch: ${base}]`}};
      const pull: Pull = {number: world.nextNumber(), title, body: said, branch: head, base, sha: '1'.repeat(40), author: world.me ?? ''};
      world.pulls.push(pull);
      return {status: 201, json: pullOf(pull, world)};
    }),
    'PATCH /repos/{owner}/{repo}/pulls/{index}': inRepo(({params, body: asked, world}) => {
      const pull = world.pulls.find(({number}) => `${number}` === params['index']);
      if (pull === undefined) return MISSING;
      Object.assign(pull, asked);
      return {status: 201, json: pullOf(pull, world)};
    }),
    'GET /repos/{owner}/{repo}/issues/{index}/comments': inRepo(({params, world}) => ok(world.comments.filter(({change}) => `${change}` === params['index']).map(commentOf))),
    'POST /repos/{owner}/{repo}/issues/{index}/comments': inRepo(({params, body: asked, world}) => {
      const comment = {id: world.id(), change: Number(params['index']), body: asked['body'] as string, author: world.me ?? ''};
      world.comments.push(comment);
      return {status: 201, json: commentOf(comment)};
    }),
    'PATCH /repos/{owner}/{repo}/issues/comments/{id}': inRepo(({params, body: asked, world}) => {
      const comment = world.comments.find(({id}) => `${id}` === params['id']);
      if (comment === undefined) return MISSING;
      comment.body = asked['body'] as string;
      return ok(commentOf(comment));
    }),
    'GET /repos/{owner}/{repo}/statuses/{sha}': inRepo(({params, world}) => ok(world.statuses.filter(({sha}) => sha === params['sha']).toReversed().map(({id, context, state, description, url}) => ({id, context, status: state, description, target_url: url})))),
    'POST /repos/{owner}/{repo}/statuses/{sha}': inRepo(({params, body: asked, world}) => {
      const {state = '', context = '', description = '', target_url: url = ''} = asked as Readonly<Record<string, string>>;
      world.statuses.push({id: world.id(), sha: params['sha'] ?? '', context, state, description, url});
      return {status: 201, json: {context, status: state}};
    }),
  },
};

const MISSING: Reply = {status: 404, json: {message: "The target couldn't be found."}};

function ok(json: unknown): Reply {
  return {status: 200, json};
}

function inRepo(handler: (asked: Asked) => Reply): (asked: Asked) => Reply {
  return (asked) => (`${asked.params['owner']}/${asked.params['repo']}` === asked.world.repository ? handler(asked) : MISSING);
}

function pullOf(pull: Pull, {url, repository, headOf}: ForgeWorld) {
  const {number, title, branch, base, author, isFromFork = false} = pull;
  const [from, into] = [isFromFork ? 2 : 1, 1];
  return {number, title, state: 'open', created_at: OPENED_AT, html_url: `${url}/${repository}/pulls/${number}`, user: {login: author}, head: {ref: branch, sha: headOf(pull), repo_id: from, repo: {id: from}}, base: {ref: base, sha: '0'.repeat(40), repo_id: into, repo: {id: into}}};
}

function commentOf({id, body: said, author}: ForgeWorld['comments'][number]) {
  return {id, body: said, user: {login: author}};
}
