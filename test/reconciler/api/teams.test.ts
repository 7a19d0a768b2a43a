import test from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {head} from '../../support/manifests.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const TOKEN = 'right-token';
const BEARER = {authorization: `Bearer ${TOKEN}`};

function subject(t: Parameters<typeof documented>[0]) {
  const view = new FakeView();
  view.repo.files.set('people/ann.yaml', `${head('Person')}name: Ann\nemail: ann@example.com\n`).set('teams/web.yaml', `${head('Team')}members: [ann]\napps: {shop: deployer}\n`);
  const server = documented(t, createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => t.log(message, error)}));
  t.teardown(() => server.close());
  const post = (url: string, payload: object) => server.inject({method: 'POST', url, headers: BEARER, payload});
  return {view, server, post, team: () => view.repo.files.get('teams/web.yaml')};
}

test('teams are listed and shown', async (t) => {
  const {server} = subject(t);
  const web = {name: 'web', members: ['ann'], apps: {shop: 'deployer'}};
  t.deepEqual((await server.inject({url: '/v1/teams', headers: BEARER})).json(), [web]);
  t.deepEqual((await server.inject({url: '/v1/teams/web', headers: BEARER})).json(), web);
  t.is((await server.inject({url: '/v1/teams/ops', headers: BEARER})).statusCode, 404);
  t.is((await server.inject('/v1/teams')).statusCode, 401);
});

test('each change is a commit that says what it is', async (t) => {
  const {post, team, view} = subject(t);
  const messages = [];
  for (const [url, body] of [
    ['/v1/teams', {team: 'ops', members: ['ann'], role: 'admin'}], ['/v1/teams/web/members', {add: ['bob'], remove: ['ann']}], ['/v1/teams/web/roles', {role: 'viewer', apps: {shop: null, blog: 'deployer'}}],
    ['/v1/people/ann/roles', {role: 'maintainer'}], ['/v1/teams/ops/remove', {}],
  ] as const) {
    const {statusCode, body: text} = await post(url, body);
    t.is(statusCode, 200, text);
    messages.push((JSON.parse(text) as {message: string}).message);
  }
  t.deepEqual(messages, ['teams: add ops', 'teams: web: add bob, remove ann', 'teams: web: role viewer, shop=none, blog=deployer', 'people: ann: role maintainer', 'teams: remove ops']);
  t.is(team(), `${head('Team')}members: ["bob"]\nrole: "viewer"\napps:\n  blog: "deployer"\n`);
  t.false(view.repo.files.has('teams/ops.yaml'));
});

test('what makes no sense is refused', async (t) => {
  const {post, team} = subject(t);
  const before = team();
  for (const [url, body, status] of [
    ['/v1/teams', {team: '../x'}, 400], ['/v1/teams', {team: 'web', members: []}, 409], ['/v1/teams', {team: 'new', role: 'boss'}, 400],
    ['/v1/teams/web/members', {}, 400], ['/v1/teams/web/members', {add: ['Not A Name']}, 400], ['/v1/teams/nope/members', {add: ['ann']}, 409],
    ['/v1/teams/web/roles', {}, 400], ['/v1/teams/web/roles', {apps: {shop: 'admin'}}, 400], ['/v1/teams/web/roles', {apps: {'../x': null}}, 400], ['/v1/teams/..%2fpeople%2fann/remove', {}, 400],
  ] as const) {
    const answer = await post(url, body);
    t.is(answer.statusCode, status, `${url} ${JSON.stringify(body)}: ${answer.body}`);
  }
  t.is(team(), before);
});
