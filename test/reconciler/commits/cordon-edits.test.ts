import test from 'ava';
import {type NodeWish, setNode} from '../../../reconciler/commits/cordon-edits.ts';
import {runOn} from '../../support/edit.ts';
import {head} from '../../support/manifests.ts';

const FILE = 'nodes/vm.yaml';

const edits = test.macro<[string, NodeWish, string | undefined]>((t, before, wish, after) => {
  const start = head('Node');
  t.is(runOn({[FILE]: start + before}, setNode('vm', wish))[FILE]?.slice(start.length), after);
});

test('a node is closed by a line', edits, 'labels: {disk: ssd} # fast\n', {cordon: true}, 'labels: {disk: ssd} # fast\ncordon: true\n');
test('and opened by taking it out', edits, 'cordon: true # until monday\ndrain: true\nlabels: {disk: ssd}\n', {cordon: false, drain: false}, 'labels: {disk: ssd}\n');
test('one field leaves the other', edits, 'cordon: true\n', {drain: true}, 'cordon: true\ndrain: true\n');
test('what is so already is no change', edits, 'cordon: true\n', {cordon: true, drain: false}, undefined);
test('false in the file is open', edits, 'cordon: false\n', {cordon: true}, 'cordon: true\n');

test('a node without a file gets one', (t) => {
  t.is(runOn({}, setNode('vm', {drain: true}))[FILE], `# yaml-language-server: $schema=../.flynn/schemas/node.schema.json\n${head('Node')}drain: true\n`);
  t.deepEqual(runOn({}, setNode('vm', {drain: false})), {});
});

test('a file that is wrong is not touched', (t) => {
  t.throws(() => runOn({[FILE]: `${head('Node')}nonsense: 1\n`}, setNode('vm', {drain: true})), {message: /nonsense/});
});
