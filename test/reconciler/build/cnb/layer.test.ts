import test from 'ava';
import {keepingOf, readLayer} from '../../../../reconciler/build/cnb/layer.ts';

/** The table of "Layer Types" in the specification. */
for (const [build, cache, launch, keeping] of [
  [true, true, true, 'whole'],
  [true, true, false, 'whole'],
  [true, false, true, 'nothing'],
  [true, false, false, 'nothing'],
  [false, true, true, 'whole'],
  [false, true, false, 'whole'],
  [false, false, true, 'for reuse'],
  [false, false, false, 'nothing'],
] as const) {
  test(`build ${build}, cache ${cache}, launch ${launch}: ${keeping} is kept`, t => {
    t.is(keepingOf(readLayer(`[types]\nbuild = ${build}\ncache = ${cache}\nlaunch = ${launch}\n`, 'a.toml')), keeping);
  });
}

test('metadata comes back without types', t => {
  const {restored} = readLayer('[types]\nlaunch = true\n[metadata]\nversion = "1.2"\nsize = 3\nshare = 0.5\nlist = [1, 2]\n[metadata.deep]\nx = true\n', 'a.toml');
  t.is(restored, '[metadata]\nversion = "1.2"\nsize = 3\nshare = 0.5\nlist = [ 1, 2 ]\n\n[metadata.deep]\nx = true\n');
});

test('metadata may be a single text', t => {
  t.is(readLayer('metadata = "abc"\n[types]\ncache = true\n', 'a.toml').restored, 'metadata = "abc"\n');
});

test('a layer for tests is not in the image', t => {
  t.false(readLayer('[types]\nlaunch = true\n[metadata]\nexec-env = ["test"]\n', 'a.toml').isForLaunch);
});
