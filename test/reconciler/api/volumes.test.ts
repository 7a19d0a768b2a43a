import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const BEARER = {authorization: 'Bearer s3cret', 'x-flynn-author': 'ann'};
const TAR = 'application/x-tar';

function subject(t: ExecutionContext) {
  const view = new FakeView();
  const server = createServer({view, authenticate: createAuthenticate({token: 's3cret', operator: {name: 'operator', email: 'operator@n1'}}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  const backup = () => server.inject({url: '/v1/apps/shop/volumes/data/backup', headers: BEARER});
  const restore = (payload: Buffer, type = TAR) => server.inject({method: 'POST', url: '/v1/apps/shop/volumes/data/restore', headers: {...BEARER, 'content-type': type}, payload});
  const remove = (confirm: string) => server.inject({method: 'POST', url: '/v1/apps/shop/volumes/data/remove', headers: BEARER, payload: {confirm}});
  return {server, view, backup, restore, remove};
}

test('a backup that goes out can come back in, however large it is for this API', async (t) => {
  const {view, backup, restore} = subject(t);
  const text = 'x'.repeat(1024 * 1024);
  view.volumes.files.set('shop/data', text);
  const {statusCode, headers, rawPayload} = await backup();
  t.deepEqual([statusCode, headers['content-type']], [200, TAR]);
  view.volumes.files.clear();
  const restored = await restore(rawPayload);
  t.is(restored.statusCode, 200, restored.body);
  t.like(restored.json(), {app: 'shop', volume: 'data', entries: 1});
  t.is(view.volumes.files.get('shop/data'), text);
});

test('what is no whole backup, or not sent as one, changes nothing', async (t) => {
  const {view, backup, restore} = subject(t);
  view.volumes.files.set('shop/data', 'first');
  const {rawPayload} = await backup();
  view.volumes.files.set('shop/data', 'second');
  const cut = await restore(rawPayload.subarray(0, 1000));
  t.deepEqual([cut.statusCode, cut.json().detail], [409, 'nothing was replaced: this is not a whole backup of a volume: its summary is not at its end']);
  t.is((await restore(Buffer.from('{}'), 'application/json')).statusCode, 415);
  t.is(view.volumes.files.get('shop/data'), 'second');
});

test('a volume is removed when its name is there twice, and by nobody without a token', async (t) => {
  const {server, view, remove} = subject(t);
  view.volumes.files.set('shop/data', 'first');
  t.is((await remove('data')).statusCode, 400);
  t.is((await server.inject({method: 'POST', url: '/v1/apps/shop/volumes/data/remove', payload: {confirm: 'shop/data'}})).statusCode, 401);
  t.is(view.volumes.files.size, 1);
  t.is((await remove('shop/data')).statusCode, 200);
  t.is(view.volumes.files.size, 0);
});

test('there is no backup of a volume that is not there, nor of a name that is none', async (t) => {
  const {server, backup} = subject(t);
  t.is((await backup()).statusCode, 409);
  t.is((await server.inject({url: '/v1/apps/shop/volumes/..%2Fdata/backup', headers: BEARER})).statusCode, 400);
});
