import test from 'ava';
import type {Descriptor, Group} from '../../../../reconciler/build/cnb/descriptor.ts';
import {groupsOf} from '../../../../reconciler/build/cnb/order.ts';

/** `A B?` is a group of A and, if it likes, B. */
function group(text: string): Group {
  return text.split(' ').filter(word => word !== '').map(word => ({id: word.replace('?', ''), isOptional: word.endsWith('?')}));
}

function buildpack(id: string, ...order: readonly string[]): Descriptor {
  return {folder: `/${id}`, api: '0.11', id, version: '1.0.0', name: id, clearsEnv: false, targets: [], order: order.map(group), isForProduction: true};
}

const SINGLE = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'].map(id => buildpack(id));

const expands = test.macro({
  exec(t, {order, composite = [], groups}: {order: readonly string[]; composite?: readonly Descriptor[]; groups: readonly string[]}) {
    const found = [...groupsOf(order.map(group), [...SINGLE, ...composite])];
    t.deepEqual(found.map(members => members.map(({descriptor, isOptional}) => descriptor.id + (isOptional ? '?' : '')).join(' ')), groups);
  },
  title: (claim = '') => claim,
});

const O = buildpack('O', 'A B', 'C D');
const P = buildpack('P', 'E F', 'G H');

test('a group of buildpacks with scripts is itself', expands, {order: ['A B?'], groups: ['A B?']});
test('groups are tried in their order', expands, {order: ['A', 'B'], groups: ['A', 'B']});
test('an order within a group is replaced by each of its groups, as in the specification', expands, {order: ['E O F'], composite: [O], groups: ['E A B F', 'E C D F']});
test('two orders give all their combinations, depth first', expands, {order: ['O P'], composite: [O, P], groups: ['A B E F', 'A B G H', 'C D E F', 'C D G H']});
test('an optional order is also left out', expands, {order: ['O? E'], composite: [O], groups: ['A B E', 'C D E', 'E']});
test('a buildpack that is there already does not come twice', expands, {order: ['O A B E'], composite: [O], groups: ['A B E', 'C D A B E']});
test('a buildpack that is not for production is left out', expands, {order: ['A X B'], composite: [{...buildpack('X'), isForProduction: false}], groups: ['A B']});

test('an order that contains itself is refused', t => {
  t.throws(() => [...groupsOf([group('Q')], [buildpack('Q', 'Q', 'Q')])], {message: 'buildpack "Q" is a part of its own order'});
});

test('an order that stands for too many groups is refused', t => {
  const many = Array.from({length: 10}, (_, index) => buildpack(`M${index}`, 'A', 'B', 'C'));
  t.throws(() => [...groupsOf([many.map(({id}) => ({id, isOptional: false}))], [...SINGLE, ...many])], {message: 'the order of buildpacks stands for more than 500 groups'});
});

test('a buildpack that nobody brought is named', t => {
  t.throws(() => [...groupsOf([group('A Z')], SINGLE.slice(0, 2))], {message: 'an order wants buildpack "Z", which is not among those that were fetched: A, B; name it in "buildpacks" too'});
});

test('a version that there is not is named with those that there are', t => {
  t.throws(() => [...groupsOf([[{id: 'A', version: '2.0.0', isOptional: false}]], SINGLE)], {message: 'an order wants buildpack "A" 2.0.0, there is 1.0.0'});
});
