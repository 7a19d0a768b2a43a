import test from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import {cronEvents} from '../../../reconciler/status/cron.ts';

test('each run that ended is an event of its own, with its kind', (t) => {
  const ended = {dueMs: 0, state: 'ended', endedAtMs: 0} as const;
  const events = cronEvents({
    kind: 'write-cron', app: 'shop' as AppName, cron: 'tick', reason: '',
    runs: [{...ended, id: '1', result: 'succeeded'}, {...ended, id: '2', result: 'missed', count: 3, cause: 'Flynn did not run then'}, {id: '3', dueMs: 0, state: 'due'}],
  });
  t.deepEqual(events.map(({kind, message}) => `${kind} ${message}`), ['cron-succeeded tick: run 1 succeeded', 'cron-missed tick: 3 runs from 2 on missed: Flynn did not run then']);
});
