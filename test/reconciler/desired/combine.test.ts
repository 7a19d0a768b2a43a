import test from 'ava';
import {appsInConflict, combine} from '../../../reconciler/desired/combine.ts';
import {massDelete, shownOf} from '../../../reconciler/desired/mass-delete.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {AppName, CommitId, TreeId} from '../../../schemas/ids.ts';
import {app, config, release} from '../../support/manifests.ts';

const together = test.macro({
  exec(t, apps: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>, before: Readonly<Record<string, string>> = {}) {
    const resolve = (all: Readonly<Record<string, string>>) => Object.entries(all).map(([name, yaml]) => (
      resolveApp({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml), release(name, 1)]}, config(), 'flynn.localhost')
    ));
    const resolved = resolve(apps);
    const served = resolve(before).filter((one) => one.state === 'resolved');
    const state = combine('c' as CommitId, resolved, {system: [], keptImages: 5, networks: config().networks, nodes: [], me: 'n1', served});
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

const X = 'routes: [{host: x.com}]\n';
const LOSES_TO_B = 'route "x.com/" of apps/a/app.yaml belongs to the app "b" already (apps/b/app.yaml)';
test('leaves a route to who served it before, whatever its name', together, {a: X, b: X}, {a: LOSES_TO_B, b: ''}, {b: X});
test('leaves it to him also when what he wants now is wrong', together, {a: X, b: 'routes: 1\n'}, {a: LOSES_TO_B, b: 'routes must be a list, not "1"'}, {b: X});
test('gives it to another one when he wants it no more', together, {a: X, b: 'routes: [{host: y.com}]\n'}, {a: '', b: ''}, {b: X});
test('gives it to another one when he is gone', together, {a: X}, {a: ''}, {b: X});
test('leaves the host of an app to another one that served it before there was that app', together, {a: 'routes: [{host: shop.flynn.localhost}]\n', shop: ''}, {
  a: '', shop: 'route "shop.flynn.localhost/" of apps/shop/app.yaml belongs to the app "a" already (apps/a/app.yaml)',
}, {a: 'routes: [{host: shop.flynn.localhost}]\n'});
test('takes paths that differ in case for one, and conditions for their own', together, {
  a: 'routes: [{host: x.com, path: /Api}, {host: x.com, when: {header: {X-A: 1}}}]\n', b: 'routes: [{host: x.com, path: /api}]\n', c: 'routes: [{host: x.com}]\n', d: 'routes: [{host: x.com, when: {header: {x-a: "1"}}}]\n',
}, {
  a: '', b: 'route "x.com/api" of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)', c: '', d: 'route "x.com/ when header x-a is 1" of apps/d/app.yaml belongs to the app "a" already (apps/a/app.yaml)',
});
test('lets wildcards stand beside the hosts below them', together, {a: 'routes: [{host: "*.x.com"}]\n', b: 'routes: [{host: a.x.com}, {host: "*"}]\n'}, {a: '', b: ''});

test('a conflict is told at its place, where the texts are known', (t) => {
  const files = (name: string, yaml: string) => ({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml), release(name, 1)]});
  const [a, b] = [files('a', X), files('b', 'tcp: [{port: 5432, service: web}]\nroutes:\n  - host: y.com\n  - {path: /, host: x.com}\n')];
  const resolved = [a, b].map((one) => resolveApp(one, config(), 'flynn.localhost'));
  t.deepEqual([...appsInConflict(resolved, [])], ['b' as AppName]);
  const {apps} = combine('c' as CommitId, resolved, {system: [], keptImages: 5, networks: config().networks, nodes: [], me: 'n1', texts: new Map([[b.name, b]])});
  t.deepEqual(apps.flatMap((one) => (one.state === 'invalid' ? one.problems.map(({file, line, column}) => `${file}:${line}:${column}`) : [])), ['apps/b/app.yaml:6:21']);
});

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

test('of thousands that would be gone the first are shown', (t) => {
  const many = Array.from({length: 4000}, (_, index) => `a${index}` as AppName);
  t.deepEqual(shownOf(many).slice(-2), ['a19', '3980 more']);
  t.deepEqual(shownOf(many.slice(0, 20)), many.slice(0, 20));
});
