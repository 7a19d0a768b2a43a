import test from 'ava';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import {isNetwork} from '../../schemas/networks.ts';
import {readUsers} from '../../schemas/users.ts';

const HASH = '$2b$04$BoKFmTPJJkRQPklfa1oMNOKqMhwdCMAwFuEchG5MDU9iBjbTkOTxO';

function problemsOf(options: string): readonly string[] {
  const loaded = loadManifest('App', 'f', `apiVersion: flynn/v1\nkind: App\nroutes:\n  - host: shop.test\n    ${options}\n`);
  return loaded.ok ? [] : loaded.problem.map(formatDiagnostic);
}

for (const options of [
  'balance: least-conn', 'sticky: true', 'sticky: {cookie: stay}', 'protocol: h2c', 'maxBody: 10Mi', 'compress: true',
  'timeouts: {waitSeconds: 30, responseSeconds: 0.5, idleSeconds: 60}',
  'headers: {request: {set: {X-A: "{env.HOME}"}, remove: [cookie]}, response: {add: {Set-Cookie: a=b}, set: {X-Frame-Options: DENY}}}',
  'auth: {basic: {users: SHOP_USERS, realm: The shop}}',
  'allow: [10.0.0.0/8, 2001:db8::/32]', 'deny: [203.0.113.7/32]',
]) {
  test(`a route may have ${options}`, (t) => {
    t.deepEqual(problemsOf(options), []);
  });
}

for (const [options, problem] of [
  ['balance: fastest', 'f:5:14: routes.0.balance must be random, round-robin, least-conn or ip-hash, not "fastest"'],
  ['sticky: {cookie: "a b"}', 'f:5:22: routes.0.sticky.cookie must be the name of a cookie: letters, digits, - and _, not "a b"'],
  ['balance: ip-hash\n    sticky: true', 'f:5:14: a sticky route chooses copies itself: take away `balance` or `sticky`'],
  ['maxBody: 10', 'f:5:14: routes.0.maxBody must be a size with a unit, such as 256Mi, 1Gi or 512M, not "10"'],
  ['protocol: h2c\n    timeouts: {responseSeconds: 3}', 'f:6:33: this router has no such limit for h2c: take `idleSeconds`'],
  ['headers: {request: {set: {host: other.test}}}', 'f:5:37: the header "host" is the router\'s own'],
  ['headers: {request: {add: {X-Forwarded-For: 10.0.0.1}}}', 'f:5:48: the header "X-Forwarded-For" is the router\'s own'],
  ['headers: {response: {remove: [transfer-encoding]}}', 'f:5:35: the header "transfer-encoding" is the router\'s own'],
  ['headers: {response: {set: {X-A: a}, remove: [x-a]}}', 'f:5:50: the header "x-a" is there twice: once in `set`, `add` or `remove` is enough'],
  ['headers: {response: {set: {X-A: "a\\nb"}}}', 'f:5:37: routes.0.headers.response.set.X-A must be printable ASCII in one line, not "a\nb"'],
  ['headers: {response: {set: {"X A": a}}}', 'f:5:32: "X A" in routes.0.headers.response.set must be the name of a header: letters, digits, - and _'],
  ['auth: {basic: {users: SHOP_USERS, realm: "a{b}"}}', 'f:5:46: routes.0.auth.basic.realm must be printable ASCII without quotes, braces and backslashes, not "a{b}"'],
  ['auth: {basic: {}}', 'f:5:19: routes.0.auth.basic.users is missing'],
  ['allow: [10.0.0.1]', 'f:5:13: routes.0.allow.0 must be a network such as 10.0.0.0/8 or 2001:db8::/32, or one address such as 203.0.113.7/32, not "10.0.0.1"'],
  ['deny: [10.01.0.0/16]', 'f:5:12: routes.0.deny.0 is no network: "10.01.0.0/16"'],
  ['rateLimit: {perMinute: 60}', 'f:5:16: routes.0.rateLimit is nothing that this router can do (Caddy as Debian has it): limit requests in the app, or in a proxy in front of the node'],
] as const) {
  test(`a route may not have ${JSON.stringify(options)}`, (t) => {
    t.deepEqual(problemsOf(options), [problem]);
  });
}

test('a network is what Go takes for one, and nothing else', (t) => {
  for (const network of ['0.0.0.0/0', '10.0.0.0/8', '255.255.255.255/32', '::/0', '2001:db8::1/128', '::ffff:10.0.0.1/128']) t.true(isNetwork(network), network);
  for (const network of ['10.0.0.0', '10.0.0/8', '10.0.0.0/33', '10.0.0.256/8', '010.0.0.0/8', '10.0.0.0/08', '10.0.0.0/8/8', '::/129', ':::/8', '2001:db8::g/32', 'fe80::1%eth0/64', '/8', '::1]/x[/8']) t.false(isNetwork(network), network);
});

test('users are lines as htpasswd writes them', (t) => {
  t.deepEqual(readUsers(`# the shop\n\nann:${HASH}\r\nbob@example.com:${HASH.replace('$2b$', '$2y$')}\n`), {ok: true, value: [{name: 'ann', hash: HASH}, {name: 'bob@example.com', hash: HASH.replace('$2b$', '$2y$')}]});
});

for (const [text, problem] of [
  ['', 'it has no line user:hash'],
  ['ann:hunter2', 'line 1 is not user:hash with a hash by bcrypt, as `htpasswd -nB USER` prints it'],
  [`{env.HOME}:${HASH}`, 'line 1 is not user:hash with a hash by bcrypt, as `htpasswd -nB USER` prints it'],
  [`ann:${HASH}\nann:${HASH}`, 'line 2 has a user that is there already'],
  [`ann:${HASH.replace('$04$', '$31$')}`, 'line 1 has a hash of cost 31: 4 to 14 are taken'],
  [Array.from({length: 201}, (_, index) => `u${index}:${HASH}`).join('\n'), 'it has 201 users, at most 200 are taken'],
] as const) {
  test(`no users: ${JSON.stringify(text.slice(0, 40))}: ${problem}`, (t) => {
    t.deepEqual(readUsers(text), {ok: false, problem});
  });
}
