import test, {type ExecutionContext} from 'ava';
import {mayDo} from '../../../reconciler/access/access.ts';
import type {Principal} from '../../../reconciler/api/authenticate.ts';
import {Logins} from '../../../reconciler/api/logins.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {Role} from '../../../schemas/roles.ts';
import {head} from '../../support/manifests.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

/** Tokens are roles for the app `shop`. */
function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('cluster.yaml', `${head('Cluster')}name: home\ndomain: flynn.test\nreview: {paths: ["apps/shop/app.yaml"]}\n`).set('apps/shop/app.yaml', `${head('App')}services:\n  web:\n    replicas: 1\n`);
  const authenticate = ({authorization = ''}: {authorization?: string | undefined}): Principal | undefined => {
    const role = authorization.replace('Bearer ', '') as Role;
    return {user: role, name: role, email: `${role}@example.com`, may: (right, of) => mayDo({cluster: undefined, apps: new Map([['shop', role]])}, right, of)};
  };
  const server = documented(t, createServer({view, authenticate, logins: new Logins({authenticate, audit: view.audit, settings: view.settings}), log: () => {}}));
  t.teardown(() => server.close());
  return {view, async ask(role: Role, line: string, payload?: object, propose?: string) {
    const [method, url = ''] = line.split(' ') as ['GET' | 'POST' | 'PATCH', string];
    const answer = await server.inject({method, url, headers: {authorization: `Bearer ${role}`, ...(propose !== undefined && {'x-flynn-propose': encodeURIComponent(propose)})}, ...(payload !== undefined && {payload})});
    return {status: answer.statusCode, body: answer.json<Record<string, unknown>>()};
  }};
}

test('what is proposed is no commit of main, and takes the right to propose only', async (t) => {
  const {ask, view} = subject(t);
  const refused = await ask('maintainer', 'POST /v1/apps/shop/env', {set: {A: 'b'}});
  t.is(refused.status, 409);
  t.is(refused.body['detail'], 'apps/shop/app.yaml takes a review: propose it instead, with --propose');
  const proposed = await ask('deployer', 'POST /v1/apps/shop/env', {set: {A: 'b'}}, 'Set Ä');
  t.is(proposed.status, 202);
  t.is((proposed.body['proposal'] as {number: number}).number, 1);
  t.deepEqual(view.proposals.asked, ['deployer proposes Set Ä\n\nshop: set env A']);
  t.deepEqual(view.repo.commits, []);
  t.is((await ask('viewer', 'POST /v1/apps/shop/env', {set: {A: 'b'}}, '')).status, 403);
});

test('what is done at once can\'t be proposed, whoever asks', async (t) => {
  const {ask} = subject(t);
  for (const line of ['POST /v1/apps/shop/restart', 'POST /v1/apps/shop/replicas/web.1/kill', 'POST /v1/secrets/rotate', 'GET /v1/audit', 'POST /v1/proposals/1/merge']) {
    const {status, body} = await ask('maintainer', line, line.startsWith('GET') ? undefined : {}, '');
    t.is(status, 400, line);
    t.regex(String(body['detail']), /can't be proposed/);
  }
  t.is((await ask('deployer', 'POST /v1/apps/shop/run', {command: ['env']}, '')).status, 400);
});

test('what is somebody\'s own can be proposed by him, where people/ takes a review, and what is of another by an admin only', async (t) => {
  const {ask, view} = subject(t);
  const hash = `sha256:${'1'.repeat(64)}`;
  t.is((await ask('viewer', 'POST /v1/people/viewer/tokens', {name: 'laptop', hash}, '')).status, 202);
  t.is((await ask('viewer', 'POST /v1/people/viewer/tokens/laptop/remove', {}, '')).status, 202);
  t.is((await ask('viewer', 'POST /v1/people/maintainer/tokens', {name: 'laptop', hash}, '')).status, 403);
  t.is((await ask('viewer', 'PATCH /v1/nodes/vm', {cordon: true}, '')).status, 403);
  t.deepEqual(view.proposals.asked, ['viewer proposes people: add the token laptop of viewer', 'viewer proposes people: remove the token laptop of viewer']);
});

test('a service whose image would be deployed takes the right to do that, also when it is proposed', async (t) => {
  const {ask} = subject(t);
  t.is((await ask('deployer', 'POST /v1/apps/shop/services', {name: 'api', image: 'nginx'}, '')).status, 403);
});

test('proposals are decided with what was seen, and it is written down', async (t) => {
  const {ask, view} = subject(t);
  t.is((await ask('viewer', 'GET /v1/proposals')).status, 200);
  t.is((await ask('viewer', 'GET /v1/proposals/7')).status, 404);
  t.is((await ask('viewer', 'POST /v1/proposals/1/approve', {})).status, 403);
  t.is((await ask('maintainer', 'POST /v1/proposals/1/approve', {comment: 'fine\u0007', seen: 'as-it-is'})).status, 200);
  t.is((await ask('deployer', 'POST /v1/proposals/1/merge', {seen: 'as-it-is'})).status, 200);
  t.is((await ask('viewer', 'POST /v1/proposals/1/comments', {comment: 'hm'})).status, 403);
  t.is((await ask('deployer', 'POST /v1/proposals/1/comments', {comment: ' '})).status, 400);
  t.is((await ask('deployer', 'POST /v1/proposals/1/comments', {comment: 'why 3?'})).status, 200);
  t.is((await ask('deployer', 'POST /v1/proposals/1/close', {comment: 'no'})).status, 200);
  t.deepEqual(view.proposals.asked, ['maintainer approves #1 as as-it-is: fine', 'deployer merges #1 as as-it-is', 'deployer says of #1: why 3?', 'deployer closes #1: no']);
  t.deepEqual((await view.audit.last(10)).map(({action}) => action).filter((action) => action !== 'refused'), ['approve', 'merge', 'comment', 'close']);
});
