import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {clusterRepoStep} from '../../../cli/setup/cluster-repo.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {Keyring} from '../../../reconciler/secrets/keyring.ts';
import type {NodeSettings} from '../../../reconciler/settings.ts';
import {ADA, run} from '../../reconciler/checkout/support.ts';

const FILE = '.flynn/schemas/app.schema.json';
const SCHEMA = path.join(import.meta.dirname, '..', '..', '..', 'schemas', 'json', 'app.schema.json');

test('a repository that an older version made gets the schemas of this one, by one commit; nothing else is changed', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'flynn-cluster-repo-'));
  t.teardown(() => rm(root, {recursive: true, force: true}));
  const layout = layoutOf(root);
  await new Keyring(layout.age).ensure();
  const settings = {cluster: {kind: 'own'}, domain: 'flynn.test', node: 'n1', data: root} satisfies Partial<NodeSettings> as NodeSettings; // the step reads no more
  const signal = AbortSignal.timeout(60_000);
  const step = clusterRepoStep(settings, layout);
  const go = async () => await step.check(signal) ?? step.do(() => {}, signal);
  t.is(await go(), `created ${layout.clusterRepo}`);
  t.is(await go(), layout.clusterRepo, 'it has them');

  const repo = ownRepo({gitdir: layout.clusterRepo});
  t.teardown(() => repo.close());
  const commit = async (changes: Readonly<Record<string, string | undefined>>) => repo.commit({edit: () => changes, message: 'change', author: ADA, operationId: JSON.stringify(Object.keys(changes))}, signal);
  await commit({[FILE]: '{"of": "an older version"}\n'});
  t.regex(await go(), /^schemas for editors brought up to date by commit [0-9a-f]{8}$/);
  t.is(await run(layout.clusterRepo, 'show', `main:${FILE}`), (await readFile(SCHEMA, 'utf8')).trim());
  t.regex(await run(layout.clusterRepo, 'log', '-1', '--format=%B', '--name-only', 'main'), /^cluster: the schemas of this version of Flynn\n\nFlynn-Schemas: [0-9a-f]{12}\n[^]*\n\.flynn\/schemas\/app\.schema\.json$/);
  t.is(await go(), layout.clusterRepo);

  await commit({'.flynn': undefined});
  t.is(await go(), layout.clusterRepo, 'who has none wants none');
});
