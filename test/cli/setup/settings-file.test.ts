import {mkdtemp} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {NodeSettings} from '../../../reconciler/settings.ts';
import {defaultListen, differences, mergeSettings, nodeName, parseSettings, readSettings, writeSettings} from '../../../cli/setup/settings-file.ts';

const first = mergeSettings({data: '/var/lib/flynn', hostname: 'Box.example', stored: undefined, flags: {}});

test('without flags and history the defaults hold, all on loopback', (t) => {
  t.deepEqual(first, {
    data: '/var/lib/flynn', node: 'box', domain: 'flynn.localhost', listen: '127.0.0.1',
    httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 2222, cluster: {kind: 'own'},
  });
});

test('flags win over what is stored, and the rest stays as it was', (t) => {
  const stored: NodeSettings = {...first, httpPort: 8080, node: 'old-name'};
  const merged = mergeSettings({data: first.data, hostname: 'other', stored, flags: {httpsPort: 8443}});
  t.deepEqual(merged, {...stored, httpsPort: 8443});
});

test('a public domain listens on all addresses, unless an address was chosen', (t) => {
  const merge = (stored: NodeSettings | undefined, flags: Parameters<typeof mergeSettings>[0]['flags']) => mergeSettings({data: first.data, hostname: 'box', stored, flags}).listen;
  t.is(merge(undefined, {domain: 'apps.example.com'}), '0.0.0.0');
  t.is(merge(first, {domain: 'apps.example.com'}), '0.0.0.0');
  t.is(merge({...first, listen: '10.0.0.1'}, {domain: 'apps.example.com'}), '10.0.0.1');
  t.is(merge(first, {domain: 'apps.example.com', listen: '127.0.0.1'}), '127.0.0.1');
  t.deepEqual(['a.localhost', 'a.test', 'box', 'shop.internal'].map(defaultListen), Array.from({length: 4}, () => '127.0.0.1'));
});

test('written settings read back the same, of every kind of cluster repository', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-settings-'));
  const clusters: readonly NodeSettings['cluster'][] = [
    {kind: 'own'}, {kind: 'folder', folder: '/srv/cluster'},
    {kind: 'remote', url: 'https://git.example/c.git', tokenFile: '/t', pollSeconds: 5},
    {kind: 'remote', url: 'git@git.example:c.git', keyFile: '/k', pollSeconds: 30},
  ];
  for (const cluster of clusters) {
    const settings = {...first, cluster};
    const file = path.join(folder, 'deep', 'settings.yaml');
    await writeSettings(file, settings);
    const {data: _data, ...stored} = settings;
    t.deepEqual(await readSettings(file), stored);
  }
  t.is(await readSettings(path.join(folder, 'none.yaml')), undefined);
});

test('settings that make no sense are refused with the key and the value', (t) => {
  const {data: _data, ...stored} = first;
  t.throws(() => parseSettings('s.yaml', '[]'), {message: /has to be a mapping/});
  t.throws(() => parseSettings('s.yaml', JSON.stringify({...stored, httpPort: '80'})), {message: `'s.yaml': "httpPort" has to be a port, is "80"`});
  t.throws(() => parseSettings('s.yaml', JSON.stringify({...stored, domain: undefined})), {message: /"domain" has to be a text/});
  t.throws(() => parseSettings('s.yaml', JSON.stringify({...stored, cluster: {kind: 'remote'}})), {message: /"cluster" makes no sense/});
});

test('differences name each setting that would change, and nothing else', (t) => {
  t.deepEqual(differences(first, first), []);
  t.deepEqual(differences(first, {...first, httpPort: 8080}), ['httpPort: 80 would become 8080']);
});

test('any host name becomes a DNS label', (t) => {
  t.deepEqual(['box', 'Box_1.example.com', '-x-', '', '10.0.0.1', 'ünï'].map(nodeName), ['box', 'box-1', 'x', 'node', 'node-10', 'n']);
});
