import test from 'ava';
import {configChanges, describeChanges, withConfigOf, type Configured} from '../../../reconciler/commits/config.ts';
import {restoreConfig, rewriteConfig} from '../../../reconciler/commits/restore-config.ts';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import type {AppManifest} from '../../../schemas/app.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {loadManifest} from '../../../schemas/load.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const HEAD = 'apiVersion: flynn/v1\nkind: App\n';
const FILE = 'apps/shop/app.yaml';

function load(yaml: string): AppManifest {
  const loaded = loadManifest('App', FILE, HEAD + yaml);
  if (!loaded.ok) throw new Error(loaded.problem[0]?.message);
  return loaded.value;
}

interface Case {
  readonly now: string;
  readonly then: string;
  readonly expected: string;
  readonly changes: readonly string[];
  /** Services of the releases, unless both have `web` and `worker`. */
  readonly nowHas?: readonly string[];
  readonly thenHas?: readonly string[];
}

const restores = test.macro({
  exec(t, {now, then, expected, changes, nowHas = ['web', 'worker'], thenHas = ['web', 'worker']}: Case) {
    const today: Configured = {manifest: load(now), releasedServices: nowHas};
    const wanted = withConfigOf(today, {manifest: load(then), releasedServices: thenHas});
    t.is(rewriteConfig(FILE, HEAD + now, wanted), HEAD + expected);
    t.deepEqual(describeChanges(configChanges(today.manifest, wanted)), changes);
  },
  title: (claim = '') => `going back ${claim}`,
});

test('takes variables back one by one, and leaves comments where they are', restores, {
  now: '# ours\nenv:\n  LOG_LEVEL: debug # loud\n  # why\n  NEW: "1"\n  KEPT: a\n\nroutes:\n  - host: a.test\n',
  then: 'env: {LOG_LEVEL: info, KEPT: a, OLD: "1.10"}\n',
  expected: '# ours\nenv:\n  LOG_LEVEL: info # loud\n  # why\n  KEPT: a\n  OLD: "1.10"\n\nroutes:\n  - host: a.test\n',
  changes: ['env.LOG_LEVEL changed', 'env.NEW removed', 'env.OLD added'],
});

test('keeps replicas and routes as they are now', restores, {
  now: 'services:\n  web:\n    replicas: 4\n    limits:\n      memory: 1Gi\n      cpus: 2\n    check: {http: /new}\n',
  then: 'services:\n  web:\n    replicas: 1\n    limits: {memory: 256Mi}\n    command: node old.js\nroutes: []\n',
  expected: 'services:\n  web:\n    replicas: 4\n    limits:\n      memory: 256Mi\n    command: node old.js\n',
  changes: ['services.web.check removed', 'services.web.command added', 'services.web.limits changed'],
});

test('to a manifest that said nothing leaves no empty maps', restores, {
  now: 'env:\n  A: "1"\nservices:\n  web:\n    port: 3000\n    env:\n      B: "2"\n',
  then: '',
  expected: '',
  changes: ['env.A removed', 'services.web removed'],
});

test('from a manifest that says nothing writes what was said', restores, {
  now: '',
  then: 'env:\n  A: "1"\nservices:\n  web:\n    port: 3000\n    env:\n      B: "a: b"\n',
  expected: 'env:\n  A: "1"\nservices:\n  web:\n    port: 3000\n    env:\n      B: "a: b"\n',
  changes: ['env.A added', 'services.web added'],
});

test('takes a service away that there was not then, whatever its scale', restores, {
  now: 'services:\n  web:\n    replicas: 2\n  mailer:\n    command: node mail.js\n    replicas: 3\n',
  then: '',
  expected: 'services:\n  web:\n    replicas: 2\n',
  changes: ['services.mailer removed'],
});

test('brings a service back whole that there is not any more', restores, {
  now: 'services:\n  web:\n    replicas: 2\n',
  then: 'services:\n  worker:\n    replicas: 3\n    port: 1\n',
  nowHas: ['web'],
  expected: 'services:\n  web:\n    replicas: 2\n  worker:\n    replicas: 3\n    port: 1\n',
  changes: ['services.worker added'],
});

test('does not scale a service whose scale is the default now', restores, {
  now: '',
  then: 'services:\n  worker:\n    replicas: 3\n    stopGraceSeconds: 5\n',
  expected: 'services:\n  worker:\n    stopGraceSeconds: 5\n',
  changes: ['services.worker added'],
});

test('changes nothing when the configuration is the same', restores, {
  now: 'env: {A: "1"} # a\nservices: {web: {replicas: 3}}\n',
  then: 'services: {web: {replicas: 1}}\nenv: {A: "1"}\n',
  expected: 'env: {A: "1"} # a\nservices: {web: {replicas: 3}}\n',
  changes: [],
});

test('edits flow style too, comments included', restores, {
  now: 'env: {A: "1", B: "2"} # a\n',
  then: 'env: {A: "3"}\n',
  expected: 'env: {A: "3"} # a\n',
  changes: ['env.A changed', 'env.B removed'],
});

test('takes back text in several lines', restores, {
  now: 'env:\n  KEY: |\n    one\n    two\n  B: "2"\n',
  then: 'env:\n  KEY: |\n    three\n    four\n  B: |\n    x\n    y\n',
  expected: 'env:\n  KEY: |\n    three\n    four\n  B: "x\\ny\\n"\n',
  changes: ['env.B changed', 'env.KEY changed'],
});

test('going back in a text whose values are shared is refused rather than wrong', (t) => {
  const now = 'env: &all\n  A: "1"\nservices:\n  web:\n    env: *all\n';
  const wanted = withConfigOf({manifest: load(now), releasedServices: ['web']}, {manifest: load('env: {A: "1"}\nservices: {web: {env: {A: "2"}}}\n'), releasedServices: ['web']});
  t.throws(() => rewriteConfig(FILE, HEAD + now, wanted), {instanceOf: EditRefused, message: /can't be edited by a tool/});
});

test('going back leaves the secrets of what stays as it is: a followed source, drains', (t) => {
  const secrets = (...names: readonly string[]) => `apiVersion: flynn/v1\nkind: Secrets\nenv:\n${names.map((name) => `  ${name}: |\n${indented(SEALED, 4)}`).join('')}`;
  const files: Readonly<Record<string, string>> = {[FILE]: `${HEAD}source: {git: "https://git.example.com/shop.git", tokenSecret: TOKEN}\n`, 'apps/shop/secrets.yaml': secrets('TOKEN', 'NEW')};
  const {edit} = restoreConfig('shop' as AppName, {from: 2, then: {manifest: load(''), releasedServices: ['web'], secrets: secrets('OLD')}});
  t.deepEqual(edit((file) => files[file], () => ['v0002.yaml']), {'apps/shop/secrets.yaml': secrets('OLD', 'TOKEN')});
});
