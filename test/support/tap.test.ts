import test from 'ava';
import {formatTally, parseTap} from './tap.ts';

test('lines of tests are told from details and comments', (t) => {
  t.deepEqual(parseTap('ok 1 - plan › a new app starts'), {kind: 'passed', title: 'plan › a new app starts'});
  t.deepEqual(parseTap('not ok 2 - a # b'), {kind: 'failed', title: 'a # b'});
  t.deepEqual(parseTap('ok 3 - later # SKIP'), {kind: 'skipped', title: 'later'});
  t.deepEqual(parseTap('not ok 4 - some day # TODO'), {kind: 'skipped', title: 'some day'});
  t.deepEqual(parseTap('    at: file.ts:3'), {kind: 'detail', text: '    at: file.ts:3'});
  for (const line of ['TAP version 13', '1..9', '# pass 9', '', 'okay']) t.deepEqual(parseTap(line), {kind: 'other'});
});

test('skipped tests are mentioned only when there are any', (t) => {
  t.is(formatTally({passed: 2, failed: 0, skipped: 0}), '2 passed, 0 failed');
  t.is(formatTally({passed: 2, failed: 1, skipped: 3}), '2 passed, 1 failed, 3 skipped');
});
