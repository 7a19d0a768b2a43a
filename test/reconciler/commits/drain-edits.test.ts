import test from 'ava';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {addDrain, removeDrain, type DrainOwner} from '../../../reconciler/commits/drain-edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {head} from '../../support/manifests.ts';

const SHOP = 'shop' as AppName;
const URL = 'https://logs.test/in';

function change(yaml: string, edit: typeof addDrain | typeof removeDrain, argument: never, owner: DrainOwner = SHOP): string | undefined {
  const start = owner === 'cluster' ? `${head('Cluster')}name: test\ndomain: test\n` : head('App');
  const file = owner === 'cluster' ? 'cluster.yaml' : 'apps/shop/app.yaml';
  const changed = edit(owner, argument)((name) => (name === file ? start + yaml : undefined), () => []);
  const text = changed[file];
  return text?.startsWith(start) === true ? text.slice(start.length) : text;
}

const adds = test.macro<[string, object, string | undefined]>((t, before, drain, after) => t.is(change(before, addDrain, drain as never), after));
const removes = test.macro<[string, string, string | undefined]>((t, before, url, after) => t.is(change(before, removeDrain, url as never), after));

test('the first drain comes to the end of the file', adds, '# mine\nenv: {A: b}\n', {url: URL}, '# mine\nenv: {A: b}\ndrains:\n  - url: https://logs.test/in\n');
test('another one comes below those that there are, whatever they are indented by', adds, 'drains:\n- url: syslog://a   # first\n  # of all\nenv: {A: b}\n', {url: URL, verify: false}, 'drains:\n- url: syslog://a   # first\n- url: https://logs.test/in\n  verify: false\n  # of all\nenv: {A: b}\n');
test('or into their line', adds, 'drains: [{url: "syslog://a"}]\n', {url: URL}, 'drains: [{url: "syslog://a"}, {"url":"https://logs.test/in"}]\n');
test('an empty list gets its first', adds, 'drains: []\n', {url: URL}, 'drains: [{"url":"https://logs.test/in"}]\n');
test('certificates stand as a block', adds, '', {url: URL, ca: '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n'}, 'drains:\n  - url: https://logs.test/in\n    ca: |\n      -----BEGIN CERTIFICATE-----\n      MII\n      -----END CERTIFICATE-----\n');
test('one that is there is left as it is', adds, `drains: [{url: "${URL}"}]\n`, {url: URL}, undefined);

test('a drain is taken out with its lines', removes, `drains:\n  - url: syslog://a\n  - url: ${URL}  # old\n    verify: false\n  - url: syslog://b\n`, URL, 'drains:\n  - url: syslog://a\n  - url: syslog://b\n');
test('the only one takes the list along', removes, `drains:\n  - url: ${URL}\nenv: {A: b}\n`, URL, 'env: {A: b}\n');
test('of a line the first, or the last', (t) => {
  const line = `drains: [{url: "${URL}"}, {url: "syslog://a"}]\n`;
  t.is(change(line, removeDrain, URL as never), 'drains: [{url: "syslog://a"}]\n');
  t.is(change(line, removeDrain, 'syslog://a' as never), `drains: [{url: "${URL}"}]\n`);
});
test('what is secret in a url need not be typed', removes, 'drains:\n  - url: https://ann:secret@logs.test/in?token=1\n', URL, '');

test('drains of all apps stand in cluster.yaml', (t) => {
  t.is(change('', addDrain, {url: URL} as never, 'cluster'), 'drains:\n  - url: https://logs.test/in\n');
});

const refused = test.macro<[string, typeof addDrain | typeof removeDrain, unknown, RegExp]>((t, before, edit, argument, message) => {
  t.throws(() => change(before, edit, argument as never), {instanceOf: EditRefused, message});
});

test('a second one to the same place is refused', refused, `drains: [{url: "${URL}"}]\n`, addDrain, {url: URL, verify: false}, /has a drain to https:\/\/logs\.test\/in already/);
test('one that is wrong is refused with why', refused, '', addDrain, {url: 'ftp://logs'}, /^apps\/shop\/app\.yaml:4:10: url must be syslog:\/\/, /);
test('certificates are for TLS alone', refused, '', addDrain, {url: 'syslog://logs', ca: '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n'}, /a syslog drain has no certificate/);
test('one that there is not is refused with those that there are', refused, 'drains: [{url: "https://u:p@a.test/"}]\n', removeDrain, URL, /has no drain to https:\/\/logs\.test\/in; it has https:\/\/a\.test\/$/);
test('two that differ in what is secret are not told apart', refused, 'drains: [{url: "https://u:1@logs.test/in"}, {url: "https://u:2@logs.test/in"}]\n', removeDrain, URL, /2 drains/);
