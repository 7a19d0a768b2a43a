import test from 'ava';
import {Remembered} from '../../../reconciler/proposals/remembered.ts';

test('what was being read when it changed is not remembered', (t) => {
  const images = new Remembered<string>();
  images.reading()('one');
  t.is(images.value, 'one');
  const before = images.reading();
  images.forget();
  const after = images.reading();
  t.is(images.value, undefined);
  before('one');
  t.is(images.value, undefined, 'it is of before');
  after('one and two');
  before('one');
  t.is(images.value, 'one and two');
});
