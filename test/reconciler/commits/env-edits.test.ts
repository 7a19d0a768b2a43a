import test from 'ava';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {changeEnv, SealedForOthers, type EnvChange} from '../../../reconciler/commits/env-edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {loadManifest} from '../../../schemas/load.ts';
import {diff, runOn, type Files} from '../../support/edit.ts';
import {head} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const SHOP = 'shop' as AppName;
const RECIPIENT = `age1${'q'.repeat(58)}`;
const CLUSTER = `${head('Cluster')}name: test\ndomain: flynn.localhost\nrecipients: [${RECIPIENT}]\n`;
const [APP, SECRETS] = ['apps/shop/app.yaml', 'apps/shop/secrets.yaml'];

function change(over: Partial<EnvChange>): EnvChange {
  return {set: {}, seal: {}, unset: [], recipients: [RECIPIENT], ...over};
}

function files(yaml: string, secrets?: string): Files {
  return {'cluster.yaml': CLUSTER, [APP]: head('App') + yaml, ...(secrets === undefined ? {} : {[SECRETS]: head('Secrets') + secrets})};
}

const edits = test.macro({
  exec(t, yaml: string, over: Partial<EnvChange>, expected: string) {
    const before = head('App') + yaml;
    const changed = runOn(files(yaml), changeEnv(SHOP, change(over)));
    t.deepEqual(Object.keys(changed).filter((file) => file !== APP), []);
    t.is(diff(before, changed[APP] ?? before), expected);
  },
  title: (name) => `env ${name}`,
});

test('changes one line and keeps comments, quotes, spacing and order', edits, '\n# ours\nenv:\n    LOG:   "info"   # quiet\n\n    # last\n    B: x\n', {set: {LOG: 'debug'}}, '-    LOG:   "info"   # quiet\n+    LOG:   "debug"   # quiet');
test('adds below the last one', edits, 'env:\n  A: b # first\n\nservices: {web: {}}\n', {set: {B: 'two words: "x"'}}, '+  B: "two words: \\"x\\""');
test('adds the mapping where there is none', edits, '\n# env:\n#   A: b\n', {set: {A: '1.10', B: 'true'}}, '+env:\n+  A: "1.10"\n+  B: "true"');
test('of a service is below that service', edits, 'services:\n  web:\n    replicas: 2\n  worker: {replicas: 1}\n', {service: 'web', set: {A: 'x'}}, '+    env:\n+      A: "x"');
test('of a service in flow style stays there', edits, 'services: {web: {replicas: 2}}\n', {service: 'web', set: {A: 'x'}}, '-services: {web: {replicas: 2}}\n+services: {web: {env: {A: "x"}, replicas: 2}}');
test('of several lines stays in one', edits, 'env: {A: b}\n', {set: {A: 'x\ny\n'}}, '-env: {A: b}\n+env: {A: "x\\ny\\n"}');
test('that says so already changes nothing', edits, 'env: {A: 1.10}\n', {set: {A: '1.10'}}, '');
test('is taken out with its line', edits, 'env:\n  A: b # first\n  # about c\n  C: d\n\nservices: {web: {}}\n', {unset: ['A']}, '-  A: b # first');
test('is taken out with its block', edits, 'env:\n  A: |\n    x\n    y\n  C: d\n', {unset: ['A']}, '-  A: |\n-    x\n-    y');
test('is taken out of a flow mapping, wherever it stands', edits, 'env: {A: 1, B: 2, C: 3}\n', {unset: ['A', 'C']}, '-env: {A: 1, B: 2, C: 3}\n+env: {B: 2}');
test('that was the last one goes with its mapping', edits, '# top\nenv:\n  A: b\n\n# services\nservices: {web: {}}\n', {unset: ['A']}, '-env:\n-  A: b');
test('that was the last one of a service that says nothing else goes with both', edits, 'services:\n  web:\n    env:\n      A: b\n  worker:\n    replicas: 1\n', {service: 'web', unset: ['A']}, '-  web:\n-    env:\n-      A: b');
test('of all at the end of the file', edits, 'routes: []\nenv: {A: b}', {unset: ['A']}, '-env: {A: b}\n+');
test('is set and taken out at once', edits, 'env:\n  A: b\n', {set: {B: 'c'}, unset: ['A']}, '-  A: b\n+  B: "c"');
test('writes an alias out when only one of its users changes', edits, 'env: &e {A: b}\nservices: {web: {env: *e}}\n', {service: 'web', set: {A: 'x'}}, '-services: {web: {env: *e}}\n+services: {web: {env: { A: x }}}');

test('a secret is a block in a file of its own, which goes with the last one', (t) => {
  const before = files('env: {LOG: info}\n');
  const made = runOn(before, changeEnv(SHOP, change({seal: {TOKEN: SEALED}})));
  t.deepEqual(Object.keys(made), [SECRETS]);
  t.is(made[SECRETS], `# yaml-language-server: $schema=../../.flynn/schemas/secrets.schema.json
# Each value is encrypted to the recipients in cluster.yaml: flynn env set --secret
apiVersion: flynn/v1
kind: Secrets
env:
  TOKEN: |
${indented(SEALED, 4)}`);
  const loaded = loadManifest('Secrets', SECRETS, made[SECRETS] ?? '');
  t.deepEqual(loaded.ok && loaded.value.env, {TOKEN: SEALED});
  t.deepEqual(runOn({...before, ...made}, changeEnv(SHOP, change({unset: ['TOKEN']}))), {[SECRETS]: undefined});
});

test('a secret is replaced in its place, and added below the others', (t) => {
  const other = SEALED.replace('pXQU', 'pXQV');
  const secrets = `# ours\nenv:\n  A: |   # the first\n${indented(SEALED, 6)}  B: |\n${indented(SEALED, 4)}\n# end\n`;
  const changed = runOn(files('', secrets), changeEnv(SHOP, change({seal: {A: other, C: SEALED}})));
  t.is(changed[SECRETS], `${head('Secrets')}# ours\nenv:\n  A: |   # the first\n${indented(other, 6)}  B: |\n${indented(SEALED, 4)}  C: |\n${indented(SEALED, 4)}\n# end\n`);
});

test('a plain variable that becomes a secret leaves app.yaml in the same commit', (t) => {
  const changed = runOn(files('env:\n  TOKEN: hunter2\n  LOG: info\n'), changeEnv(SHOP, change({seal: {TOKEN: SEALED}})));
  t.is(changed[APP], `${head('App')}env:\n  LOG: info\n`);
  t.true(changed[SECRETS]?.includes('TOKEN: |'));
});

test('a secret of a service does not touch that of the app', (t) => {
  const secrets = `env:\n  A: |\n${indented(SEALED, 4)}`;
  const changed = runOn(files('services: {web: {}}\n', secrets), changeEnv(SHOP, change({service: 'web', seal: {A: SEALED}})));
  const loaded = loadManifest('Secrets', SECRETS, changed[SECRETS] ?? '');
  t.like(loaded.ok && loaded.value, {env: {A: SEALED}, services: {web: {env: {A: SEALED}}}});
});

test('what was sealed to other recipients than there are now, or is a secret now, has to be sealed anew', (t) => {
  const error = {instanceOf: SealedForOthers};
  t.throws(() => runOn(files(''), changeEnv(SHOP, change({seal: {A: SEALED}, recipients: []}))), error);
  t.throws(() => runOn(files('', `env:\n  A: |\n${indented(SEALED, 4)}`), changeEnv(SHOP, change({set: {A: 'plain'}}))), error);
});

const refuses = test.macro({
  exec(t, before: Files, over: Partial<EnvChange>, message: RegExp) {
    t.throws(() => runOn(before, changeEnv(SHOP, change(over))), {instanceOf: EditRefused, message});
  },
  title: (name) => `is refused: ${name}`,
});

test('an app that is not there', refuses, {}, {set: {A: 'b'}}, /^there is no app "shop"/);
test('a service that is not there', refuses, files('services: {web: {}}\n'), {service: 'wbe', set: {A: 'b'}}, /^app "shop" has no service "wbe"; known are web$/);
test('unsetting what is not set', refuses, files('env: {A: b}\n'), {unset: ['B', 'C']}, /^B, C are not set for app "shop"$/);
test('unsetting what only a service has', refuses, files('services: {web: {env: {B: x}}}\n'), {unset: ['B']}, /^B is not set for app "shop"; service "web" has it \(-t web\)$/);
test('unsetting for a service what the app has', refuses, files('env: {B: x}\nservices: {web: {}}\n'), {service: 'web', unset: ['B']}, /^B is not set for service "web" of "shop"; the whole app has it \(without -t\)$/);
test('the port', refuses, files('services: {web: {}}\n'), {set: {PORT: '80'}}, /^PORT can't be set here: it is `services\.web\.port`, so set that to "80"$/);
test('the port, as a secret', refuses, files(''), {seal: {PORT: SEALED}}, /^PORT can't be a secret: it is the `port:` of a service in app\.yaml$/);
test('what an anchor would change elsewhere', refuses, files('env: &e {A: b}\nservices: {web: {env: *e}}\n'), {set: {A: 'x'}}, /^apps\/shop\/app\.yaml can't be edited by a tool.*change env by hand$/);
test('a manifest with mistakes', refuses, files('env: [A]\n'), {set: {A: 'b'}}, /put right first:\napps\/shop\/app\.yaml:3:6: /);
test('secrets with mistakes', refuses, files('', 'env: {A: plain}\n'), {seal: {B: SEALED}}, /put right first:\napps\/shop\/secrets\.yaml:3:10: /);
