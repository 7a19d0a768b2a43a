import operations from './github-operations.json' with {type: 'json'};
import {OPENED_AT, type Asked, type Contract, type ForgeWorld, type Operation, type Pull, type Reply} from './server.ts';

/**
 * GitHub's REST API, version 2022-11-28. What its calls take is from GitHub's own OpenAPI document (`github-operations.json`); what they answer, and the words of
 * its refusals, from https://docs.github.com/en/rest.
 */
export const GITHUB: Contract = {
  base: '/api/v3',
  operations: operations.operations as unknown as readonly Operation[],
  pages: {size: 'per_page', sizeMax: 100},
  wrongHeaders(headers) {
    if (headers['user-agent'] === undefined) return 'requests without a user agent are refused';
    if (headers.accept !== 'application/vnd.github+json') return 'the media type application/vnd.github+json is recommended';
    return headers['x-github-api-version'] === '2022-11-28' ? undefined : 'the version of the API is not said';
  },
  token: (headers) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
  handlers: {
    'GET /user': ({world: {me}}) => (me === undefined ? {status: 403, json: {message: 'Resource not accessible by integration'}} : ok({login: me, type: 'User'})),
    'GET /repos/{owner}/{repo}/pulls': inRepo(({query, world}) => {
      const [head, base] = [query.get('head'), query.get('base')];
      return ok(world.pulls.filter((pull) => (head === null || (head === `team:${pull.branch}` && pull.isFromFork !== true)) && (base === null || base === pull.base)).toReversed().map((pull) => pullOf(pull, world)));
    }),
    'POST /repos/{owner}/{repo}/pulls': inRepo(({body, world}) => {
      const {title, head, base, body: text = ''} = body as Readonly<Record<string, string>>;
      if (title === undefined) return invalid({code: 'missing_field', field: 'title', resource: 'PullRequest'});
      if (world.pulls.some((pull) => pull.branch === head && pull.isFromFork !== true)) return invalid({code: 'custom', resource: 'PullRequest', message: `A pull request already exists for team:${head}.`});
      const pull: Pull = {number: world.nextNumber(), title, body: text, branch: head ?? '', base: base ?? '', sha: '1'.repeat(40), author: world.me ?? 'app'};
      world.pulls.push(pull);
      return {status: 201, json: pullOf(pull, world)};
    }),
    'PATCH /repos/{owner}/{repo}/pulls/{pull_number}': inRepo(({params, body, world}) => {
      const pull = world.pulls.find(({number}) => `${number}` === params['pull_number']);
      if (pull === undefined) return MISSING;
      Object.assign(pull, body);
      return ok(pullOf(pull, world));
    }),
    'GET /repos/{owner}/{repo}/issues/{issue_number}/comments': inRepo(({params, world}) => ok(world.comments.filter(({change}) => `${change}` === params['issue_number']).map(commentOf))),
    'POST /repos/{owner}/{repo}/issues/{issue_number}/comments': inRepo(({params, body, world}) => {
      const comment = {id: world.id(), change: Number(params['issue_number']), body: body['body'] as string, author: world.me ?? 'app[bot]'};
      if (comment.body.length > 65_536) return invalid({code: 'unprocessable', field: 'data', message: 'Body is too long (maximum is 65536 characters)'});
      world.comments.push(comment);
      return {status: 201, json: commentOf(comment)};
    }),
    'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}': inRepo(({params, body, world}) => {
      const comment = world.comments.find(({id}) => `${id}` === params['comment_id']);
      if (comment === undefined) return MISSING;
      comment.body = body['body'] as string;
      return ok(commentOf(comment));
    }),
    'GET /repos/{owner}/{repo}/commits/{ref}/statuses': inRepo(({params, world}) => ok(world.statuses.filter(({sha}) => sha === params['ref']).toReversed().map(({id, context, state, description, url}) => ({id, context, state, description, target_url: url === '' ? null : url})))),
    'POST /repos/{owner}/{repo}/statuses/{sha}': inRepo(({params, body, world}) => {
      const {state = '', context = 'default', description = '', target_url: url = ''} = body as Readonly<Record<string, string>>;
      if (description.length > 140) return {status: 201, json: undefined};
      world.statuses.push({id: world.id(), sha: params['sha'] ?? '', context, state, description, url});
      return {status: 201, json: {context, state}};
    }),
  },
};

const MISSING: Reply = {status: 404, json: {message: 'Not Found'}};

function ok(json: unknown): Reply {
  return {status: 200, json};
}

function invalid(error: object): Reply {
  return {status: 422, json: {message: 'Validation Failed', errors: [error], documentation_url: 'https://docs.github.com/rest'}};
}

function inRepo(handler: (asked: Asked) => Reply): (asked: Asked) => Reply {
  return (asked) => (`${asked.params['owner']}/${asked.params['repo']}` === asked.world.repository ? handler(asked) : MISSING);
}

function pullOf(pull: Pull, {url, repository, headOf}: ForgeWorld) {
  const {number, title, branch, base, author, isFromFork = false} = pull;
  return {number, title, state: 'open', created_at: OPENED_AT, html_url: `${url}/${repository}/pull/${number}`, user: {login: author, type: 'User'}, head: {ref: branch, sha: headOf(pull), label: `team:${branch}`, repo: isFromFork ? null : {id: 1}}, base: {ref: base, sha: '0'.repeat(40), repo: {id: 1}}};
}

function commentOf({id, body, author}: ForgeWorld['comments'][number]) {
  return {id, body, user: {login: author, type: author.endsWith('[bot]') ? 'Bot' : 'User'}};
}
