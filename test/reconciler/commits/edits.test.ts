import test from 'ava';
import {addRelease, createApp, removeRelease, scale, setDomain, type NewRelease} from '../../../reconciler/commits/edits.ts';
import {EditRefused, type Edit} from '../../../reconciler/checkout/snapshot.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {loadManifest} from '../../../schemas/load.ts';

const SHOP = 'shop' as AppName;
const HEAD = 'apiVersion: flynn/v1\nkind: App\n';
const RELEASE: NewRelease = {
  image: `sha256:${'a'.repeat(64)}`,
  source: {commit: '1234567890'.repeat(4), builder: 'Node.js'},
  services: {web: {command: ['node server.js --name "x: y"']}, 'cron-job': {command: []}},
  pushedBy: 'ann',
  createdAt: '2026-11-23T09:30:00Z',
  description: 'fix: the cart #12',
};

type Files = Readonly<Record<string, string | undefined>>;

function run(edit: Edit, files: Files): Files {
  const list = (folder: string) => [...new Set(Object.keys(files).filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
  return edit((path) => files[path], list);
}

/** Lines that are only in one of the texts, as `diff` would say it. */
function diff(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  return [...old.slice(start, old.length - end).map((line) => `-${line}`), ...now.slice(start, now.length - end).map((line) => `+${line}`)].join('\n');
}

const scales = test.macro({
  exec(t, {yaml, to, expected}: {yaml: string; to: Record<string, number | string>; expected: string}) {
    const before = HEAD + yaml;
    const files = {'apps/shop/app.yaml': before, ...run(addRelease(SHOP, RELEASE, {keep: 10}), {'apps/shop/app.yaml': before})};
    const changed = run(scale(SHOP, to), files);
    t.is(diff(before, changed['apps/shop/app.yaml'] ?? before), expected);
  },
  title: (name) => `scale ${name}`,
});

test('changes one line and keeps comments, quotes, spacing and blank lines', scales, {
  yaml: '\n# the front\nservices:\n    web:   # it serves\n        replicas:   2     # for the sale\n\n        port: 8080\n    # the back\n    worker: {replicas: 1}\n\nenv:\n    A:   "1"   # one\n',
  to: {web: 30},
  expected: '-        replicas:   2     # for the sale\n+        replicas:   30     # for the sale',
});
test('by as many more or less as are asked for', scales, {
  yaml: 'services:\n  web: {replicas: 2}\n  worker: {command: work, replicas: 5}\n',
  to: {web: '+3', worker: '-1'},
  expected: '-  web: {replicas: 2}\n-  worker: {command: work, replicas: 5}\n+  web: {replicas: 5}\n+  worker: {command: work, replicas: 4}',
});
test('adds the line below the last one of a service that has no replicas', scales, {
  yaml: 'services:\n  web:\n    check:\n      http: /x # checked\n    # end of web\n\nenv: {A: b}\n',
  to: {web: 3},
  expected: '+    replicas: 3',
});
test('takes a byte order mark for no column', (t) => {
  const before = `\uFEFF${HEAD}`;
  const changed = run(scale(SHOP, {web: 3}), {'apps/shop/app.yaml': before, ...run(addRelease(SHOP, RELEASE, {keep: 10}), {'apps/shop/app.yaml': before})});
  t.is(diff(before, changed['apps/shop/app.yaml'] ?? ''), '+services:\n+  web:\n+    replicas: 3');
});
test('adds a service that only the release has, below the others', scales, {
  yaml: 'services:\n  web:\n    replicas: 2\n\n# variables\nenv: {A: b}\n',
  to: {'cron-job': 1},
  expected: '+  cron-job:\n+    replicas: 1',
});
test('adds services to a manifest that has none, with comments below', scales, {
  yaml: '\n# services:\n#   web: {}\n',
  to: {web: 2},
  expected: '+services:\n+  web:\n+    replicas: 2',
});
test('adds a line where the file does not end in a newline', scales, {
  yaml: 'services:\n  web:\n    port: 80',
  to: {web: 2},
  expected: '+    replicas: 2\n+',
});
test('adds a line below a block scalar', scales, {
  yaml: 'services:\n  web:\n    command: |\n      a\n      b\n\nenv: {A: b}\n',
  to: {web: 2},
  expected: '+    replicas: 2',
});
test('edits flow style in its place', scales, {
  yaml: 'services: {web: {port: 80}, "worker": {}, cron-job: { replicas: 1 }}\n',
  to: {web: 2, worker: 3, 'cron-job': 4},
  expected: '-services: {web: {port: 80}, "worker": {}, cron-job: { replicas: 1 }}\n+services: {web: {replicas: 2, port: 80}, "worker": {replicas: 3}, cron-job: { replicas: 4 }}',
});
test('adds a service to a padded flow mapping', scales, {
  yaml: 'services: { web: {} }\n',
  to: {'cron-job': 4},
  expected: '-services: { web: {} }\n+services: { cron-job: {replicas: 4}, web: {} }',
});
test('gives a line of its own to a field of a flow mapping over several', scales, {
  yaml: 'services:\n  web: {\n    port: 80, # the usual one\n  }\n',
  to: {web: 2},
  expected: '+    replicas: 2,',
});
test('writes an alias out when only one of its users changes', scales, {
  yaml: 'services:\n  web: &both\n    limits: {memory: 1Gi}\n    port: 80\n  worker: *both\n',
  to: {worker: 2},
  expected: '-  worker: *both\n+  worker: { limits: { memory: 1Gi }, port: 80, replicas: 2 }',
});
test('keeps an anchor that is not in the way', scales, {
  yaml: 'services:\n  web:\n    limits: &small {memory: 1Gi}\n    replicas: 1\n  worker: {limits: *small}\n',
  to: {web: 2},
  expected: '-    replicas: 1\n+    replicas: 2',
});
test('replaces an alias that stands for the number', scales, {
  yaml: 'services: {web: {replicas: &n 2}, worker: {replicas: *n}}\n',
  to: {worker: 3},
  expected: '-services: {web: {replicas: &n 2}, worker: {replicas: *n}}\n+services: {web: {replicas: &n 2}, worker: {replicas: 3}}',
});
test('keeps the line ends of another system', scales, {
  yaml: 'services:\r\n  web:\r\n    port: 80\r\n',
  to: {web: 2},
  expected: '+    replicas: 2\r',
});
test('changes nothing when that is what it says', scales, {yaml: 'services: {web: {replicas: 2}}\n', to: {web: 2}, expected: ''});
test('changes nothing when that is the default', scales, {yaml: '', to: {web: 1, 'cron-job': 0}, expected: ''});

const refuses = test.macro({
  exec(t, {edit, files, message}: {edit: Edit; files: Files; message: RegExp}) {
    t.throws(() => run(edit, files), {instanceOf: EditRefused, message});
  },
  title: (name) => `is refused: ${name}`,
});

test('scale of an unknown service', refuses, {
  edit: scale(SHOP, {wbe: 2}),
  files: {'apps/shop/app.yaml': `${HEAD}services: {web: {}, worker: {}}\n`},
  message: /^app "shop" has no service "wbe"; known are web, worker$/,
});
test('fewer than none', refuses, {edit: scale(SHOP, {web: '-3'}), files: {'apps/shop/app.yaml': `${HEAD}services: {web: {replicas: 2}}\n`}, message: /^replicas of "web" must be a whole number from 0 to 1000, not "-1"$/});
test('scale before the first push', refuses, {edit: scale(SHOP, {web: 2}), files: {'apps/shop/app.yaml': HEAD}, message: /no services yet: push/});
test('scale of a service that every object has', refuses, {edit: scale(SHOP, {constructor: 2}), files: {'apps/shop/app.yaml': `${HEAD}services: {web: {}}\n`}, message: /no service "constructor"/});
test('scale of an app that is not there', refuses, {edit: scale(SHOP, {web: 2}), files: {}, message: /^there is no app "shop"/});
test('scale in a manifest with mistakes', refuses, {edit: scale(SHOP, {web: 2}), files: {'apps/shop/app.yaml': `${HEAD}services: {web: {port: x}}\n`}, message: /put right first:\napps\/shop\/app\.yaml:3:24: /});
test('scale that would change another service by an anchor', refuses, {
  edit: scale(SHOP, {web: 2}),
  files: {'apps/shop/app.yaml': `${HEAD}services:\n  web: &a {replicas: 1}\n  worker: *a\n`},
  message: /by hand$/,
});
test('scale below zero', refuses, {edit: scale(SHOP, {web: -1}), files: {'apps/shop/app.yaml': `${HEAD}services: {web: {}}\n`}, message: /whole number from 0 to 1000, not "-1"/});
test('create of an app that exists', refuses, {edit: createApp(SHOP), files: {'apps/shop/app.yaml': HEAD}, message: /^app "shop" exists already$/});
test('create under a name of ours', refuses, {edit: createApp('git' as AppName), files: {}, message: /"git" can't name an app/});
test('create under a name that is no host', refuses, {edit: createApp('My_Shop' as AppName), files: {}, message: /"My_Shop" can't name an app/});
test('a release of an app that is gone', refuses, {edit: addRelease(SHOP, RELEASE, {keep: 10}), files: {}, message: /^there is no app "shop"/});

test('create writes a manifest that is valid, and still is with its comments taken away', (t) => {
  const text = run(createApp(SHOP), {})['apps/shop/app.yaml'] ?? '';
  t.true(loadManifest('App', 'app.yaml', text).ok);
  const whole = text.split('\n').map((line) => (/^# ( *- | *\w+:)/.test(line) ? line.slice(2) : line)).join('\n');
  const loaded = loadManifest('App', 'app.yaml', whole);
  t.deepEqual(loaded.ok ? Object.keys(loaded.value) : loaded.problem, ['apiVersion', 'kind', 'services', 'build', 'env', 'routes', 'errorPages', 'tcp', 'source', 'release', 'cron', 'reach', 'allowFrom', 'maintenance', 'drains', 'suspend', 'deployBranch', 'review', 'deployTimeoutSeconds']);
});

test('the first release is number one, and reads as it was given', (t) => {
  const files = run(addRelease(SHOP, RELEASE, {keep: 10}), {'apps/shop/app.yaml': HEAD});
  t.deepEqual(Object.keys(files), ['apps/shop/releases/v0001.yaml']);
  const loaded = loadManifest('Release', 'r', files['apps/shop/releases/v0001.yaml'] ?? '');
  t.deepEqual(loaded, {ok: true, value: {apiVersion: 'flynn/v1', kind: 'Release', ...RELEASE}});
});

test('a release gets a number above all that were used, and the oldest files beyond the limit go', (t) => {
  const releases = [1, 2, 3, 10].map((number) => [`apps/shop/releases/v00${String(number).padStart(2, '0')}.yaml`, 'x']);
  const files = {'apps/shop/app.yaml': HEAD, 'apps/shop/releases/README.md': '', ...Object.fromEntries(releases) as Files};
  const changes = run(addRelease(SHOP, RELEASE, {keep: 3, numberAbove: 12}), files);
  t.deepEqual(Object.entries(changes).map(([file, text]) => `${text === undefined ? '-' : '+'}${file}`), [
    '-apps/shop/releases/v0002.yaml',
    '-apps/shop/releases/v0001.yaml',
    '+apps/shop/releases/v0013.yaml',
  ]);
});

test('removing a release removes its file only, and nothing when it is gone', (t) => {
  t.deepEqual(run(removeRelease(SHOP, 7), {'apps/shop/releases/v0007.yaml': 'x', 'apps/shop/releases/v0006.yaml': 'x'}), {'apps/shop/releases/v0007.yaml': undefined});
  t.deepEqual(run(removeRelease(SHOP, 7), {}), {});
});

test('moving the cluster to another domain changes one word of cluster.yaml', (t) => {
  const before = 'apiVersion: flynn/v1\nkind: Cluster\nname: home # ours\n\ndomain: "old.test" # for now\n';
  const after = run(setDomain('new.test'), {'cluster.yaml': before})['cluster.yaml'] ?? '';
  t.is(diff(before, after), '-domain: "old.test" # for now\n+domain: "new.test" # for now');
  t.deepEqual(run(setDomain('new.test'), {'cluster.yaml': after}), {});
  t.throws(() => run(setDomain('new.test'), {'cluster.yaml': 'domain: [broken'}), {instanceOf: EditRefused});
});
