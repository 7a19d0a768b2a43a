import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {Opened} from '../../../reconciler/desired/secrets.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {ok} from '../../../schemas/result.ts';
import {app, config, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const SECRETS = file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n${['USERS', 'PASSWORD'].map((name) => `  ${name}: |\n${indented(SEALED, 4)}`).join('')}`);
const RELEASE = release('shop', 1, '{web: {command: [a]}}');

function resolve(routes: string, opened?: Opened) {
  const files = [app('shop', routes), RELEASE, SECRETS];
  return resolveApp({name: 'shop' as AppName, treeId: '' as TreeId, files, ...(opened && {opened})}, config(), 'flynn.localhost');
}

test('options come in our units, and what says nothing new is not there', (t) => {
  const resolved = resolve(`routes:
  - {host: a.test, balance: random, sticky: false, protocol: http, compress: false, headers: {request: {set: {}}}}
  - {host: b.test, maxBody: 1Mi, timeouts: {responseSeconds: 0.5}, sticky: true, allow: [10.0.0.0/8, 1.0.0.0/8]}
`);
  t.deepEqual(resolved.state === 'resolved' && resolved.routes, [
    {host: 'a.test', path: '/', service: 'web'},
    {host: 'b.test', path: '/', service: 'web', options: {stickyCookie: 'flynn_sticky', bodyBytesMax: 2 ** 20, responseMs: 500, allow: ['1.0.0.0/8', '10.0.0.0/8']}},
  ] as never);
});

test('users of a route are sealed, and no business of the app\'s containers; another option is no deploy', (t) => {
  const routes = (more: string) => resolve(`routes: [{host: a.test, auth: {basic: {users: USERS${more}}}}]\n`);
  const [one, two] = [routes(''), routes(', realm: Shop')];
  if (one.state !== 'resolved' || two.state !== 'resolved') return t.fail();
  t.deepEqual(one.routes[0]?.options, {basicAuth: {realm: 'restricted', sealedUsers: SEALED}});
  t.deepEqual(Object.keys(one.services[0]?.container.sealedEnv ?? {}), ['PASSWORD']);
  t.is(one.specKey, two.specKey);
});

test('users that are in no secret, or in one that has none, are the app\'s mistake at its place', (t) => {
  const at = (name: string, opened?: Opened) => {
    const resolved = resolve(`routes: [{host: a.test, auth: {basic: {users: ${name}}}}]\n`, opened);
    return resolved.state === 'invalid' ? resolved.problems.map(formatDiagnostic) : [];
  };
  t.deepEqual(at('NONE'), ['apps/shop/app.yaml:3:47: secrets.yaml has no "NONE" in its env: flynn env set --secret NONE']);
  t.deepEqual(at('USERS', new Map([[SEALED, ok({digest: 'x', usersProblem: 'it has no line user:hash'})]])), ['apps/shop/app.yaml:3:47: the secret "USERS" has no users: it has no line user:hash']);
  t.deepEqual(at('USERS', new Map([[SEALED, ok({digest: 'x'})]])), []);
});
