import test from 'ava';
import {terminal} from './terminal.ts';

const CLUSTER = `apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n`;

test('registry says that there is none, and which one there is', async (t) => {
  const {type, view} = await terminal(t);
  view.repo.files.set('cluster.yaml', CLUSTER);
  t.is(await type('registry'), '$ flynn registry\n! no registry: images of releases are on the nodes only\nexit 0');
  view.repo.files.set('cluster.yaml', `${CLUSTER}registry: {host: "registry.test:5000", path: team}\n`);
  t.is(await type('registry'), '$ flynn registry\nregistry.test:5000/team\nexit 0');
});

test('registry set and remove are commits', async (t) => {
  const {type, view} = await terminal(t);
  view.repo.files.set('cluster.yaml', CLUSTER);
  t.regex(await type('registry set registry.test/team/flynn'), /^! Committed "cluster: images are pushed to registry\.test" [0-9a-f]{8}$/m);
  t.is(view.repo.files.get('cluster.yaml'), `${CLUSTER}registry:\n  host: "registry.test"\n  path: "team/flynn"\n`);
  t.regex(await type('registry remove'), /^! Committed "cluster: images are pushed to no registry" [0-9a-f]{8}$/m);
  t.is(view.repo.files.get('cluster.yaml'), CLUSTER);
  t.regex(await type('registry set'), /which one\? it has to be like flynn registry set registry\.example\.com\/team -u ann/);
});
