import test from 'ava';
import {combine} from '../../../reconciler/desired/combine.ts';
import {massDelete} from '../../../reconciler/desired/mass-delete.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {AppName, CommitId, TreeId} from '../../../schemas/ids.ts';
import {app, config, release} from '../../support/manifests.ts';

const together = test.macro({
  exec(t, apps: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>) {
    const resolved = Object.entries(apps).map(([name, yaml]) => (
      resolveApp({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml), release(name, 1)]}, config(), 'flynn.localhost')
    ));
    const state = combine('c' as CommitId, resolved, {system: [], keptImages: 5, networks: config().networks, nodes: [], me: 'n1'});
    t.deepEqual(state.apps.map(({name}) => name), Object.keys(expected) as AppName[]);
    t.deepEqual(Object.fromEntries(state.apps.map((one) => [one.name, one.state === 'invalid' ? one.problems.map(({message}) => message).join('; ') : ''])), expected);
  },
  title: (name) => `combine ${name}`,
});

test('sorts apps by name', together, {b: '', a: '', 'a-b': ''}, {a: '', 'a-b': '', b: ''});
test('gives a host that two apps claim to the first, and names both files', together, {
  b: 'routes: [{host: x.com}]\n',
  a: 'routes: [{host: x.com}, {host: x.com, path: /b}]\n',
  c: 'routes: [{host: x.com, path: /c}]\n',
}, {a: '', b: 'route "x.com/" of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)', c: ''});
test("leaves an app's own host to it, whoever else asks for it", together, {a: 'routes: [{host: shop.flynn.localhost}]\n', shop: ''}, {
  a: 'route "shop.flynn.localhost/" of apps/a/app.yaml belongs to the app "shop" already (apps/shop/app.yaml)', shop: '',
});
test('lets an app that lost one route take no other', together, {
  a: 'routes: [{host: x.com}]\n', b: 'routes: [{host: x.com}, {host: y.com}]\n', c: 'routes: [{host: y.com}]\n',
}, {a: '', b: 'route "x.com/" of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)', c: ''});

const names = (text: string) => text.split('').map((name) => name as AppName);
const removes = test.macro({
  exec(t, [before, after]: readonly [string, string], expected: string | undefined) {
    t.is(massDelete(names(before), names(after))?.removed.join(''), expected);
  },
  title: (name = '', [before, after]: readonly [string, string]) => `a mass delete, or not: ${name}, from the apps "${before}" to "${after}"`,
});

test('over half, and three', removes, ['cbade', 'de'], 'abc');
test('all of three', removes, ['abc', ''], 'abc');
test('all of two', removes, ['ab', ''], undefined);
test('half', removes, ['abcdef', 'def'], undefined);
test('others in their place', removes, ['abc', 'xyz'], 'abc');
test('none at first', removes, ['', 'abc'], undefined);
