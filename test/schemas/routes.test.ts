import test from 'ava';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import {claimKey, claimOf, comparablePath} from '../../schemas/route-place.ts';

function routes(yaml: string): unknown {
  const loaded = loadManifest('App', 'f', `apiVersion: flynn/v1\nkind: App\nroutes:\n${yaml}`);
  return loaded.ok ? loaded.value.routes : loaded.problem.map(formatDiagnostic).join('\n').replaceAll(/^f:/gm, '');
}

const may = test.macro({
  exec(t, yaml: string, expected: unknown) {
    t.deepEqual(routes(yaml), expected);
  },
  title: (name) => `a route may have ${name}`,
});
const mayNot = test.macro({
  exec(t, yaml: string, expected: string) {
    t.is(routes(yaml) as string, expected);
  },
  title: (name) => `no route has ${name}`,
});

test('a wildcard', may, '- host: "*.example.com"\n', [{host: '*.example.com'}]);
test('every host', may, '- host: "*"\n', [{host: '*'}]);
test('conditions, whose values are text as it is written', may, '- host: a.b\n  when: {header: {X-Version: 1.10}, cookie: {beta: yes, on: true}, query: {"filter[x]": "*"}, method: GET}\n', [
  {host: 'a.b', when: {header: {'X-Version': '1.10'}, cookie: {beta: 'yes', on: 'true'}, query: {'filter[x]': '*'}, method: 'GET'}},
]);
test('services with weights', may, '- {host: a.b, services: {web: 90, next: 10, last: 0}}\n', [{host: 'a.b', services: {web: 90, next: 10, last: 0}}]);
test('a redirect in one word, or with its fields', may, '- {host: www.a.b, redirect: "https://a.b"}\n- {host: a.b, path: /old, redirect: {to: /new, status: 308, keepPath: false}}\n', [
  {host: 'www.a.b', redirect: 'https://a.b'}, {host: 'a.b', path: '/old', redirect: {to: '/new', status: 308, keepPath: false}},
]);
test('a redirect to another route of its host', may, '- {host: a.b, redirect: /new}\n- {host: a.b, path: /new}\n', [{host: 'a.b', redirect: '/new'}, {host: 'a.b', path: '/new'}]);
test('the same path as another one, with other conditions', may, '- {host: a.b, when: {method: GET}}\n- {host: a.b, when: {method: POST}}\n- host: a.b\n', [
  {host: 'a.b', when: {method: 'GET'}}, {host: 'a.b', when: {method: 'POST'}}, {host: 'a.b'},
]);

const HOST_RULE = 'must be a host name in small letters such as shop.example.com, "*.example.com" or "*", without scheme, port or path';
for (const host of ['*x.com', 'a.*.com', '**.com', '*.', 'A.b', 'a.b:80', 'https://a.b', '{env.HOME}', '*.*.a.b']) {
  test(`the host ${host}`, mayNot, `- host: "${host}"\n`, `4:9: routes.0.host ${HOST_RULE}, not "${host}"`);
}
for (const path of ['/a%2fb', '/%zz', '/%c3', '/%7bhttp.request.host%7d', '/%2e%2e/x', '/a%00b', '/%5b', '/a.', '/a%20']) {
  test(`the path ${path}`, mayNot, `- host: a.b\n  path: "${path}"\n`, `5:9: path can't be "${path}": what its escapes (%…) stand for must be letters of UTF-8, and no / ? [ ] * { } \\, and it can't end in a dot or a space`);
}
for (const to of ['https://a b', 'ftp://a.b', '//evil.example', 'https://{http.request.host}', 'https://a.b/', '/a?b', 'javascript:x', '/\\\\evil.example']) {
  test(`a redirect to ${to}`, mayNot, `- host: a.b\n  redirect: "${to}"\n`, `5:13: routes.0.redirect must be a URL such as https://www.example.com or a path such as /new, without a slash at its end, not "${to.replace('\\\\', '\\')}"`);
}
test('a condition that could mean more than itself', mayNot, '- {host: a.b, when: {header: {"a b": 1, X: "{env.HOME}", Host: c.d}, cookie: {"{x}": 1}, query: {}, method: get}}\n', `
4:31: "a b" in routes.0.when.header must be the name of a header
4:44: routes.0.when.header.X must be a value of at most 200 characters, without braces and backslashes; "*" is any value, not "{env.HOME}"
4:79: "{x}" in routes.0.when.cookie must be the name of a cookie
4:97: routes.0.when.query must be a mapping of names to values, at least one and at most 20
4:109: routes.0.when.method must be a method such as GET, or a list of them, not "get"`.trim());
test('no conditions where it says that it has some', mayNot, '- {host: a.b, when: {}}\n', '4:21: routes.0.when must have at least one of header, cookie, query and method');
test('the host as a condition', mayNot, '- {host: a.b, when: {header: {HOST: c.d}}}\n', '4:37: the host is not a condition: it is `host` of the route');
test('two ends', mayNot, '- {host: a.b, service: web, redirect: "https://c.d"}\n- {host: c.d, services: {web: 1}, service: web}\n', `
4:39: a route has one of service, services and redirect, not service and redirect
5:25: a route has one of service, services and redirect, not service and services`.trim());
test('weights of which none counts', mayNot, '- {host: a.b, services: {web: 0, next: 0}}\n', '4:25: all weights are 0, so nobody would answer: a service that gets requests needs a weight of 1 or more');
test('weights that its balance does not count', mayNot, '- {host: a.b, services: {web: 1, next: 1}, balance: ip-hash}\n- {host: c.d, services: {web: 1}, balance: round-robin}\n', '4:53: ip-hash knows no weights: take random or round-robin, or one service');
test('options of a service that it does not lead to', mayNot, '- {host: a.b, redirect: "https://c.d", sticky: true, allow: [10.0.0.0/8]}\n', '4:48: sticky is about what a service gets or answers, and a redirect leads to none');
test('nothing to strip', mayNot, '- {host: a.b, stripPrefix: true}\n', '4:28: stripPrefix takes `path` away, and this route has none');
test('a redirect that could lead to somebody else\'s host', mayNot, '- {host: a.b, path: /old, redirect: /}\n', '4:37: a redirect to / can\'t keep the path: what follows could be read as another host. Say keepPath: false, or the whole URL');
test('a redirect to itself', mayNot, '- {host: a.b, redirect: "https://a.b/new"}\n- {host: c.d, path: /a, redirect: /a/b}\n- {host: c.d, path: /b, redirect: /a}\n', `
4:25: a redirect that leads back to its own route has no end: "https://a.b/new" is what "a.b/" answers
5:35: a redirect that leads back to its own route has no end: "/a/b" is what "c.d/a" answers`.trim());
test('the place of another one, however it is written', mayNot, '- {host: a.b, path: /caf%C3%A9, when: {header: {X-A: 1}, method: [PUT, POST]}}\n- {host: a.b, path: /Caf%c3%a9, when: {method: [POST, PUT], header: {x-a: 1}}}\n', '5:3: route "a.b/Caf%c3%a9 when header x-a is 1 and method is POST or PUT" is there twice');

test('paths are compared without escapes and without case', (t) => {
  t.is(comparablePath('/A/%7Eb/c%20d'), '/a/~b/c d');
  t.is(claimKey(claimOf({host: 'a.b'})), claimKey(claimOf({host: 'a.b', path: '/'})));
  t.not(claimKey(claimOf({host: 'a.b', path: '/a'})), claimKey(claimOf({host: 'a.b', path: '/a', when: {method: 'GET'}})));
});
