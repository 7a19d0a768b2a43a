import test from 'ava';
import {limitedPrint, OUTPUT_BYTES_MAX} from '../../../reconciler/build/limits.ts';

test('lines are passed on until a build has printed too much: then it is told once, and nothing follows', t => {
  const lines: string[] = [];
  const told: string[] = [];
  const print = limitedPrint((line) => lines.push(line), ({message}) => told.push(message));
  const line = 'x'.repeat(2 ** 20 - 1);
  for (let at = 0; at < OUTPUT_BYTES_MAX; at += line.length + 1) print(line);
  t.is(lines.length, 16);
  t.deepEqual(told, []);
  print('');
  print('and more');
  t.is(lines.length, 16);
  t.deepEqual(told, ['the build printed more than 16Mi']);
});
