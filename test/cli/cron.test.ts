import test from 'ava';
import {app} from '../reconciler/api/fake-view.ts';
import type {CronStatus} from '../../reconciler/status/cron.ts';
import {terminal, text} from './terminal.ts';

const APP_YAML = `apiVersion: flynn/v1
kind: App
cron:
  nightly:
    schedule: "0 3 * * *" # when nobody is awake
    command: node nightly.js
  hourly: {schedule: "@hourly", command: "true"}
`;

const NIGHTLY: CronStatus = {
  name: 'nightly', schedule: '0 3 * * *', timezone: 'UTC', command: ['node nightly.js'], overlap: 'forbid', isSuspended: false,
  nextAt: '2026-11-24T03:00:00Z',
  runs: [
    {id: '20261121-030000', dueAt: '2026-11-21T03:00:00Z', state: 'missed', count: 2, detail: 'Flynn did not run then'},
    {id: '20261123-030000', dueAt: '2026-11-23T03:00:00Z', state: 'failed', startedAt: '2026-11-23T03:00:00.100Z', endedAt: '2026-11-23T03:00:02.100Z', release: 3, exitCode: 7, detail: 'exited with code 7'},
  ],
};

async function withCron(t: Parameters<typeof terminal>[0], crons: readonly CronStatus[] = [NIGHTLY]) {
  const one = await terminal(t);
  one.view.current = {...one.view.current, apps: [app('shop')]};
  one.view.cronList = crons;
  one.view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  return one;
}

test('cron lists schedules, the last runs and the next ones', async (t) => {
  const {type} = await withCron(t, [NIGHTLY, {...NIGHTLY, name: 'hourly', schedule: '@hourly', isSuspended: true, runs: []}]);
  const shown = await type('cron -a shop');
  t.regex(shown, /^NAME +SCHEDULE +TIMEZONE +LAST RUN +NEXT RUN$/m);
  t.regex(shown, /^nightly +0 3 \* \* \* +UTC +\S+ ago: failed: exited with code 7 +2026\/11\/24 \d\d:\d\d:00$/m);
  t.regex(shown, /^hourly +@hourly +UTC +- +suspended$/m);
});

test('cron says where jobs come from when there are none', async (t) => {
  const {type} = await withCron(t, []);
  t.is(await type('cron -a shop'), text`
    $ flynn cron -a shop
    ! no cron jobs on ⬢ shop: they stand in apps/shop/app.yaml, and run from its first release on
    exit 0
  `);
});

test('cron runs lists what became of them', async (t) => {
  const {type} = await withCron(t);
  const shown = await type('cron runs nightly -a shop');
  t.regex(shown, /^20261121-030000 +\S+ \S+ +- +missed 2 times: Flynn did not run then$/m);
  t.regex(shown, /^20261123-030000 +\S+ \S+ +v3 +failed: exited with code 7$/m);
});

test('cron run prints what the run writes, and exits as it does', async (t) => {
  const {type, view} = await withCron(t);
  view.cronLines = [
    {line: {at: '2026-11-23T10:13:01.000000000Z', source: 'app', name: 'cron.nightly', stream: 'stdout', text: 'working'}},
    {run: {id: '20261123-101301-000', dueAt: '2026-11-23T10:13:01Z', state: 'failed', startedAt: '2026-11-23T10:13:01Z', endedAt: '2026-11-23T10:13:02Z', exitCode: 7, detail: 'exited with code 7'}},
  ];
  t.is(await type('cron run nightly -a shop'), text`
    $ flynn cron run nightly -a shop
    ! Running nightly of ⬢ shop... 20261123-101301-000
    working
    ! nightly 20261123-101301-000 failed: exited with code 7
    exit 7
  `);
  t.deepEqual(view.started, ['shop nightly by Ann Lee', 'log of shop nightly 20261123-101301-000 follow']);
});

test('cron run of one that there is not is refused', async (t) => {
  const {type} = await withCron(t);
  t.is(await type('cron run nope -a shop'), text`
    $ flynn cron run nope -a shop
    ! error: app "shop" has no cron job "nope"; known are nightly
    exit 1
  `);
});

test('cron logs takes the last run that began', async (t) => {
  const {type, view} = await withCron(t);
  view.cronLines = [{run: NIGHTLY.runs[1]!}]; // it has two
  await type('cron logs nightly -a shop');
  t.deepEqual(view.started, ['log of shop nightly 20261123-030000 so-far']);
});

test('cron suspend and resume are commits that leave the rest of the file as it is', async (t) => {
  const {type, view} = await withCron(t);
  const shown = await type('cron suspend nightly -a shop');
  t.regex(shown, /^! Committed "shop: suspend cron job nightly" [0-9a-f]{8}\nexit 0$/m);
  t.is(view.repo.files.get('apps/shop/app.yaml'), APP_YAML.replace('    command: node nightly.js\n', '    command: node nightly.js\n    suspend: true\n'));
  await type('cron suspend hourly -a shop');
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', /hourly: \{suspend: true, schedule: "@hourly", command: "true"\}/);
  t.regex(await type('cron resume nightly -a shop'), /Committed "shop: resume cron job nightly"/);
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', /suspend: false/);
  t.regex(await type('cron suspend nope -a shop'), /app "shop" has no cron job "nope"; known are hourly, nightly\nexit 1/);
});
