import test from 'ava';
import {findIdConflicts} from '../../../reconciler/desired/id-conflicts.ts';
import type {Identified} from '../../../schemas/app-id.ts';
import type {AppId, AppName} from '../../../schemas/ids.ts';

/** `store=shop` is an app store with the id shop. */
function apps(line: string): readonly Identified[] {
  return line.split(' ').filter((word) => word !== '').map((word) => {
    const [name = '', id] = word.split('=');
    return {name: name as AppName, ...(id !== undefined && {id: id as AppId})};
  });
}

const conflicts = test.macro<[now: string, before: string, expected: readonly string[]]>((t, now, before, expected) => {
  t.deepEqual(findIdConflicts(apps(now), apps(before)).map(({app, id, message}) => `${app} has ${id}: ${message.split(':')[0]}`), expected);
});

test('apps without ids are of themselves', conflicts, 'blog shop', 'shop', []);
test('an app is renamed', conflicts, 'blog store=shop', 'blog shop', []);
test('and back', conflicts, 'blog shop', 'blog store=shop', []);
test('another one gets the name, with an id of its own', conflicts, 'shop=shop-2 store=shop', 'store=shop', []);
test('without one it gets nothing', conflicts, 'shop store=shop', 'store=shop', ['shop has shop.none: what goes by the id "shop" is that of the app "store" (apps/store/app.yaml)']);
test('nobody takes the id of an app that there is', conflicts, 'shop evil=shop', 'shop', ['evil has evil.none: what goes by the id "shop" is that of the app "shop" (apps/shop/app.yaml)']);
test('nor did so before anybody was served: who says it has it', conflicts, 'shop store=shop', '', ['shop has shop.none: what goes by the id "shop" is that of the app "store" (apps/store/app.yaml)']);
test('an app keeps the id that it has', conflicts, 'evil=gone shop', 'evil shop', ['evil has evil: its id was "evil", and is "gone" now']);
test('also when its line is taken out', conflicts, 'store', 'store=shop', ['store has shop: its id was "shop", and is "store" now']);
test('two apps change places', conflicts, 'a=b b=a', 'a b', []);
test('a copy of a renamed app gets nothing', conflicts, 'copy=shop store=shop', 'store=shop', ['copy has copy.none: what goes by the id "shop" is that of the app "store" (apps/store/app.yaml)']);
