import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {warningsOf} from '../../../reconciler/receive/plaintext.ts';
import {seal} from '../../../reconciler/secrets/keyring.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import {head} from '../../support/manifests.ts';
import {indented, keyring, SEALED} from '../../support/sealed.ts';
import {bareRepo, change} from '../checkout/support.ts';
import type {ExecutionContext} from 'ava';

const signal = AbortSignal.timeout(600_000);
const ELSEWHERE = 'age1cu6slul9z0pes8ufgkfrfsvtp0ptpldtnuwdhm0aqz66ly00rq3skyf73q';
const CLUSTER = `${head('Cluster')}name: test\ndomain: flynn.test\n`;

async function snapshots(t: ExecutionContext, base: Readonly<Record<string, string>>, changed: Readonly<Record<string, string | undefined>>) {
  const repo = ownRepo({gitdir: await bareRepo(t, {'cluster.yaml': CLUSTER, ...base})});
  t.teardown(() => repo.close());
  const before = await repo.snapshot(signal);
  await repo.commit(change(() => changed, 'one'), signal);
  return {before, after: await repo.snapshot(signal)};
}

function secrets(name: string, value: string): string {
  return `${head('Secrets')}env:\n  ${name}: |\n${indented(value, 4)}`;
}

test('new variables that look like secrets are warned of at their places, without their values', async (t) => {
  const both = await snapshots(t, {'apps/shop/app.yaml': `${head('App')}env:\n  OLD_TOKEN: hunter1\n`, 'apps/other/app.yaml': `${head('App')}env: {PASSWORD: hunter2}\n`}, {
    'apps/shop/app.yaml': `${head('App')}env:\n  OLD_TOKEN: hunter1\n  LOG: info\n  DATABASE_URL: postgres://u:hunter3@db/x\nservices:\n  web:\n    env: {API_TOKEN: hunter4}\n`,
    'apps/blog/app.yaml': `${head('App')}env: {PASSWORD: hunter5}\n`,
  });
  const warnings = (await warningsOf(both, signal)).map(formatDiagnostic);
  t.deepEqual(warnings.map((one) => one.split(', and everybody')[0]), [
    'apps/blog/app.yaml:3:17: env.PASSWORD looks like a secret (its name says so)',
    'apps/shop/app.yaml:6:17: env.DATABASE_URL looks like a secret (a URL with a password)',
    'apps/shop/app.yaml:9:22: services.web.env.API_TOKEN looks like a secret (its name says so)',
  ]);
  t.true(warnings[2]?.endsWith(': flynn env set --secret API_TOKEN -t web'));
  t.false(warnings.join('\n').includes('hunter'));
});

test('a new secret that not all recipients can read is warned of', async (t) => {
  const {recipient} = await keyring(t);
  const both = await snapshots(t, {'cluster.yaml': `${CLUSTER}recipients: [${recipient}, ${ELSEWHERE}]\n`, 'apps/shop/app.yaml': head('App')}, {'apps/shop/secrets.yaml': secrets('A', await seal('x', [recipient]))});
  t.deepEqual((await warningsOf(both, signal)).map(formatDiagnostic), ['apps/shop/secrets.yaml:4:6: env.A is encrypted to 1 of the 2 recipients in cluster.yaml: flynn secrets rotate encrypts it to all']);
});

test('a new secret that this node can\'t open is refused, one that was there before stops nobody', async (t) => {
  const {keys, recipient} = await keyring(t);
  const check = commitCheck({domain: () => 'flynn.test', keyring: keys});
  const base = {'apps/shop/app.yaml': head('App')};
  const wrong = await check(await snapshots(t, base, {'apps/shop/secrets.yaml': secrets('A', SEALED)}), signal);
  t.deepEqual(wrong.map(formatDiagnostic), ["apps/shop/secrets.yaml:4:6: env.A can't be decrypted: it is encrypted for other keys than this node has"]);
  t.deepEqual(await check(await snapshots(t, base, {'apps/shop/secrets.yaml': secrets('A', await seal('x', [recipient]))}), signal), []);
  t.deepEqual(await check(await snapshots(t, {...base, 'apps/shop/secrets.yaml': secrets('A', SEALED)}, {'apps/shop/app.yaml': `${head('App')}env: {B: c}\n`}), signal), []);
});

test('credentials of drains are warned of when they are new, without their values', async (t) => {
  const old = "drains: [{url: 'https://logs.test', headers: {Authorization: 'Bearer hunter1'}}]\n";
  const both = await snapshots(t, {'apps/shop/app.yaml': head('App') + old}, {
    'apps/shop/app.yaml': `${head('App')}drains:\n  - {url: 'https://logs.test', headers: {Authorization: 'Bearer hunter1', X-Api-Key: 'hunter2x'}}\n  - url: 'https://user:hunter3@logs.test/'\n`,
    'cluster.yaml': `${CLUSTER}drains: [{url: 'loki+http://logs.test/?token=hunter4'}]\n`,
  });
  const warnings = (await warningsOf(both, signal)).map(formatDiagnostic);
  t.deepEqual(warnings, [
    'cluster.yaml:5:16: drains.0.url has a secret in it, and everybody who can read this repository can read it, for ever',
    'apps/shop/app.yaml:4:86: drains.0.headers.X-Api-Key has a secret in it, and everybody who can read this repository can read it, for ever: put it into secrets.yaml, and its name under secretHeaders',
    'apps/shop/app.yaml:5:10: drains.1.url has a secret in it, and everybody who can read this repository can read it, for ever: put it into secrets.yaml, and its name under secretHeaders',
  ]);
});

test('ways between apps that one side alone asks for are told at their lines, those that both do are not', async (t) => {
  const both = await snapshots(t, {'apps/db/app.yaml': `${head('App')}allowFrom: [shop]\n`, 'apps/mail/app.yaml': head('App')}, {
    'apps/shop/app.yaml': `${head('App')}reach: [db, mail, nope]\nallowFrom: [nobody, db]\n`,
  });
  t.deepEqual((await warningsOf(both, signal)).map(formatDiagnostic), [
    'apps/shop/app.yaml:3:13: "mail" can\'t be reached before apps/mail/app.yaml says: allowFrom: [shop]',
    'apps/shop/app.yaml:3:19: there is no app "nope" yet',
    'apps/shop/app.yaml:4:13: there is no app "nobody" yet',
  ]);
  t.deepEqual(await warningsOf({before: both.after, after: both.after}, signal), [], 'once is enough');
});
