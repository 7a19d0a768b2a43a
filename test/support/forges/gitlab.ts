import {OPENED_AT, type Asked, type Contract, type ForgeWorld, type Pull, type Reply} from './server.ts';

const text = {type: 'string'};
const body = (required: readonly string[], optional: readonly string[]) => ({type: 'object', required, properties: Object.fromEntries([...required, ...optional].map((name) => [name, text])), additionalProperties: false});
const PAGES = {per_page: {}, page: {}};

/**
 * GitLab's REST API, version 4, from its documents in gitlab-org/gitlab, `doc/api/`: `merge_requests.md`, `notes.md`, `commits.md` (statuses), `users.md`, `rest/_index.md` (pages). What these
 * don't say is from its code: `lib/api/merge_requests.rb` (409, 422), `app/services/ci/create_commit_status_service.rb` (a status that goes on is changed, one that has ended gets a new one beside
 * it; a commit that is on no branch of the project has none). That a status can't be set to what it is already: gitlab-org/gitlab-foss#25807.
 */
export const GITLAB: Contract = {
  base: '/api/v4',
  pages: {size: 'per_page', sizeMax: 100},
  operations: [
    {method: 'GET', path: '/user', query: {}, answers: [200]},
    {method: 'GET', path: '/projects/{id}/merge_requests', query: {state: {enum: ['opened', 'closed', 'locked', 'merged', 'all']}, source_branch: {}, target_branch: {}, order_by: {enum: ['created_at', 'updated_at', 'title', 'priority', 'label_priority', 'milestone_due', 'popularity', 'merged_at']}, sort: {enum: ['asc', 'desc']}, ...PAGES}, answers: [200]},
    {method: 'POST', path: '/projects/{id}/merge_requests', query: {}, body: body(['source_branch', 'target_branch', 'title'], ['description']), answers: [201, 400, 409, 422]},
    {method: 'PUT', path: '/projects/{id}/merge_requests/{iid}', query: {}, body: body([], ['title', 'description', 'target_branch', 'state_event']), answers: [200]},
    {method: 'GET', path: '/projects/{id}/merge_requests/{iid}/notes', query: {sort: {enum: ['asc', 'desc']}, order_by: {enum: ['created_at', 'updated_at']}, ...PAGES}, answers: [200]},
    {method: 'POST', path: '/projects/{id}/merge_requests/{iid}/notes', query: {}, body: body(['body'], []), answers: [201]},
    {method: 'PUT', path: '/projects/{id}/merge_requests/{iid}/notes/{note}', query: {}, body: body(['body'], []), answers: [200]},
    {method: 'GET', path: '/projects/{id}/repository/commits/{sha}/statuses', query: {ref: {}, stage: {}, name: {}, pipeline_id: {}, order_by: {enum: ['id', 'pipeline_id']}, sort: {enum: ['asc', 'desc']}, all: {enum: ['true', 'false']}, ...PAGES}, answers: [200]},
    {method: 'POST', path: '/projects/{id}/statuses/{sha}', query: {}, body: {...body(['state'], ['ref', 'name', 'context', 'target_url', 'description']), properties: {...body([], ['ref', 'name', 'context', 'target_url', 'description']).properties, state: {enum: ['pending', 'running', 'success', 'failed', 'canceled', 'skipped']}}}, answers: [201, 400, 403, 404, 409, 422]},
  ],
  wrongHeaders: (headers) => (headers['private-token'] === undefined && headers.authorization === undefined ? 'neither PRIVATE-TOKEN nor Authorization is there' : undefined),
  token: (headers) => headers['private-token'] as string | undefined,
  handlers: {
    'GET /user': ({world}) => ok({id: 1, username: world.me}),
    'GET /projects/{id}/merge_requests': inProject(({query, world}) => {
      const [source, target] = [query.get('source_branch'), query.get('target_branch')];
      return ok(world.pulls.filter(({branch, base}) => (source === null || source === branch) && (target === null || target === base)).toReversed().map((pull) => mergeRequestOf(pull, world)));
    }),
    'POST /projects/{id}/merge_requests': inProject(({body: asked, world}) => {
      const {source_branch: branch = '', target_branch: base = '', title = '', description = ''} = asked as Readonly<Record<string, string>>;
      const known = world.pulls.find((pull) => pull.branch === branch && pull.base === base && pull.isFromFork !== true);
      if (known !== undefined) return {status: 409, json: {message: [`Another open merge request already exists for this source branch: !${known.number}`]}};
      const pull: Pull = {number: world.nextNumber(), title, body: description, branch, base, sha: '1'.repeat(40), author: world.me ?? ''};
      world.pulls.push(pull);
      return {status: 201, json: mergeRequestOf(pull, world)};
    }),
    'PUT /projects/{id}/merge_requests/{iid}': inProject(({params, body: {title, description}, world}) => {
      const pull = world.pulls.find(({number}) => `${number}` === params['iid']);
      if (pull === undefined) return MISSING;
      Object.assign(pull, {title, body: description});
      return ok(mergeRequestOf(pull, world));
    }),
    'GET /projects/{id}/merge_requests/{iid}/notes': inProject(({params, world}) => ok(world.comments.filter(({change}) => `${change}` === params['iid']).map(noteOf))),
    'POST /projects/{id}/merge_requests/{iid}/notes': inProject(({params, body: {body: said}, world}) => {
      const note = {id: world.id(), change: Number(params['iid']), body: said as string, author: world.me ?? ''};
      world.comments.push(note);
      return {status: 201, json: noteOf(note)};
    }),
    'PUT /projects/{id}/merge_requests/{iid}/notes/{note}': inProject(({params, body: {body: said}, world}) => {
      const note = world.comments.find(({id, change}) => `${id}` === params['note'] && `${change}` === params['iid']);
      if (note === undefined) return MISSING;
      note.body = said as string;
      return ok(noteOf(note));
    }),
    'GET /projects/{id}/repository/commits/{sha}/statuses': inProject(({params, query, world}) => ok(world.statuses.filter(({sha, context}) => sha === params['sha'] && (query.get('name') ?? context) === context).map(({id, context, state, description, url}) => ({id, name: context, status: state, description, target_url: url === '' ? null : url})))),
    'POST /projects/{id}/statuses/{sha}': inProject(({params, body: asked, world}) => {
      const {state = '', name, context: other, description = '', target_url: url = ''} = asked as Readonly<Record<string, string>>;
      const [sha = '', context] = [params['sha'], name ?? other ?? 'default'];
      const long = Object.entries({description, target_url: url}).filter(([, value]) => value.length > 255).map(([field]) => [field, ['is too long (maximum is 255 characters)']]);
      if (long.length > 0) return {status: 400, json: {message: Object.fromEntries(long) as unknown}};
      if (world.pulls.some((pull) => pull.sha === sha && pull.isFromFork === true)) return {status: 404, json: {message: '404 References for commit Not Found'}};
      const going = world.statuses.findIndex((one) => one.sha === sha && one.context === context && (one.state === 'pending' || one.state === 'running'));
      const before = world.statuses[going];
      if (before?.state === state) return {status: 400, json: {message: `Cannot transition status via :enqueue from :${state} (Reason(s): Status cannot transition via "enqueue")`}};
      world.statuses.splice(going === -1 ? world.statuses.length : going, going === -1 ? 0 : 1, {id: before?.id ?? world.id(), sha, context, state, description, url});
      return {status: 201, json: {name: context, status: state}};
    }),
  },
};

const MISSING: Reply = {status: 404, json: {message: '404 Project Not Found'}};

function ok(json: unknown): Reply {
  return {status: 200, json};
}

function inProject(handler: (asked: Asked) => Reply): (asked: Asked) => Reply {
  return (asked) => (asked.params['id'] === asked.world.repository ? handler(asked) : MISSING);
}

function mergeRequestOf(pull: Pull, {url, repository, headOf}: ForgeWorld) {
  const {number, title, branch, base, author, isFromFork = false} = pull;
  return {id: number + 1000, iid: number, title, state: 'opened', created_at: OPENED_AT, source_project_id: isFromFork ? 2 : 1, target_project_id: 1, web_url: `${url}/${repository}/-/merge_requests/${number}`, author: {username: author}, source_branch: branch, target_branch: base, sha: headOf(pull)};
}

function noteOf({id, body: said, author}: ForgeWorld['comments'][number]) {
  return {id, body: said, author: {username: author}, system: false};
}
