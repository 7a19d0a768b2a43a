import test from 'ava';
import type {RouteOptions} from 'fastify';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {schemaCompiler} from '../../../reconciler/api/openapi/check.ts';
import {makeDocument, OPERATIONS, templateOf, type Document} from '../../../reconciler/api/openapi/document.ts';
import {ROUTE_RIGHTS} from '../../../reconciler/api/permit.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const TOKEN = 'right-token';
const BEARER = {authorization: `Bearer ${TOKEN}`};

function subject(t: Parameters<typeof documented>[0]) {
  const view = new FakeView();
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => t.log(message, error)});
  t.teardown(() => server.close());
  return {view, server: documented(t, server)};
}

test('every endpoint of the server is in the document, and no other', async (t) => {
  const {server} = subject(t);
  const routes: string[] = [];
  server.addHook('onRoute', ({method, url}: RouteOptions) => {
    routes.push(...[method].flat().filter((one) => one !== 'HEAD').map((one) => `${one} ${url}`));
  });
  await server.ready();
  // Those of the server itself were there before the hook.
  for (const [key] of Object.entries(OPERATIONS)) {
    const [method = '', url = ''] = key.split(' ');
    if (!url.startsWith('/v1/') && server.hasRoute({method, url})) routes.push(key);
  }
  t.deepEqual(Object.keys(OPERATIONS).toSorted(), [...new Set(routes)].toSorted());
});

test('the document is served to everybody, says which rights are needed, and has no words of ours', async (t) => {
  const {server} = subject(t);
  const answer = await server.inject('/openapi.json');
  t.is(answer.statusCode, 200);
  const document = answer.json<Document>();
  t.is(document.openapi, '3.1.0');
  t.is(document.paths['/v1/apps/{app}/scale']?.['post']?.['x-flynn-right'], 'app.scale');
  t.notRegex(answer.body, /errorMessage/);
  const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({operationId}) => operationId));
  t.is(new Set(ids).size, ids.length);
});

test('all its schemas can be compiled, and all its references lead somewhere', (t) => {
  const document = makeDocument(ROUTE_RIGHTS, '1');
  const ajv = schemaCompiler(document, {coerceTypes: false});
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#(\/components\/schemas\/[^"]+)"/g)].map(([, pointer = '']) => pointer);
  for (const name of Object.keys(document.components.schemas)) t.notThrows(() => ajv.compile({$ref: `openapi.json#/components/schemas/${name}`}), name);
  for (const pointer of new Set(references)) t.true(Object.hasOwn(document.components.schemas, pointer.split('/').at(-1) ?? ''), pointer);
  for (const [key, {body}] of Object.entries(OPERATIONS)) {
    const [method = '', url = ''] = key.split(' ');
    if (body !== undefined) t.notThrows(() => ajv.compile({$ref: `openapi.json#/paths/${encodeURI(templateOf(url).replaceAll('/', '~1'))}/${method.toLowerCase()}/requestBody/content/application~1json/schema`}), key);
  }
});

test('the page needs no script and nothing from elsewhere, and has every endpoint', async (t) => {
  const {server} = subject(t);
  const {body, headers} = await server.inject('/docs');
  t.regex(String(headers['content-security-policy']), /default-src 'none'/);
  t.notRegex(body, /<script|<link|<img|(src|href|action)=["']?https?:|url\(/);
  for (const key of Object.keys(OPERATIONS)) t.true(body.includes(templateOf(key.split(' ')[1] ?? '')), key);
});

test('a slip in a query is told, but for probes and hooks, which add what they like', async (t) => {
  const {server, view} = subject(t);
  view.ready = true;
  const answer = await server.inject({url: '/v1/events?lins=3', headers: BEARER});
  t.deepEqual([answer.statusCode, answer.json<{detail: string}>().detail], [400, 'unknown field "lins"; did you mean "lines"?']);
  t.is((await server.inject({url: '/v1/events?lines=three', headers: BEARER})).json<{detail: string}>().detail, 'lines must be a whole number from 0 to 10000, not "three"');
  t.is((await server.inject('/readyz?probe=1')).statusCode, 200);
  t.is((await server.inject({method: 'POST', url: '/v1/hooks/shop?from=ci', payload: {}})).statusCode, 404);
});

test('lists are read in pages, also when what a page ended with is gone', async (t) => {
  const {server, view} = subject(t);
  for (const name of ['ada', 'bob', 'cyd', 'dee', 'eve']) view.repo.files.set(`people/${name}.yaml`, `apiVersion: flynn/v1\nkind: Person\nname: ${name}\nemail: ${name}@example.com\n`);
  const page = async (url: string) => {
    const answer = await server.inject({url, headers: BEARER});
    return {users: answer.json<readonly {user: string}[]>().map(({user}) => user), next: /^<(.+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1]};
  };
  const first = await page('/v1/people?limit=2');
  t.deepEqual(first.users, ['ada', 'bob']);
  view.repo.files.delete('people/bob.yaml');
  const second = await page(first.next ?? '');
  t.deepEqual(second.users, ['cyd', 'dee']);
  view.repo.files.set('people/abe.yaml', 'apiVersion: flynn/v1\nkind: Person\nname: abe\nemail: abe@example.com\n');
  const third = await page(second.next ?? '');
  t.deepEqual(third, {users: ['eve'], next: undefined});
  t.is((await server.inject({url: '/v1/people?cursor=nonsense', headers: BEARER})).statusCode, 400);
  t.is((await server.inject({url: '/v1/people?limit=0', headers: BEARER})).statusCode, 400);
});
