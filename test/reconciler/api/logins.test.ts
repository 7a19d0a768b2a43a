import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {isReadable} from '../../../cli/exchange.ts';
import {pushServer} from '../../support/push-server.ts';
import {FakeView} from './fake-view.ts';

/** What the router adds to a request that came over HTTP from elsewhere. */
const FROM_ELSEWHERE = {'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http'};
const TOKEN = 'right-token';

function serverAt(t: ExecutionContext, domain: string) {
  const view = new FakeView();
  Object.assign(view, {settings: {...view.settings, domain, httpPort: 80, httpsPort: 443}});
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'o', email: 'o@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  return async (url: string, headers: Readonly<Record<string, string>>) => {
    const {statusCode, body} = await server.inject({url, headers: {authorization: `Bearer ${TOKEN}`, ...headers}});
    return {statusCode, body};
  };
}

test('a token that others could read on its way is not taken, and where it may go is said', async (t) => {
  const ask = serverAt(t, 'apps.example.com');
  for (const url of ['/v1/status', '/metrics']) {
    const refused = await ask(url, FROM_ELSEWHERE);
    t.is(refused.statusCode, 403);
    t.regex(refused.body, /over http:\/\/ your token could be read on its way: use https:\/\/api\.apps\.example\.com"/);
  }
  t.is((await ask('/v1/status', {...FROM_ELSEWHERE, 'x-forwarded-proto': 'https'})).statusCode, 200, 'over TLS, here or at a proxy that is trusted');
  t.is((await ask('/v1/status', {...FROM_ELSEWHERE, 'x-forwarded-for': '127.0.0.1'})).statusCode, 200, 'from this machine');
  t.is((await ask('/v1/status', {})).statusCode, 200, 'without the router');
  t.is((await ask('/v1/status', {...FROM_ELSEWHERE, 'x-forwarded-for': '127.0.0.1, 192.0.2.7'})).statusCode, 403, 'whatever the client says of itself');
  t.is((await serverAt(t, 'flynn.localhost')('/v1/status', FROM_ELSEWHERE)).statusCode, 200);
});

test('wrong tokens are counted together, whichever door they come to', async (t) => {
  const {port} = await pushServer(t);
  const ask = (token: string) => fetch(`http://127.0.0.1:${port}/cluster.git/info/refs?service=git-upload-pack`, {headers: {authorization: `Bearer ${token}`}});
  t.is((await ask('secret')).status, 200);
  const answers = await Promise.all(Array.from({length: 30}, () => ask('wrong')));
  t.is(answers[0]?.status, 401);
  const late = await ask('secret');
  t.is(late.status, 429);
  t.true(Number(late.headers.get('retry-after')) > 0);
  t.is(await late.text(), 'too many wrong tokens came from your address: try again later\n');
});

for (const [url, isOpen] of [['http://api.apps.example.com', true], ['http://10.0.0.1:3580', true], ['https://api.apps.example.com', false], ['http://api.flynn.localhost:8080', false], ['http://127.0.0.1:3580', false], ['http://[::1]:1', false]] as const) {
  test(`a token sent to ${url} ${isOpen ? 'could' : 'can\'t'} be read`, (t) => t.is(isReadable(url), isOpen));
}
