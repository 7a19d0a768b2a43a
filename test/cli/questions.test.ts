import test from 'ava';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {app, COMMIT} from '../reconciler/api/fake-view.ts';
import {terminal, text} from './terminal.ts';

process.env.TZ = 'UTC';

const BROKEN = app('blog', {
  release: 8, servingRelease: 7,
  services: [{
    name: 'web', command: ['node', 'server.js', 'a b'], wanted: 2, healthy: 1,
    replicas: [
      {name: 'web.1', containerId: 'd'.repeat(64), release: 7, state: 'up', since: '2026-11-20T10:12:01Z'},
      {name: 'web.2', containerId: 'e'.repeat(64), release: 8, state: 'crashed', since: '2026-11-23T10:12:59Z', detail: 'exit code 1'},
    ],
  }, {name: 'worker', command: [], wanted: 0, healthy: 0, replicas: []}],
  conditions: [
    {type: 'Ready', status: false, reason: 'Failed', message: 'release v7 serves', commit: COMMIT, since: '2026-11-23T10:12:59Z'},
    {type: 'Stalled', status: true, reason: 'ReleaseFailed', message: 'release v8 failed: exit code 1', commit: COMMIT, since: '2026-11-23T10:12:59Z'},
  ],
  waiting: ['wait blog web.2  # on a newer commit'],
});

const STATUS = {
  node: 'n1', cluster: 'home', domain: 'flynn.localhost', commit: COMMIT, revision: `main@sha1:${COMMIT}`,
  lastPassAt: '2026-11-23T10:12:59Z', lastSuccessfulPassAt: '2026-11-23T10:12:31Z',
  conditions: [{type: 'Ready', status: true, reason: 'Applied', message: 'all but 1 app are ready', commit: COMMIT, since: '2026-11-23T08:12:31Z'}],
  nodes: [{node: 'n1', memoryBytes: 7.5 * 2 ** 30, cpus: 2, free: {memoryBytes: 6 * 2 ** 30, cpus: 1.5}}],
  apps: [BROKEN, app('shop')],
} as const;

test('status shows the node, when it last succeeded, and the state of each app', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  t.is(await type('status'), text`
    $ flynn status
    === home (flynn.localhost), node n1
      revision      main@sha1:1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d1a2b3c4d
      last pass     2s ago
      last success  30s ago
      room          n1: 6Gi of 7.5Gi memory and 1.5 of 2 cores are not requested
      Ready  true  Applied  1a2b3c4d  2h  all but 1 app are ready

    APP   RELEASE  SERVICES             STATE          SINCE  MESSAGE
    blog  v8       web 1/2, worker 0/0  ReleaseFailed  2s     release v8 failed: exit code 1
    shop  v3       web 1/1              Healthy        1m     release v3 serves
    exit 0
  `);
});

test('status of an app shows its conditions with reason, message and commit, and what it waits for', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  t.is(await type('status blog'), text`
    $ flynn status blog
    === blog v8 (v7 serves)
      services  web 1/2, worker 0/0
      url       http://blog.flynn.localhost:8080/
      Ready    false  Failed         1a2b3c4d  2s  release v7 serves
      Stalled  true   ReleaseFailed  1a2b3c4d  2s  release v8 failed: exit code 1
      web.2 crashed: exit code 1
      wait blog web.2  # on a newer commit
    exit 0
  `);
});

test('status is coloured on a terminal, and nowhere else', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  t.true((await type('status', {isTerminal: true})).includes('\x1b[31mReleaseFailed\x1b[0m  2s'));
  t.false((await type('status', {isTerminal: true, env: {NO_COLOR: '1'}})).includes('\x1b'));
  t.false((await type('status')).includes('\x1b'));
});

test('an empty cluster says how to get an app', async (t) => {
  const {type} = await terminal(t);
  t.regex(await type('status'), /last success  never[^]*no apps yet; make one: flynn create\nexit 0$/);
  t.is(await type('apps'), text`
    $ flynn apps
    ! no apps yet; make one: flynn create
    exit 0
  `);
});

test('before a commit could be read nothing is said of apps, but why not', async (t) => {
  const {view, type} = await terminal(t);
  const {commit: _, revision: __, ...unread} = view.current;
  view.current = unread;
  t.regex(await type('status'), /revision {6}none applied yet[^]*\nwhich apps there are is not known: the cluster repository is being read\nexit 0$/);
  view.current = {...unread, conditions: [{type: 'Stalled', status: true, reason: 'SourceFailed', message: 'connect ECONNREFUSED 10.0.0.7:443', since: view.current.lastPassAt ?? '2026-11-23T10:12:01Z', commit: '0'.repeat(40) as never}]};
  t.regex(await type('status'), /SourceFailed .*ECONNREFUSED[^]*\nwhich apps there are is not known: no commit of the cluster repository could be read yet\nexit 0$/);
  const why = /^! error: which apps there are is not known yet: connect ECONNREFUSED 10\.0\.0\.7:443$/m;
  for (const line of ['apps', 'status shop', 'ps shop']) t.regex(await type(line), why, line);
});

test('ps prints what heroku ps prints', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  t.is(await type('ps blog'), text`
    $ flynn ps blog
    === web (2): node server.js "a b"
    web.1: up 2026/11/20 10:12:01 (~ 3d ago) v7
    web.2: crashed 2026/11/23 10:12:59 (~ 2s ago) v8: exit code 1

    === worker (0): the image's command
    exit 0
  `);
  t.is(await type('ps -a shop'), text`
    $ flynn ps -a shop
    === web (1): npm start
    web.1: up 2026/11/23 10:12:01 (~ 1m ago) v3
    exit 0
  `);
});

test('logs print what heroku logs print, filtered by the server', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  view.written = [
    {at: '2026-11-23T10:12:01.123456789Z', source: 'app', name: 'web.1', stream: 'stdout', text: 'listening on 8080'},
    {at: '2026-11-23T10:12:02.000000000Z', source: 'app', name: 'worker.1', stream: 'stderr', text: 'no work'},
    {at: '2026-11-23T10:12:03.000000000Z', source: 'app', name: 'web.1', stream: 'stdout', text: 'GET /'},
  ];
  t.is(await type('logs -a shop'), text`
    $ flynn logs -a shop
    2026-11-23T10:12:01+00:00 app[web.1]: listening on 8080
    2026-11-23T10:12:02+00:00 app[worker.1]: no work
    2026-11-23T10:12:03+00:00 app[web.1]: GET /
    exit 0
  `);
  t.is(await type('logs shop -t web -n 1'), text`
    $ flynn logs shop -t web -n 1
    2026-11-23T10:12:03+00:00 app[web.1]: GET /
    exit 0
  `);
  t.is(await type('logs shop -n many'), text`
    $ flynn logs shop -n many
    ! --lines is "many"; it has to be a whole number from 0 to 10000
    ! usage: flynn logs [<app>] [-f] [-n <lines>] [-t <service>] [--replica <name>] [--since <time>] [--until <time>] [--grep <pattern>]
    exit 2
  `);
});

test('logs -f goes on until Ctrl-C, and leaves no stream open on the server', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  view.written = [{at: '2026-11-23T10:12:01.1Z', source: 'app', name: 'web.1', stream: 'stdout', text: 'one'}];
  const interrupt = new AbortController();
  const shown = await type('logs shop -f', {signal: interrupt.signal, onOut: () => interrupt.abort()});
  t.is(shown, '$ flynn logs shop -f\n2026-11-23T10:12:01+00:00 app[web.1]: one\nexit 130');
  for (let tries = 0; view.streams.open > 0 && tries < 3000; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(view.streams.open, 0);
});

test('events of one app are chosen by -a', async (t) => {
  const {view, type} = await terminal(t);
  view.current = STATUS;
  view.past = [
    {at: '2026-11-23T10:12:01.5Z', kind: 'pass', message: 'applied 1a2b3c4d'},
    {at: '2026-11-23T10:12:02.5Z', kind: 'deploy', app: 'shop' as AppName, message: 'v3 is healthy'},
  ];
  t.is(await type('events'), text`
    $ flynn events
    2026-11-23T10:12:01+00:00 flynn[pass]: applied 1a2b3c4d
    2026-11-23T10:12:02+00:00 shop[deploy]: v3 is healthy
    exit 0
  `);
  t.is(await type('events -a shop --json'), text`
    $ flynn events -a shop --json
    {"at":"2026-11-23T10:12:02.5Z","kind":"deploy","app":"shop","message":"v3 is healthy"}
    exit 0
  `);
});

test('an event names the commit and who made it', async (t) => {
  const {view, type} = await terminal(t);
  view.past = [
    {at: '2026-11-23T10:12:01.5Z', kind: 'commit', message: 'applying', commit: '1a2b3c4d'.repeat(5) as CommitId, actor: 'Ada'},
    {at: '2026-11-23T10:12:02.5Z', kind: 'exited', app: 'shop' as AppName, message: 'web.1 exited with code 3', commit: '1a2b3c4d'.repeat(5) as CommitId, actor: 'flynn'},
  ];
  t.is(await type('events -n 2'), text`
    $ flynn events -n 2
    2026-11-23T10:12:01+00:00 flynn[commit]: applying  # 1a2b3c4d, Ada
    2026-11-23T10:12:02+00:00 shop[exited]: web.1 exited with code 3  # 1a2b3c4d
    exit 0
  `);
});

test('metrics say what the router has answered for each replica', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('metrics'), '$ flynn metrics\n! no requests yet\nexit 0');
  const nothing = {answeredWithin: [], answerMsSum: 0};
  view.traffic = {
    since: '2026-11-23T10:11:01Z', problems: ["HAProxy can't be asked: ENOENT"],
    http: [
      {app: 'shop' as AppName, requests: 2, requestsOfLastMinute: 2, statuses: {'5xx': 2}, errors: {H14: 2}, bytesIn: 0, bytesOut: 900, ...nothing},
      {app: 'shop' as AppName, replica: 'web.1', requests: 120, requestsOfLastMinute: 60, statuses: {'2xx': 118, '4xx': 2}, errors: {}, bytesIn: 2048, bytesOut: 3 * 2 ** 20, p50Ms: 3.7, p95Ms: 41, open: 4, ...nothing},
    ],
    tcp: [{app: 'shop' as AppName, service: 'db', port: 5432, connections: 9, open: 2, bytesIn: 1024, bytesOut: 4096, refused: 0}],
    tcpReplicas: [{app: 'shop' as AppName, service: 'db', port: 5432, replica: 'db.1', connections: 7, open: 2, bytesIn: 1000, bytesOut: 4000, errors: {T21: 1}}],
  };
  t.is(await type('metrics -a shop'), text`
    $ flynn metrics -a shop
    APP   REPLICA  REQUESTS  REQ/MIN  2XX  3XX  4XX  5XX  P50   P95    IN       OUT        OPEN  ERRORS
    shop  -        2         2        0    0    0    2    -     -      0 bytes  900 bytes  -     H14 2
    shop  web.1    120       60       118  0    2    0    4 ms  41 ms  2Ki      3Mi        4

    APP   SERVICE  PORT  CONNECTIONS  OPEN  IN   OUT  REFUSED
    shop  db       5432  9            2     1Ki  4Ki  0

    APP   PORT  REPLICA  OVER  OPEN  IN          OUT    ERRORS
    shop  5432  db.1     7     2     1000 bytes  3.9Ki  T21 1
    ! since 2m ago
    ! HAProxy can't be asked: ENOENT
    exit 0
  `);
});

test('drains say where logs go, and how that goes', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('drains'), '$ flynn drains\n! no drains\nexit 0');
  view.drained = [
    {url: 'syslog+tls://logs.test:6514', state: 'idle', delivered: 3012, dropped: 0, behind: 0},
    {app: 'shop' as AppName, url: 'https://logs.test/in', state: 'failing', delivered: 1, dropped: 2, behind: 30, error: 'the receiver answers 503'},
  ];
  t.is(await type('drains'), text`
    $ flynn drains
    APP    URL                          STATE    DELIVERED  WAITING  LOST
    (all)  syslog+tls://logs.test:6514  idle     3012       0        0
    shop   https://logs.test/in         failing  1          30       2     the receiver answers 503
    exit 0
  `);
});

test('drains are added and removed by commits, of an app or of all', async (t) => {
  const {view, type} = await terminal(t);
  await type('create shop');
  t.regex(await type('drains add -a shop https://logs.test/in --header X-Team=shop --no-verify'), /^! Committed "shop: add a drain to https:\/\/logs\.test\/in" [0-9a-f]{8}\nexit 0$/m);
  const manifest = () => view.repo.files.get('apps/shop/app.yaml') ?? '';
  t.true(manifest().endsWith('drains:\n  - url: https://logs.test/in\n    headers:\n      X-Team: shop\n    verify: false\n'), manifest());
  t.regex(await type('drains add -a shop ftp://logs'), /^! error: apps\/shop\/app\.yaml:\d+:\d+: url must be syslog/m);
  t.regex(await type('drains remove -a shop https://logs.test/in'), /^! Committed "shop: remove the drain to https:\/\/logs\.test\/in" [0-9a-f]{8}\nexit 0$/m);
  t.false(/^drains:/m.test(manifest()));
  t.regex(await type('drains remove -a shop https://logs.test/in'), /^! error: apps\/shop\/app\.yaml has no drain to https:\/\/logs\.test\/in$/m);
  t.is((await type('drains add')).split('\n').at(-1), 'exit 2');
});

test('plan exits 0 without actions, 1 with some, 2 when it is not known', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('plan'), '$ flynn plan\n! nothing to do\nexit 0');
  view.planned = {actions: [{kind: 'remove-container', id: 'f'.repeat(64) as never, name: 'flynn-shop-web-2', reason: 'replica 2 is not wanted'}], waiting: []};
  t.is(await type('plan'), text`
    $ flynn plan
    remove flynn-shop-web-2  # replica 2 is not wanted
    exit 1
  `);
  view.planned = new Error('the engine hangs');
  t.is(await type('plan'), text`
    $ flynn plan
    ! error: can't look at what runs: the engine hangs
    exit 2
  `);
});

test('open prints the URL where there is no browser', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...STATUS, apps: [app('shop'), app('new', {urls: []})]};
  t.is(await type('open shop'), '$ flynn open shop\nhttp://shop.flynn.localhost:8080/\nexit 0');
  t.is(await type('open new'), text`
    $ flynn open new
    ! error: ⬢ new has no URL yet
    !        its first deploy gives it one: git push flynn main
    exit 1
  `);
});

for (const line of ['status', 'status shop', 'apps', 'ps shop', 'plan', 'scale -a shop', 'open shop', 'cluster', 'version', 'drains']) {
  test(`${line} --json prints one JSON document to stdout`, async (t) => {
    const {view, type} = await terminal(t);
    view.current = STATUS;
    const shown = await type(`${line} --json`);
    const data = shown.split('\n').slice(1, -1).filter((one) => !one.startsWith('! ')).join('\n');
    t.notThrows(() => JSON.parse(data), shown);
    t.regex(shown, /\nexit 0$/);
  });
}

test('ids of commits are shortened to 8 digits', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...STATUS, conditions: [{...STATUS.conditions[0], commit: 'abcdef0123'.repeat(4) as CommitId}]};
  t.true((await type('status')).includes('Applied  abcdef01  2h'));
});

test('gc shows what goes, the largest first, and what is free then', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('gc --dry-run'), text`
    $ flynn gc --dry-run
    ! nothing to remove
    exit 0
  `);
  view.garbage = [
    {key: 'a', kind: 'build cache', subject: 'flynn-cache-blog', app: 'blog' as AppName, reason: 'app blog is gone', bytes: 3 * 2 ** 30},
    {key: 'b', kind: 'image', subject: '0123456789ab', app: 'shop' as AppName, reason: 'no kept release of shop has it', bytes: 300 * 2 ** 20},
  ];
  t.is(await type('gc --dry-run'), text`
    $ flynn gc --dry-run
    SIZE   WHAT         NAME              APP   WHY
    3Gi    build cache  flynn-cache-blog  blog  app blog is gone
    300Mi  image        0123456789ab      shop  no kept release of shop has it
    ! 2 things, at least 3.2Gi would be free
    exit 0
  `);
  t.deepEqual(view.collected, []);
  t.deepEqual(view.audit.entries, [], 'to look is no news');
  t.regex(await type('gc --caches'), /2 things, at least 3\.2Gi are free now\nexit 0$/);
  t.like(view.audit.entries.at(-1), {action: 'gc', subject: 'build caches too'});
  t.deepEqual(view.collected, ['with-caches']);
  t.is(JSON.parse((await type('gc --json')).split('\n').slice(1, -2).join('\n')).bytes, 3.5 * 2 ** 30 - 200 * 2 ** 20 - 12 * 2 ** 20);
});

test('ps says which copies wait for room', async (t) => {
  const {view, type} = await terminal(t);
  const shop = app('shop');
  view.current = {...STATUS, apps: [{...shop, services: shop.services.map((service) => ({...service, wanted: 2, waitsFor: 'no node has 1Gi of memory free (n1: 0 bytes of 2Gi)'}))}]};
  t.regex(await type('ps -a shop'), /\nweb: waiting for room: no node has 1Gi of memory free \(n1: 0 bytes of 2Gi\)\nexit 0$/);
});
