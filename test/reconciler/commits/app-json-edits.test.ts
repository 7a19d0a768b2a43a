import test from 'ava';
import {takeOverAppJson, variablesToTakeOver} from '../../../reconciler/commits/app-json-edits.ts';
import {parseAppJson, type AppJson} from '../../../schemas/app-json.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {diff, runOn, type Files} from '../../support/edit.ts';
import {head} from '../../support/manifests.ts';
import {SEALED} from '../../support/sealed.ts';

const SHOP = 'shop' as AppName;
const RECIPIENT = `age1${'q'.repeat(58)}`;
const APP = 'apps/shop/app.yaml';

function appJson(value: object): AppJson {
  const parsed = parseAppJson(JSON.stringify(value));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

function files(yaml: string, secrets?: string): Files {
  return {
    'cluster.yaml': `${head('Cluster')}name: test\ndomain: flynn.localhost\nrecipients: [${RECIPIENT}]\n`,
    [APP]: head('App') + yaml,
    ...(secrets !== undefined && {'apps/shop/secrets.yaml': head('Secrets') + secrets}),
  };
}

const takes = test.macro({
  exec(t, yaml: string, value: object, expected: string) {
    const given = appJson(value);
    const {set} = variablesToTakeOver(given, SHOP, (path) => files(yaml)[path]);
    const changed = runOn(files(yaml), takeOverAppJson(SHOP, {appJson: given, services: ['web', 'worker'], env: {set, seal: {}, unset: [], recipients: [RECIPIENT]}}));
    t.is(diff(head('App') + yaml, changed[APP] ?? head('App') + yaml), expected);
  },
  title: (name) => `app.json: ${name}`,
});

test('what app.yaml does not say is written into it', takes, '# ours\n', {env: {LOG: 'info'}, formation: {worker: 2}, healthchecks: {web: [{path: '/up'}]}, cron: [{command: 'node x.js', schedule: '@daily'}]}, `+env:
+  LOG: "info"
+services:
+  worker:
+    replicas: 2
+  web:
+    check:
+      http: /up
+cron:
+  node-x-js:
+    schedule: "@daily"
+    command: node x.js`);
test('what app.yaml says stays', takes, 'env:\n  LOG: debug\nservices:\n  web:\n    replicas: 3\n    check: {tcp: true}\ncron: {}\n', {env: {LOG: 'info'}, formation: {web: 2}, healthchecks: {web: [{path: '/up'}]}, cron: [{command: 'x', schedule: '@daily'}]}, '');
test('services that the release does not have are left out', takes, '', {formation: {clock: 1}, healthchecks: {clock: [{path: '/'}]}}, '');
test('a mapping in one line can be written to', takes, 'services: {web: {port: 80}}\n', {formation: {web: 2}}, '-services: {web: {port: 80}}\n+services: { web: { port: 80, replicas: 2 } }');
test('PORT is nothing that can be set', takes, '', {env: {PORT: '3000'}}, '');

test('a variable is not missing where it is a secret, or one service has it', (t) => {
  const given = appJson({env: {A: {}, B: {}, C: {}, D: {generator: 'secret'}, E: {generator: 'secret'}}});
  const read = (path: string) => files('services:\n  web:\n    env: {B: x}\n', `env:\n  A: |\n${SEALED.trimEnd().split('\n').map((line) => `    ${line}`).join('\n')}\n  D: |\n${SEALED.trimEnd().split('\n').map((line) => `    ${line}`).join('\n')}\n`)[path];
  t.deepEqual(variablesToTakeOver(given, SHOP, read), {set: {}, generated: ['E'], missing: ['C']});
});
