import {readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {seal} from '../../reconciler/secrets/keyring.ts';
import {sealedValues} from '../../schemas/secrets.ts';
import {loadManifest} from '../../schemas/load.ts';
import {head} from '../support/manifests.ts';
import {indented, SEALED} from '../support/sealed.ts';
import {terminal, text, type Terminal} from './terminal.ts';

const CANARY = 'canary-97ab0c11';

interface Cluster extends Terminal {
  readonly recipient: string;
}

/** Two apps with a secret each, sealed to the node and to a key that is kept elsewhere. */
async function cluster(t: ExecutionContext): Promise<Cluster> {
  const started = await terminal(t);
  const {view: {keyring, repo}} = started;
  const recipient = await keyring.ensure();
  t.teardown(() => rm(keyring.folder, {recursive: true, force: true}));
  repo.files.set('cluster.yaml', `${head('Cluster')}name: test\ndomain: flynn.localhost\nrecipients:\n  - ${ELSEWHERE} # in the safe\n  - "${recipient}"   # the node\n`);
  for (const app of ['blog', 'shop']) {
    repo.files.set(`apps/${app}/app.yaml`, head('App'));
    repo.files.set(`apps/${app}/secrets.yaml`, `${head('Secrets')}# ours\n${block('TOKEN', await seal(`${CANARY}-${app}`, [ELSEWHERE, recipient]))}`);
  }
  return {...started, recipient};
}

const ELSEWHERE = 'age1cu6slul9z0pes8ufgkfrfsvtp0ptpldtnuwdhm0aqz66ly00rq3skyf73q';

function block(name: string, value: string): string {
  return `env:\n  ${name}: |\n${indented(value, 4)}`;
}

async function opened({view}: Terminal, app: string): Promise<string> {
  const loaded = loadManifest('Secrets', 'x', view.repo.files.get(`apps/${app}/secrets.yaml`) ?? '');
  return view.keyring.open(loaded.ok ? sealedValues(loaded.value)[0]?.value ?? '' : '');
}

test('secrets lists names, where they are, and what is wrong with them', async (t) => {
  const one = await cluster(t);
  one.view.repo.files.set('apps/shop/secrets.yaml', `${one.view.repo.files.get('apps/shop/secrets.yaml')}services:\n  web:\n    env:\n      LOST: |\n${indented(SEALED, 8)}`);
  one.view.repo.files.set('apps/bad/app.yaml', head('App'));
  one.view.repo.files.set('apps/bad/secrets.yaml', `${head('Secrets')}env: {A: plain}\n`);
  t.is(await one.type('secrets'), text`
    $ flynn secrets
    blog  (all)  TOKEN
    shop  (all)  TOKEN
    shop  web    LOST   can't be decrypted: it is encrypted for other keys than this node has
    ! apps/bad/secrets.yaml:3:10: env.A has to begin with "-----BEGIN AGE ENCRYPTED FILE-----": it is no value that age has encrypted
    exit 0
  `);
  const json = await one.type('secrets --json -a blog');
  t.like(JSON.parse(json.split('\n').slice(1, -1).join('\n')), {recipients: [ELSEWHERE, one.recipient], identities: [one.recipient], secrets: [{app: 'blog', name: 'TOKEN'}]});
  t.false(json.includes('canary'));
});

test('rotate changes the node\'s key and every value in one commit, and nothing else', async (t) => {
  const one = await cluster(t);
  const before = new Map(one.view.repo.files);
  const shown = await one.type('secrets rotate');
  const [now] = await one.view.keyring.recipients();
  t.is(shown, text`
    $ flynn secrets rotate
    ! Committed "cluster: rotate the key of secrets" COMMIT
    NOW
    ! 2 values are encrypted to this key now; nothing is deployed for it
    ! the old key stays on the node, for going back to older commits. To forget it: flynn secrets forget
    exit 0
  `.replace('COMMIT', one.view.repo.commits[0]?.commit.slice(0, 8) ?? '').replace('NOW', now ?? ''));
  t.not(now, one.recipient);
  t.is(one.view.repo.commits.length, 1);
  t.is(one.view.repo.files.get('cluster.yaml'), before.get('cluster.yaml')?.replace(one.recipient, now ?? ''));
  for (const app of ['blog', 'shop']) t.is(await opened(one, app), `${CANARY}-${app}`);
  t.is(await one.view.keyring.notOpenedBy([now ?? ''], [...one.view.repo.files.values()].flatMap(armorsIn)), 0);
  t.is(await one.view.keyring.notOpenedBy([one.recipient], [...one.view.repo.files.values()].flatMap(armorsIn)), 2);
  t.false(JSON.stringify([shown, [...one.view.repo.files], one.view.repo.commits]).includes('canary'));
});

test('a rotation leaves what it can\'t open and says so, and goes on with the rest', async (t) => {
  const one = await cluster(t);
  one.view.repo.files.set('apps/bad/app.yaml', head('App'));
  one.view.repo.files.set('apps/bad/secrets.yaml', `${head('Secrets')}env: {A: plain}\n`);
  one.view.repo.files.set('apps/blog/secrets.yaml', head('Secrets') + block('LOST', SEALED));
  const shown = await one.type('secrets rotate');
  t.regex(shown, /^! warning: stays as it was: apps\/blog\/secrets\.yaml: env\.LOST$/m);
  t.regex(shown, /^! warning: stays as it was: apps\/bad\/secrets\.yaml:3:10: /m);
  t.regex(shown, /^! 1 value is encrypted to this key now.*\n[\s\S]*exit 1$/m);
  t.is(await opened(one, 'shop'), `${CANARY}-shop`);
});

test('a rotation that never came to its commit is taken up by the next', async (t) => {
  const one = await cluster(t);
  const made = await one.view.keyring.add();
  t.regex(await one.type('secrets rotate'), new RegExp(`^${made}$`, 'm'));
  t.deepEqual(await one.view.keyring.recipients(), [made, one.recipient]);
});

test('a secret that is set while keys are rotated is sealed to the new one', async (t) => {
  const one = await cluster(t);
  const {view: {repo}} = one;
  const snapshot = repo.snapshot.bind(repo);
  let isFirst = true;
  repo.snapshot = async () => {
    const seen = await snapshot();
    const files = await seen.shared.files(AbortSignal.timeout(30_000));
    if (isFirst) {
      isFirst = false;
      await one.type('secrets rotate');
    }
    return {...seen, shared: {...seen.shared, files: async () => files}};
  };
  t.regex(await one.type('env set --secret TOKEN --no-wait -a shop', {input: 'new'}), /exit 0$/);
  const [now] = await one.view.keyring.recipients();
  t.is(await opened(one, 'shop'), 'new');
  t.is(await one.view.keyring.notOpenedBy([now ?? ''], armorsIn(repo.files.get('apps/shop/secrets.yaml') ?? '')), 0);
});

test('forget removes old keys when nothing needs them, after asking', async (t) => {
  const one = await cluster(t);
  t.regex(await one.type('secrets forget --yes'), /^! there are no old keys$/m);
  const old = armorsIn(one.view.repo.files.get('apps/shop/secrets.yaml') ?? '');
  await one.type('secrets rotate');
  t.regex(await one.type('secrets forget'), /^\? Older commits of secrets can't be gone back to.*\n! nothing was forgotten\nexit 1$/m);
  one.view.inUse = old;
  t.regex(await one.type('secrets forget --yes'), /^! error: a value that this node runs, or that git has, can be opened with an older key only/m);
  one.view.inUse = [];
  t.deepEqual(one.view.audit.entries.filter(({action}) => action === 'secrets forget'), []);
  t.is(await one.type('secrets forget --yes'), `$ flynn secrets forget --yes\n${one.recipient}\n! 1 old key is forgotten\nexit 0`);
  t.like(one.view.audit.entries.at(-1), {action: 'secrets forget', subject: one.recipient});
  t.is((await one.view.keyring.recipients()).length, 1);
  t.is(await opened(one, 'shop'), `${CANARY}-shop`);
});

test('rotate on a node whose key is not in cluster.yaml, or is damaged, changes nothing', async (t) => {
  const one = await cluster(t);
  const file = path.join(one.view.keyring.folder, 'identity');
  await rename(file, `${file}.aside`);
  const other = await one.view.keyring.ensure();
  t.regex(await one.type('secrets rotate'), new RegExp(`^! error: cluster\\.yaml's recipients have no key of this node's; add one, by hand:\\n {2}- ${other}$`, 'm'));
  await writeFile(file, (await readFile(file, 'utf8')).replace('AGE-SECRET-KEY-1', 'AGE-SECRET-KEY-2'));
  const damaged = await one.type('secrets rotate');
  t.regex(damaged, /^! error: this node's identity is damaged/m);
  t.false(damaged.includes('AGE-SECRET'));
  t.deepEqual(one.view.repo.commits, []);
});

function armorsIn(yaml: string): readonly string[] {
  return [...yaml.matchAll(/-----BEGIN AGE[\s\S]*?END AGE ENCRYPTED FILE-----/g)].map(([armor]) => armor.replaceAll(/^ +/gm, ''));
}
