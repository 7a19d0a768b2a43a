import test from 'ava';
import {createApp} from '../../../reconciler/commits/edits.ts';
import {readTemplate, renderTemplate} from '../../../reconciler/commits/template.ts';
import {validateFiles} from '../../../reconciler/desired/validate.ts';
import type {AppName, BlobId} from '../../../schemas/ids.ts';
import {loadManifest} from '../../../schemas/load.ts';
import {CLUSTER_DEFAULTS} from '../../../schemas/cluster.ts';

const VALUES = {name: 'Ann\'s "test" \\ cluster', domain: 'flynn.localhost', node: 'box-1', recipient: `age1${'q'.repeat(58)}`, signingKey: `ssh-ed25519 ${'A'.repeat(68)}`};

test('a new cluster repository has no problems, with an app as well', async (t) => {
  const files = renderTemplate(await readTemplate(AbortSignal.timeout(30_000)), VALUES);
  const app = createApp('shop' as AppName)(() => undefined, () => []);
  const manifests = Object.entries({...files, ...app}).map(([path, text = '']) => ({path, kind: 'text' as const, text, blobId: '' as BlobId}));
  t.deepEqual(validateFiles(manifests, VALUES.domain), []);
  t.true('nodes/box-1.yaml' in files);
  t.false(Object.values(files).some((text) => /\{\{\w+\}\}/.test(text)));
});

test('cluster.yaml of a new repository says the defaults, and the name that was given', async (t) => {
  const files = renderTemplate(await readTemplate(AbortSignal.timeout(30_000)), VALUES);
  const loaded = loadManifest('Cluster', 'cluster.yaml', files['cluster.yaml'] ?? '');
  t.deepEqual(loaded, {ok: true, value: {apiVersion: 'flynn/v1', kind: 'Cluster', name: VALUES.name, domain: VALUES.domain, ...CLUSTER_DEFAULTS, recipients: [VALUES.recipient]}});
});

test('every schema that the first line of a file points to is there', async (t) => {
  const files = {
    ...renderTemplate(await readTemplate(AbortSignal.timeout(30_000)), VALUES),
    ...createApp('shop' as AppName)(() => undefined, () => []),
  };
  const pointers = Object.entries(files).flatMap(([file, text]) => {
    const pointer = /^# yaml-language-server: \$schema=(\S+)/.exec(text ?? '')?.[1];
    return pointer === undefined ? [] : [new URL(pointer, `file:///${file}`).pathname.slice(1)];
  });
  t.is(pointers.length, 3);
  for (const pointer of pointers) t.true(pointer in files, pointer);
});

test('a template that asks for something unknown is a bug', (t) => {
  t.throws(() => renderTemplate({'x.md': '{{toString}}'}, VALUES), {message: 'bug: x.md of the template asks for "toString"'});
});
