import test from 'ava';
import {beyond} from '../../../reconciler/build/buildkit-cache.ts';

const record = (id: string, sizeBytes: number, usedAtMs: number) => ({id, sizeBytes, usedAtMs, isInUse: false});

test('of what BuildKit keeps for an app the newest stays, as much as fits', (t) => {
  const records = [record('old', 10, 1), record('new', 10, 3), record('middle', 10, 2)];
  t.deepEqual(beyond(records, 20), ['old']);
  t.deepEqual(beyond(records, 30), []);
  t.deepEqual(beyond(records, 5), ['new', 'middle', 'old']);
});
