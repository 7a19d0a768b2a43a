import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import type {ServiceAnswer, ServiceWritten} from '../../../reconciler/api/service-answers.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const APP_YAML = `apiVersion: flynn/v1
kind: App

services:
  web:
    replicas: 2  # for the sale
    env: {GREETING: hello}
`;
const RELEASE = `apiVersion: flynn/v1
kind: Release
image: sha256:${'b'.repeat(64)}
source: {commit: "${'c'.repeat(40)}", builder: Node.js}
services:
  web: {command: [npm start]}
  clock: {command: [node clock.js]}
pushedBy: Ann
createdAt: 2026-11-23T10:12:01Z
`;

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.repo.files.set('apps/shop/releases/v0003.yaml', RELEASE);
  const server = documented(t, createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => t.log(message, error)}));
  t.teardown(() => server.close());
  const ask = async <Answer>(method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, payload?: object) => {
    const answer = await server.inject({method, url: `/v1/apps/shop/services${url}`, headers: {authorization: 'Bearer right-token'}, ...(payload !== undefined && {payload})});
    return {status: answer.statusCode, body: answer.json<Answer & {detail: string}>()};
  };
  return {view, ask, yaml: () => view.repo.files.get('apps/shop/app.yaml')};
}

test('services are those of app.yaml and of the release, with what runs; values of variables are told elsewhere', async (t) => {
  const {ask} = subject(t);
  const {body} = await ask<readonly ServiceAnswer[]>('GET', '');
  t.deepEqual(body.map(({name, isReleased, replicas, settings, env, status}) => ({name, isReleased, replicas, settings, env, healthy: status?.healthy})), [
    {name: 'clock', isReleased: true, replicas: 0, settings: {}, env: [], healthy: undefined},
    {name: 'web', isReleased: true, replicas: 2, settings: {replicas: 2}, env: ['GREETING'], healthy: 1},
  ]);
  t.like(await ask('GET', '/nope'), {status: 404, body: {detail: 'app "shop" has no service "nope"; known are clock, web'}});
});

test('a service is made with a command, changed field by field, set as a whole, and removed; the rest of the file stays', async (t) => {
  const {ask, yaml, view} = subject(t);
  t.like(await ask('POST', '', {name: 'worker', command: 'node worker.js', replicas: 1}), {status: 201, body: {service: 'worker', isNew: true, message: 'shop: add the service worker'}});
  t.is(yaml(), `${APP_YAML}  worker:\n    command: node worker.js\n    replicas: 1\n`);
  t.like(await ask('PATCH', '/worker', {replicas: 4, limits: {memory: '256Mi'}, command: null}), {status: 200});
  t.is(yaml(), `${APP_YAML}  worker:\n    replicas: 4\n    limits:\n      memory: 256Mi\n`);
  t.like(await ask('PUT', '/web', {replicas: 3, stopGraceSeconds: 10}), {status: 200});
  t.regex(yaml() ?? '', /replicas: 3 {2}# for the sale\n {4}env: \{GREETING: hello\}\n {4}stopGraceSeconds: 10\n/);
  t.like(await ask('DELETE', '/worker'), {status: 200, body: {message: 'shop: remove the service worker'}});
  t.notRegex(yaml() ?? '', /worker/);
  t.is(view.repo.commits.length, 4);
});

test('a new image is a release, and its end is the answer', async (t) => {
  const {ask, view} = subject(t);
  view.releases.lines = [{print: 'web [1/1]'}, {outcome: {result: 'healthy', release: 4, urls: ['http://shop.flynn.localhost/']}}];
  const {status, body} = await ask<ServiceWritten>('PATCH', '/web', {image: 'nginx:1.27'});
  t.is(status, 200);
  t.like(body, {service: 'web', message: 'shop: deploy nginx:1.27', release: {result: 'healthy', release: 4}});
  t.like(await ask('POST', '', {name: 'cache', image: 'redis:8', replicas: 1}), {status: 201, body: {service: 'cache'}});
  t.deepEqual(view.releases.wishes.map(({wish}) => wish), [{image: 'nginx:1.27', isPulled: false, service: 'web', command: []}, {image: 'redis:8', isPulled: false, service: 'cache', command: []}]);
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', / {2}cache:\n {4}replicas: 1\n/);
});

for (const [method, url, payload, status, detail] of [
  ['POST', '', {name: 'worker'}, 400, /"command" or "image"/],
  ['POST', '', {name: 'web', command: 'x'}, 409, /has a service "web" already/],
  ['POST', '', {name: 'Web', command: 'x'}, 400, /"Web" can't name a service/],
  ['POST', '', {name: 'worker', command: 'x', replicas: -1}, 400, /replicas must be a whole number from 0 to 1000, not "-1"/],
  ['POST', '', {name: 'worker', command: 'x', env: {A: '1'}}, 400, /unknown field "env"/],
  ['PATCH', '/web', {replicas: 'many'}, 409, /^apps\/shop\/app\.yaml:6:15: services\.web\.replicas must be a whole number/],
  ['PATCH', '/web', {}, 400, /must not be empty|must/],
  ['PATCH', '/nope', {replicas: 1}, 409, /has no service "nope"/],
  ['DELETE', '/clock', undefined, 409, /a service of the current release: scale it to 0/],
] as const) {
  test(`${method} services${url} ${JSON.stringify(payload)} is refused, and nothing is committed`, async (t) => {
    const {ask, view} = subject(t);
    const answer = await ask(method, url, payload);
    t.is(answer.status, status, answer.body.detail);
    t.regex(answer.body.detail, detail);
    t.deepEqual(view.repo.commits, []);
  });
}

test('what is wrong with a manifest is told at its place', async (t) => {
  const {ask} = subject(t);
  const {body} = await ask<{errors: readonly object[]}>('PATCH', '/web', {replicas: 'many'});
  t.deepEqual(body.errors, [{file: 'apps/shop/app.yaml', line: 6, column: 15, message: 'services.web.replicas must be a whole number from 0 to 1000, not "many"'}]);
});
