import test from 'ava';
import {caddyConfig, regexpOf} from '../../buildpacks/static/lib/caddy.ts';
import {readOptions} from '../../buildpacks/static/lib/options.ts';

const fits = test.macro((t, pattern: string, {yes, no}: {yes: readonly string[]; no: readonly string[]}) => {
  const regexp = new RegExp(regexpOf(pattern));
  t.deepEqual([...yes, ...no].filter((path) => regexp.test(path)), [...yes]);
});

test('a path without stars is that path', fits, '/', {yes: ['/'], no: ['/a']});
test('one star is a part between slashes', fits, '/assets/*', {yes: ['/assets/a.js', '/assets/'], no: ['/assets/a/b.js', '/assets', '/x/assets/a.js']});
test('two stars are anything', fits, '/docs/**', {yes: ['/docs/', '/docs/a', '/docs/a/b'], no: ['/docs', '/other']});
test('other signs of regular expressions are themselves', fits, '/a.(b)+[c]*', {yes: ['/a.(b)+[c]d'], no: ['/aX(b)+[c]d', '/a.bb[c]']});

test('without a static.json all is as it is by default', (t) => {
  t.deepEqual(readOptions(undefined), {options: {hasCleanUrls: false, routes: [], redirects: [], headers: [], isHttpsOnly: false}, problems: []});
});

test('paths are read from the root of the app or site, with a slash at the begin or without', (t) => {
  const {options, problems} = readOptions('{"root": "./dist/", "error_page": "errors/404.html", "routes": {"/**": "index.html"}}');
  t.deepEqual(problems, []);
  t.is(options.root, 'dist');
  t.is(options.errorPage, '/errors/404.html');
  t.deepEqual(options.routes, [{pattern: '/**', target: '/index.html'}]);
  t.is(readOptions('{"root": "/"}').options.root, '.');
});

const refuses = test.macro((t, text: string, expected: readonly string[]) => {
  t.deepEqual(readOptions(text).problems, expected);
});

test('a root out of the app is refused', refuses, '{"root": "../secrets"}', ['root must be a path inside of the app, not "../secrets"']);
test('a file that is a list is refused', refuses, '[]', ['expected an object such as {"root": "dist"}']);
test('an option that Heroku has and we have not is refused, as it may be what protects the site', refuses, '{"basic_auth": true}', ['"basic_auth" is an option of Heroku\'s that there is not here']);
test('a header with a line break is refused', refuses, '{"headers": {"/": {"X-A": "b\\r\\nSet-Cookie: c"}}}', ['headers["/"]: the value of "X-A" must be a line of text, not "b\\r\\nSet-Cookie: c"']);
test('a header of the connection is refused', refuses, '{"headers": {"/": {"Content-Length": 3}}}', ['headers["/"]: "Content-Length" is not a header that can be set']);
test('a redirect needs a URL and a status of redirects', refuses, '{"redirects": {"/a": {"url": "javascript:alert(1)", "status": 200}}}', [
  'redirects["/a"] needs a url such as "/new" or "https://example.com/", not "javascript:alert(1)"',
  'redirects["/a"].status must be one of 301, 302, 303, 307, 308, not 200',
]);
test('a pattern begins with a slash', refuses, '{"routes": {"**": "index.html"}}', ['routes has the key "**", expected a path that begins with "/", such as "/assets/*" or "/**"']);
test('all mistakes are told at once', refuses, '{"clean_urls": "yes", "https_only": 1, "rout": "dist"}', [
  'unknown option "rout", expected root, clean_urls, routes, error_page, redirects, headers, https_only',
  'clean_urls must be true or false, not "yes"',
  'https_only must be true or false, not 1',
]);

test('no text of static.json becomes a placeholder of Caddy’s', (t) => {
  const {options, problems} = readOptions(JSON.stringify({
    root: '{env.HOME}', error_page: '{env.A}', routes: {'/{env.B}': '{env.C}'}, redirects: {'/{env.D}': {url: '/{env.E}'}}, headers: {'/{env.F}': {'X-A': '{env.G}'}},
  }));
  t.deepEqual(problems, []);
  const config = JSON.stringify(caddyConfig({...options, home: '/app', folder: `/app/${options.root}`}));
  // What is left is the port to listen on; in regular expressions a brace has a backslash as well.
  t.deepEqual([...config.matchAll(/(?<!\\\\)\{env\.\w+/g)].map(([found]) => found), ['{env.PORT']);
});
