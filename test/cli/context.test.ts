import {mkdtemp, readdir, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {changeContexts, contextFile, findCluster, loadContexts, parseContexts, saveContexts, withCluster, withoutCluster} from '../../cli/context.ts';

const signal = AbortSignal.timeout(600_000);
const here = {url: 'http://api.a.localhost', gitUrl: 'http://git.a.localhost', token: 'secret', user: 'ada'};
const there = {...here, url: 'http://api.b.example'};

test('a saved configuration reads back the same, and only its owner can read it', async (t) => {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'flynn-context-')), 'deep', 'config.yaml');
  t.deepEqual(await loadContexts(file), {clusters: {}});
  const contexts = withCluster({clusters: {}}, 'a', here);
  await saveContexts(file, contexts);
  t.deepEqual(await loadContexts(file), contexts);
  t.is((await stat(file)).mode & 0o777, 0o600);
});

test('of changes that are made at the same time none is lost', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-context-'));
  const file = path.join(folder, 'config.yaml');
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => changeContexts(file, (contexts) => withCluster(contexts, name, here), signal)));
  t.deepEqual(Object.keys((await loadContexts(file)).clusters).toSorted(), names);
  await Promise.all(names.map((name) => changeContexts(file, (contexts) => withoutCluster(contexts, name), signal)));
  t.deepEqual(await readdir(folder), [], 'an empty configuration is no file, and nobody has the lock');
});

test('the first cluster becomes the default, and a later one does not take that away', (t) => {
  const both = withCluster(withCluster({clusters: {}}, 'a', here), 'b', there);
  t.is(both.default, 'a');
  t.is(findCluster(both)?.cluster.url, here.url);
  t.is(findCluster(both, 'b')?.cluster.url, there.url);
  t.is(findCluster(both, 'c'), undefined);
});

test('removing the default cluster makes another one the default', (t) => {
  const both = withCluster(withCluster({clusters: {}}, 'a', here), 'b', there);
  t.deepEqual(withoutCluster(both, 'a'), {default: 'b', clusters: {b: there}});
  t.deepEqual(withoutCluster(withoutCluster(both, 'a'), 'b'), {clusters: {}});
});

test('a broken file is refused with its name and what would be right', (t) => {
  t.throws(() => parseContexts('c.yaml', 'clusters: [1]'), {message: `'c.yaml': "clusters" has to be a mapping from names to clusters`});
  t.throws(() => parseContexts('c.yaml', 'clusters: {a: {url: x}}'), {message: /cluster "a" has to have the texts/});
  t.throws(() => parseContexts('c.yaml', 'a: [b'), {message: /is not YAML/});
});

test('the file is in XDG_CONFIG_HOME when that is absolute, else below the home', (t) => {
  t.is(contextFile({HOME: '/home/ada'}), '/home/ada/.config/flynn/config.yaml');
  t.is(contextFile({HOME: '/home/ada', XDG_CONFIG_HOME: '/x'}), '/x/flynn/config.yaml');
  t.is(contextFile({HOME: '/home/ada', XDG_CONFIG_HOME: 'x'}), '/home/ada/.config/flynn/config.yaml');
});
