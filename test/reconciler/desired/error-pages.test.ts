import test from 'ava';
import {validateFiles} from '../../../reconciler/desired/validate.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, config, file, release} from '../../support/manifests.ts';

const RELEASE = release('shop', 1, '{web: {command: [a]}}');
const DOWN = file('apps/shop/pages/down.html', '<h1>Down</h1>');

test('pages are files beside app.yaml, and having them is no deploy', (t) => {
  const resolve = (manifest: string) => resolveApp({name: 'shop' as AppName, treeId: '' as TreeId, files: [app('shop', manifest), RELEASE, DOWN]}, config(), 'flynn.localhost');
  const [own, none] = [resolve('errorPages: {503: pages/down.html, maintenance: pages/down.html}\n'), resolve('')];
  if (own.state !== 'resolved' || none.state !== 'resolved') return t.fail();
  t.deepEqual([own.errorPages, none.errorPages], [{'503': '<h1>Down</h1>', maintenance: '<h1>Down</h1>'}, undefined]);
  t.is(own.specKey, none.specKey);
});

for (const [manifest, more, problem] of [
  ['errorPages: {503: pages/up.html}\n', [], 'apps/shop/app.yaml:3:19: there is no file "pages/up.html" in the app\'s folder'],
  ['errorPages: {503: ../../cluster.yaml}\n', [], 'apps/shop/app.yaml:3:19: errorPages.503 must be a file such as pages/down.html, not "../../cluster.yaml"'],
  ['errorPages: {500: pages/down.html}\n', [], 'apps/shop/app.yaml:3:14: unknown field "500"; did you mean "502"?'],
  ['errorPages: {503: pages/large.html}\n', [file('apps/shop/pages/large.html', 'x'.repeat(33_000))], 'apps/shop/app.yaml:3:19: "pages/large.html" has 33 KiB, at most 32 are taken'],
  ['', [file('apps/shop/pages/down.txt', '')], 'apps/shop/pages/down.txt:1:1: is not a file of an app: known are app.yaml, secrets.yaml, releases/v0001.yaml …, pages/*.html and *.md'],
] as const) {
  test(`refused: ${problem}`, (t) => {
    t.deepEqual(validateFiles([cluster(), app('shop', manifest), RELEASE, DOWN, ...more], 'flynn.localhost').map(formatDiagnostic), [problem]);
  });
}
