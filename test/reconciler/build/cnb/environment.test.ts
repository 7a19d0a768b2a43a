import test from 'ava';
import {applyChanges, buildChanges, launchChanges, launchPrograms, processesOf, withUserEnv, type LayerContents} from '../../../../reconciler/build/cnb/environment.ts';

function layer(name: string, files: Readonly<Record<string, string>> = {}, folders: readonly string[] = []): LayerContents {
  const programs = Object.keys(files).filter(file => file.startsWith('exec.d/'));
  return {folder: `/layers/b/${name}`, folders: new Set(folders), files: new Map(Object.entries(files).filter(([file]) => !programs.includes(file))), programs};
}

const changes = test.macro({
  exec(t, {layers, before = {}, phase = 'launch', process, after}: {layers: readonly LayerContents[]; before?: Record<string, string>; phase?: 'build' | 'launch'; process?: string; after: Record<string, string>}) {
    t.deepEqual(applyChanges(before, phase === 'build' ? buildChanges(layers) : launchChanges(layers, process)), after);
  },
  title: (claim = '') => claim,
});

test('without a suffix a file overrides', changes, {layers: [layer('a', {'env/X': 'new'})], before: {X: 'old'}, after: {X: 'new'}});
test('override overrides', changes, {layers: [layer('a', {'env/X.override': 'new'})], before: {X: 'old'}, after: {X: 'new'}});
test('default leaves what is there', changes, {layers: [layer('a', {'env/X.default': 'new', 'env/Y.default': 'y'})], before: {X: 'old', Y: ''}, after: {X: 'old', Y: 'y'}});
test('append and prepend have no delimiter of their own', changes, {layers: [layer('a', {'env/X.append': 'new', 'env/Y.prepend': 'new'})], before: {X: 'old', Y: 'old'}, after: {X: 'oldnew', Y: 'newold'}});
test('a delimiter stands between values', changes, {layers: [layer('a', {'env/X.append': 'new', 'env/X.delim': ':', 'env/Y.prepend': 'new', 'env/Y.delim': ', '})], before: {X: 'old'}, after: {X: 'old:new', Y: 'new'}});
test('a suffix that there is not, and a name that is none, change nothing', changes, {layers: [layer('a', {'env/X.often': '1', 'env/1X': '2'})], after: {}});
test('layers are applied by their names', changes, {layers: [layer('b', {'env/X.append': 'b'}), layer('a', {'env/X.append': 'a'})], after: {X: 'ab'}});
test('the first default wins, the last override does', changes, {layers: [layer('a', {'env/X.default': 'a', 'env/Y': 'a'}), layer('b', {'env/X.default': 'b', 'env/Y': 'b'})], after: {X: 'a', Y: 'b'}});
test('folders for all go before those for one phase, and these before those for one process', changes, {
  layers: [layer('a', {'env/X.append': '1', 'env.launch/X.append': '2', 'env.launch/web/X.append': '3', 'env.launch/worker/X.append': 'w', 'env.build/X.append': 'b'})],
  process: 'web',
  after: {X: '123'},
});
test('a build gets what is for builds', changes, {layers: [layer('a', {'env/X.append': '1', 'env.launch/X.append': '2', 'env.build/X.append': 'b'})], phase: 'build', after: {X: '1b'}});
test('bin and lib are found when the app starts, the last layer first', changes, {
  layers: [layer('a', {}, ['bin', 'lib', 'include']), layer('b', {}, ['bin'])],
  before: {PATH: '/bin'},
  after: {PATH: '/layers/b/b/bin:/layers/b/a/bin:/bin', LD_LIBRARY_PATH: '/layers/b/a/lib'},
});
test('headers and libraries are found in builds', changes, {
  layers: [layer('a', {}, ['bin', 'lib', 'include', 'pkgconfig', 'share'])],
  phase: 'build',
  after: {PATH: '/layers/b/a/bin', LD_LIBRARY_PATH: '/layers/b/a/lib', LIBRARY_PATH: '/layers/b/a/lib', CPATH: '/layers/b/a/include', PKG_CONFIG_PATH: '/layers/b/a/pkgconfig'},
});
test('in a start all paths are set before any file is read', changes, {layers: [layer('a', {'env/PATH': '/only'}), layer('b', {}, ['bin'])], after: {PATH: '/only'}});
test('in a build one layer is done before the next', changes, {layers: [layer('a', {'env/PATH': '/only'}), layer('b', {}, ['bin'])], phase: 'build', after: {PATH: '/layers/b/b/bin:/only'}});

test('programs run by layer and name, those of a process last', t => {
  const layers = [layer('b', {'exec.d/1': ''}), layer('a', {'exec.d/2': '', 'exec.d/1': '', 'exec.d/web/0': '', 'exec.d/worker/0': ''})];
  t.deepEqual(launchPrograms(layers, 'web'), ['/layers/b/a/exec.d/1', '/layers/b/a/exec.d/2', '/layers/b/a/exec.d/web/0', '/layers/b/b/exec.d/1']);
  t.deepEqual(launchPrograms(layers), ['/layers/b/a/exec.d/1', '/layers/b/a/exec.d/2', '/layers/b/b/exec.d/1']);
});

test('processes with an environment of their own are known', t => {
  t.deepEqual(processesOf(layer('a', {'env.launch/X': '', 'env.launch/web/X': '', 'exec.d/worker/x': '', 'env.build/web/X': ''})), ['web', 'worker']);
});

test('what people set wins, their paths go in front', t => {
  t.deepEqual(withUserEnv({PATH: '/bin', X: 'ours'}, {PATH: '/mine', X: 'theirs'}), {PATH: '/mine:/bin', X: 'theirs'});
});
