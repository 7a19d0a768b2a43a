import test from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {bareRepo, run} from '../checkout/support.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const WRITERS = 40;
const APPS = 4;
const APP_YAML = 'apiVersion: flynn/v1\nkind: App\n';

test(`${WRITERS} who write at once through the API, to ${APPS} apps of a real repository, lose nothing`, async (t) => {
  const apps = Array.from({length: APPS}, (_, number) => `app-${number}`);
  const gitdir = await bareRepo(t, {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\n', ...Object.fromEntries(apps.map((app) => [`apps/${app}/app.yaml`, APP_YAML]))});
  const repo = ownRepo({gitdir, check: commitCheck({domain: () => 'flynn.localhost'})});
  const server = documented(t, createServer({view: Object.assign(new FakeView(), {repo}), authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => t.log(message, error)}));
  t.teardown(async () => {
    await server.close();
    repo.close();
  });
  const answers = await Promise.all(Array.from({length: WRITERS}, (_, writer) => server.inject({method: 'POST', url: `/v1/apps/app-${writer % APPS}/env`, headers: {authorization: 'Bearer right-token'}, payload: {set: {[`WRITER_${writer}`]: 'x'}}})));
  t.deepEqual([...new Set(answers.map(({statusCode}) => statusCode))], [200]);
  t.is(await run(gitdir, 'rev-list', '--count', 'main'), String(WRITERS + 1));
  const texts = await Promise.all(apps.map((app) => run(gitdir, 'show', `main:apps/${app}/app.yaml`)));
  t.is(texts.join('\n').match(/WRITER_\d+:/g)?.length, WRITERS);
});
