import {rm} from 'node:fs/promises';
import test from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {seal} from '../../../reconciler/secrets/keyring.ts';
import {parse} from 'yaml';
import {indented} from '../../support/sealed.ts';
import {FakeView} from './fake-view.ts';

const TOKEN = 'a-token';

test('who forgets old keys while they are rotated takes away none that everything is just being sealed to', async (t) => {
  const view = new FakeView();
  const recipient = await view.keyring.ensure();
  t.teardown(() => rm(view.keyring.folder, {recursive: true, force: true}));
  view.repo.files.set('cluster.yaml', `apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\nrecipients:\n  - ${recipient}\n`);
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\n');
  view.repo.files.set('apps/shop/secrets.yaml', `apiVersion: flynn/v1\nkind: Secrets\nenv:\n  KEY: |\n${indented(await seal('kept', [recipient]), 4)}`);
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  const ask = (method: 'GET' | 'POST', url: string) => server.inject({method, url: `/v1/secrets${url}`, headers: {authorization: `Bearer ${TOKEN}`}});

  let forgetting: ReturnType<typeof ask> | undefined;
  const commit = view.repo.commit.bind(view.repo);
  view.repo.commit = async (change) => {
    forgetting = ask('POST', '/forget');
    forgetting.catch(() => {});
    // They read more than it does: by then it would have read that git has the old key only.
    for (let times = 0; times < 5; times += 1) await ask('GET', '');
    return commit(change);
  };
  t.is((await ask('POST', '/rotate')).statusCode, 200);
  t.is((await forgetting)?.statusCode, 200);
  const [key] = (parse(view.repo.files.get('cluster.yaml') ?? '') as {recipients: string[]}).recipients;
  t.deepEqual(await view.keyring.recipients(), [key]);
  t.is(await view.keyring.open((parse(view.repo.files.get('apps/shop/secrets.yaml') ?? '') as {env: {KEY: string}}).env.KEY), 'kept');
});
