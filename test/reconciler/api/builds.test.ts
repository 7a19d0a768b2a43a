import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {ListedBuild} from '../../../reconciler/builds/builds.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {documented} from './documented.ts';
import {app, COMMIT, FakeView, NOW} from './fake-view.ts';

const HEADERS = {authorization: 'Bearer right-token', 'x-flynn-author': 'Ann Lee <ann@example.com>'};
const BUILD: ListedBuild = {app: 'shop' as AppName, number: 12, commit: COMMIT, branch: 'main', by: 'Bob', origin: 'push', state: 'running', queuedAt: NOW, startedAt: NOW};

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.builds.records = [BUILD];
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: (message, error) => t.log(message, error)});
  t.teardown(() => server.close());
  documented(t, server);
  const post = (url: string, payload: object = {}) => server.inject({method: 'POST', url, payload, headers: HEADERS});
  const get = (url: string) => server.inject({url, headers: HEADERS});
  return {view, server, post, get};
}

for (const [method, url] of [
  ['GET', '/v1/apps/shop/builds'], ['GET', '/v1/apps/shop/builds/12'], ['GET', '/v1/apps/shop/builds/12/log'], ['GET', '/v1/apps/shop/build-cache'],
  ['POST', '/v1/apps/shop/builds'], ['POST', '/v1/apps/shop/builds/12/cancel'], ['POST', '/v1/apps/shop/build-cache/purge'],
] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {server, view} = subject(t);
    t.is((await server.inject({method, url, ...(method === 'POST' ? {payload: {branch: 'main'}} : {})})).statusCode, 401);
    t.deepEqual([view.builds.asked, view.deploys.asked, view.audit.entries], [[], [], []]);
  });
}

test('builds are listed and shown; an app that there is not is told', async (t) => {
  const {get} = subject(t);
  t.deepEqual((await get('/v1/apps/shop/builds?limit=5')).json(), [BUILD]);
  t.deepEqual((await get('/v1/apps/shop/builds/12')).json(), BUILD);
  t.is((await get('/v1/apps/shop/builds/13')).json<{detail: string}>().detail, 'app "shop" has no build 13');
  t.is((await get('/v1/apps/nope/builds')).statusCode, 404);
});

test('a log is told line by line, and what became of the build last', async (t) => {
  const {view, get} = subject(t);
  view.builds.lines = ['-----> Node.js app detected'];
  const {body} = await get('/v1/apps/shop/builds/12/log?follow=true');
  t.deepEqual(body.split('\n').filter((line) => line !== ''), ['{"line":"-----> Node.js app detected"}', JSON.stringify({build: BUILD}), '{"end":true}']);
  t.deepEqual(view.builds.asked, ['log of shop 12 follow']);
});

test('cancelling a build and emptying a cache are written to the audit log first', async (t) => {
  const {view, post} = subject(t);
  t.like((await post('/v1/apps/shop/builds/12/cancel')).json(), {state: 'cancelled', reason: 'build 12 was cancelled by Ann Lee'});
  t.like((await post('/v1/apps/shop/build-cache/purge')).json(), {app: 'shop', bytes: 3 * 2 ** 20});
  t.deepEqual(view.builds.asked, ['cancel shop 12 by Ann Lee', 'purge shop']);
  t.like(view.audit.entries, [
    {actor: 'Ann Lee <ann@example.com>', action: 'builds cancel', app: 'shop', subject: '12'},
    {actor: 'Ann Lee <ann@example.com>', action: 'builds cache purge', app: 'shop'},
  ]);
});

test('what was pushed is deployed line by line, and a refusal is the last one', async (t) => {
  const {view, post} = subject(t);
  view.deploys.lines = [{print: 'Building source:'}, {deployed: {release: 4, commit: COMMIT, urls: []}}];
  t.deepEqual((await post('/v1/apps/shop/builds', {branch: 'release/2'})).body.split('\n').filter((line) => line !== ''), [
    '{"print":"Building source:"}', JSON.stringify({deployed: {release: 4, commit: COMMIT, urls: []}}), '{"end":true}',
  ]);
  view.deploys.refusal = 'no branch "try" was pushed to ⬢ shop';
  t.regex((await post('/v1/apps/shop/builds', {commit: '1a2b3c4d'})).body, /"status":409,"title":"Conflict","detail":"no branch \\"try\\" was pushed to ⬢ shop"\}\}\n$/);
  t.deepEqual(view.deploys.asked, ['deploy shop {"branch":"release/2"} by Ann Lee', 'deploy shop {"commit":"1a2b3c4d"} by Ann Lee']);
});

for (const [url, payload, detail] of [
  ['/v1/apps/shop/builds', {}, 'the body must be a JSON object with either "branch" or "commit"'],
  ['/v1/apps/shop/builds', {branch: 'main', commit: '1a2b3c4d'}, 'the body must be a JSON object with either "branch" or "commit"'],
  ['/v1/apps/shop/builds', {branch: 'main', force: true}, 'unknown field "force"; known are branch, commit'],
  ['/v1/apps/shop/builds', {branch: '../main'}, '"../main" can\'t name a branch'],
  ['/v1/apps/shop/builds', {branch: '--upload-pack=x'}, '"--upload-pack=x" can\'t name a branch'],
  ['/v1/apps/shop/builds', {commit: 'main'}, 'commit must be 7 to 40 hex digits, not "main"'],
  ['/v1/apps/shop/builds/last/cancel', {}, '"last" is not the number of a build such as 12'],
] as const) {
  test(`${url} ${JSON.stringify(payload)} is answered by: ${detail}`, async (t) => {
    const {view, post} = subject(t);
    const answer = await post(url, payload);
    t.is(answer.statusCode, 400);
    t.is(answer.json<{detail: string}>().detail, detail);
    t.deepEqual([view.builds.asked, view.deploys.asked, view.audit.entries.filter(({action}) => action !== 'refused')], [[], [], []]);
  });
}
