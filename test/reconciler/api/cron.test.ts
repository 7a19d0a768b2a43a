import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {CronStatus} from '../../../reconciler/status/cron.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const HEADERS = {authorization: 'Bearer right-token', 'x-flynn-author': 'Ann <ann@example.com>'};
const NIGHTLY: CronStatus = {name: 'nightly', schedule: '0 3 * * *', timezone: 'UTC', command: ['x'], overlap: 'forbid', isSuspended: false, runs: []};

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.cronList = [NIGHTLY];
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  return {view, server};
}

for (const [method, url] of [
  ['GET', '/v1/apps/shop/cron'], ['POST', '/v1/apps/shop/cron/nightly/runs'], ['GET', '/v1/apps/shop/cron/nightly/runs/20261125-030000/log'], ['POST', '/v1/apps/shop/cron/nightly'],
] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {server, view} = subject(t);
    const answer = await server.inject({method, url, ...(method === 'POST' && {payload: {suspend: true}})});
    t.is(answer.statusCode, 401);
    t.deepEqual([view.started, view.repo.commits], [[], []]);
  });
}

for (const [what, method, url, payload, status, detail] of [
  ['a job that there is not', 'POST', '/v1/apps/shop/cron/nope/runs', {}, 404, /no cron job "nope"/],
  ['an app that there is not', 'GET', '/v1/apps/nope/cron', undefined, 404, /no app "nope"/],
  ['what can\'t name a job', 'POST', '/v1/apps/shop/cron/A_b/runs', {}, 400, /can't name a cron job/],
  ['what can\'t name a run', 'GET', '/v1/apps/shop/cron/nightly/runs/last/log', undefined, 400, /named like 20261125-030000/],
  ['a suspension that is no truth value', 'POST', '/v1/apps/shop/cron/nightly', {suspend: 'yes'}, 400, /true or false/],
] as const) {
  test(`refuses ${what}`, async (t) => {
    const {server, view} = subject(t);
    const answer = await server.inject({method, url, headers: HEADERS, ...(payload !== undefined && {payload})});
    t.is(answer.statusCode, status);
    t.regex(String((answer.json() as {detail: string}).detail), detail);
    t.deepEqual([view.started, view.repo.commits], [[], []]);
  });
}

test('a run out of turn is in the audit log before it is begun', async (t) => {
  const {server, view} = subject(t);
  const answer = await server.inject({method: 'POST', url: '/v1/apps/shop/cron/nightly/runs', headers: HEADERS, payload: {}});
  t.is(answer.statusCode, 202);
  t.deepEqual(view.started, ['shop nightly by Ann']);
  t.like((await view.audit.last(1))[0], {actor: 'Ann <ann@example.com>', action: 'cron run', app: 'shop', subject: 'nightly'});
});
