import test from 'ava';
import type {RouteOptions} from '../../../../reconciler/desired/state.ts';
import type {RouteStructure} from '../../../../reconciler/observed/structure.ts';
import {openRouteSecrets} from '../../../../reconciler/apply/route-secrets.ts';
import {renderCaddyConfig, routesIn, structureOf} from '../../../../reconciler/router/caddy/config.ts';
import {authServers, handlersBefore, NO_SECRETS, patternAbove, type RouteSecrets} from '../../../../reconciler/router/caddy/options.ts';
import {literal} from '../../../../reconciler/router/caddy/parts.ts';
import {routerFiles} from '../../../../reconciler/router/files.ts';

const SETTINGS = {domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553};
const FILES = routerFiles({caddy: '/data/caddy', caddyShared: '/data/caddy', unbound: '/data/unbound', haproxy: '/data/haproxy'});
const CONTEXT = {dnsPort: 3553, trustedProxies: [], pages: [], secrets: NO_SECRETS};
const HASH = '$2b$04$BoKFmTPJJkRQPklfa1oMNOKqMhwdCMAwFuEchG5MDU9iBjbTkOTxO';

const withOptions = (options: RouteOptions): RouteStructure => ({hosts: [{host: 'shop.test', paths: [{path: '/', name: '_svc._tcp.web.shop.flynn.internal', options}]}]});

/** Fields of each object the other way round: Caddy gives them back by name. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).toReversed().map(([key, one]) => [key, turned(one)])) : value;
}

test('what a client may do is looked at before what it sends, and that before anybody is asked', (t) => {
  const options: RouteOptions = {deny: ['10.0.0.0/8'], basicAuth: {realm: 'r', sealedUsers: 's'}, bodyBytesMax: 1, isCompressed: true};
  t.deepEqual(handlersBefore(options, CONTEXT).map((handler) => (handler as {handler: string}).handler), ['subroute', 'reverse_proxy', 'subroute', 'request_body', 'encode']);
});

test('secrets are in what Caddy gets, and not in what it was made from', async (t) => {
  const structure = withOptions({stickyCookie: 'stay', basicAuth: {realm: 'r', sealedUsers: 'sealed text'}});
  const secrets = await openRouteSecrets(structure, {open: async () => `ann:${HASH}\n`, deriveKey: async () => 'the key'});
  const config = JSON.parse(JSON.stringify(renderCaddyConfig(SETTINGS, FILES, {structure, secrets}))) as unknown;
  t.true(JSON.stringify(config).includes(`"username":"ann","password":"${HASH}"`));
  t.true(JSON.stringify(config).includes('"secret":"the key"'));
  t.deepEqual(structureOf(config, SETTINGS, FILES), structure);
  t.deepEqual(structureOf(turned(config), SETTINGS, FILES), structure, 'in whatever order Caddy gives it back');
  t.false(JSON.stringify(structure).includes(HASH));
  t.deepEqual(routesIn(config)?.secrets, secrets);
  t.is(structureOf(JSON.parse(JSON.stringify(config).replace(`"password":"${HASH}"`, '"password":"$2b$04$x"')), SETTINGS, FILES), undefined, 'a password changed by hand is noticed');
});

test('a secret that can\'t be opened lets nobody in, and no key is asked for that nobody needs', async (t) => {
  const structure = withOptions({basicAuth: {realm: 'r', sealedUsers: 'sealed text'}});
  const secrets = await openRouteSecrets(structure, {open: async () => Promise.reject(new Error('gone')), deriveKey: async () => t.fail() as never});
  t.deepEqual(secrets, {cookieKey: '', users: {'sealed text': []}});
});

test('whoever has the same users asks the same server, and other users are asked for at another address', (t) => {
  const servers = (secrets: RouteSecrets, realm = 'r') => Object.values(authServers(withOptions({basicAuth: {realm, sealedUsers: 's'}}), {...CONTEXT, secrets})).map((server) => (server as {listen: string[]}).listen[0] ?? '');
  const users = (...names: string[]): RouteSecrets => ({cookieKey: '', users: {s: names.map((name) => ({name, hash: HASH}))}});
  const all = [servers(users('ann')), servers(users('bob')), servers(users('ann', 'bob')), servers(users('ann'), 'other')];
  t.is(new Set(all.flat()).size, 4);
  t.deepEqual(servers(users('ann')), all[0]);
  for (const address of all.flat()) t.regex(address, /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.([1-9]\d*):3553$/);
});

test('a pattern for larger numbers is right at every number', (t) => {
  for (const limit of [0, 1, 9, 10, 99, 100, 500, 999, 1000, 1049, 1899]) {
    const pattern = new RegExp(patternAbove(limit));
    for (let number = 0; number < 2500; number += 1) if (pattern.test(String(number)) !== number > limit) t.fail(`${number} > ${limit}`);
  }
  t.true(new RegExp(patternAbove(10 * 2 ** 20)).test('10485761'));
  t.false(new RegExp(patternAbove(10 * 2 ** 20)).test(''));
});

test('braces are what they are', (t) => {
  t.is(literal('no braces } here \\'), 'no braces } here \\');
  t.is(literal('{a} \\{b'), '\\{a\\} \\\\{b');
});
