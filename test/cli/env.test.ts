import {rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {app} from '../reconciler/api/fake-view.ts';
import {head} from '../support/manifests.ts';
import {terminal, text, TOKEN, type Terminal} from './terminal.ts';

const CANARY = 'canary-5f1d6e0c';
const [APP, SECRETS] = ['apps/shop/app.yaml', 'apps/shop/secrets.yaml'];

/** An app with some variables on a node that has an identity. */
async function shop(t: ExecutionContext, yaml = 'env:\n  LOG: info\n  GREETING: good morning\nservices:\n  web:\n    env: {ONE: "1"}\n'): Promise<Terminal> {
  const started = await terminal(t);
  const {view} = started;
  view.current = {...view.current, apps: [app('shop')]};
  const recipient = await view.keyring.ensure();
  t.teardown(() => rm(view.keyring.folder, {recursive: true, force: true}));
  view.repo.files.set('cluster.yaml', `${head('Cluster')}name: test\ndomain: flynn.localhost\nrecipients: [${recipient}]\n`);
  view.repo.files.set(APP, head('App') + yaml);
  return started;
}

function commitOf({view}: Terminal): string {
  return view.repo.commits.at(-1)?.commit.slice(0, 8) ?? 'none';
}

test('env lists what could be imported again, and secrets by their names', async (t) => {
  const one = await shop(t);
  await one.type('env set --secret TOKEN --no-wait -a shop', {input: CANARY});
  t.is(await one.type('env -a shop'), text`
    $ flynn env -a shop
    GREETING='good morning'
    LOG=info
    # TOKEN is a secret
    ! with variables of their own: web (-t web)
    exit 0
  `);
  t.is(await one.type('env -t web -a shop'), '$ flynn env -t web -a shop\nONE=1\nexit 0');
  t.is(await one.type('env -t worker -a shop'), '$ flynn env -t worker -a shop\n! nothing is set for worker of ⬢ shop\nexit 0');
  const json = (await one.type('env --json -a shop')).split('\n').slice(1, -1).join('\n');
  t.deepEqual(JSON.parse(json), {env: {LOG: 'info', GREETING: 'good morning'}, secrets: ['TOKEN'], services: {web: {env: {ONE: '1'}, secrets: []}}});
});

test('env get prints a value as it is, and no secret', async (t) => {
  const one = await shop(t);
  await one.type('env set --secret TOKEN --no-wait -a shop', {input: CANARY});
  t.is(await one.type('env get GREETING -a shop'), '$ flynn env get GREETING -a shop\ngood morning\nexit 0');
  t.is(await one.type('env get ONE -t web -a shop'), '$ flynn env get ONE -t web -a shop\n1\nexit 0');
  t.is(await one.type('env get ONE -a shop'), text`
    $ flynn env get ONE -a shop
    ! error: ONE is not set for ⬢ shop
    !        but with -t web
    exit 1
  `);
  const secret = await one.type('env get TOKEN -a shop');
  t.regex(secret, /^! error: TOKEN is a secret, which can be set and not be read$/m);
  t.false(secret.includes(CANARY));
});

test('env set is a commit in words, and is waited for', async (t) => {
  const one = await shop(t);
  one.view.progress = ['web [0/1]', 'web [1/1]'];
  t.is(await one.type('env set LOG=debug A=b=c -a shop'), text`
    $ flynn env set LOG=debug A=b=c -a shop
    ! Committed "shop: set env LOG, A" COMMIT
    !   web [0/1]
    !   web [1/1]
    ! Setting LOG, A on ⬢ shop... done
    exit 0
  `.replace('COMMIT', commitOf(one)));
  t.regex(one.view.repo.files.get(APP) ?? '', /^ {2}LOG: "debug"\n {2}GREETING: good morning\n {2}A: "b=c"$/m);
  t.deepEqual(one.view.repo.commits.map(({author}) => author.name), ['Ann Lee']);
});

test('env set --secret leaves nothing but its name anywhere', async (t) => {
  const one = await shop(t);
  const shown = [
    await one.type('env set --secret TOKEN -a shop', {input: `${CANARY}\n`}),
    await one.type('env set --secret -t web PASSWORD --no-wait -a shop', {input: CANARY}),
    await one.type('env --json -a shop'),
    await one.type('env set TOKEN=other --no-wait -a shop'),
  ].join('\n');
  t.regex(shown, /"shop: set secret TOKEN"/);
  t.regex(shown, /"shop: set secret PASSWORD of web"/);
  t.false(JSON.stringify([shown, [...one.view.repo.files], one.view.repo.commits, one.view.wakes]).includes(CANARY));
  const [token, password] = [...(one.view.repo.files.get(SECRETS) ?? '').matchAll(/-----BEGIN[\s\S]*?END AGE ENCRYPTED FILE-----/g)].map(([armor]) => armor.replaceAll(/^ +/gm, ''));
  t.is(await one.view.keyring.open(token ?? ''), 'other');
  t.is(await one.view.keyring.open(password ?? ''), CANARY);
});

test('a secret that is set to what it is changes nothing', async (t) => {
  const one = await shop(t);
  await one.type('env set --secret TOKEN --no-wait -a shop', {input: CANARY});
  const before = one.view.repo.files.get(SECRETS);
  await one.type('env set TOKEN --no-wait -a shop', {input: CANARY});
  t.is(one.view.repo.files.get(SECRETS), before);
});

test('what every container is given anyway is set with a warning that it counts for nothing', async (t) => {
  t.regex(await (await shop(t)).type('env set FLYNN_APP=store -a shop --no-wait'), /^! warning: FLYNN_APP is set by Flynn in every container: what is set here counts for nothing\n! Committed "shop: set env FLYNN_APP"/m);
});

test('what looks like a secret gets a warning, and is set; what was plain before gets another', async (t) => {
  const one = await shop(t);
  t.is(await one.type('env set STRIPE_KEY=hunter2 --no-wait -a shop'), text`
    $ flynn env set STRIPE_KEY=hunter2 --no-wait -a shop
    ! warning: STRIPE_KEY looks like a secret (its name says so), and everybody who can read the cluster repository can read it, for ever: flynn env set --secret STRIPE_KEY
    ! Committed "shop: set env STRIPE_KEY" COMMIT
    exit 0
  `.replace('COMMIT', commitOf(one)));
  t.is(await one.type('env set --secret STRIPE_KEY --no-wait -a shop', {input: 'hunter3'}), text`
    $ flynn env set --secret STRIPE_KEY --no-wait -a shop
    ! warning: STRIPE_KEY was plain text until now, and is for ever in the history of git: change it where it comes from
    ! Committed "shop: set secret STRIPE_KEY" COMMIT
    exit 0
  `.replace('COMMIT', commitOf(one)));
  t.false(one.view.repo.files.get(APP)?.includes('STRIPE_KEY'));
});

test('env import takes a file or stdin, plain or secret', async (t) => {
  const one = await shop(t);
  await writeFile(path.join(one.folder, '.env'), `# ours\nexport A=1\nB="two\\nlines"\n`);
  t.regex(await one.type('env import .env --no-wait -a shop'), /"shop: set env A, B"/);
  t.regex(one.view.repo.files.get(APP) ?? '', /^ {2}B: "two\\nlines"$/m);
  t.regex(await one.type('env import - --secret -t web --no-wait -a shop', {input: `C=${CANARY}\n`}), /"shop: set secret C of web"/);
  t.is(await one.type('env import missing.env -a shop'), "$ flynn env import missing.env -a shop\n! error: 'missing.env' can't be read: ENOENT\nexit 1");
  t.is(await one.type('env import - -a shop', {input: `A=1\n${CANARY}\n`}), '$ flynn env import - -a shop\n! error: stdin: line 2 is no NAME=value\n!        nothing was changed\nexit 1');
});

test('env unset takes out what is there, and refuses the rest', async (t) => {
  const one = await shop(t);
  t.regex(await one.type('env unset LOG --no-wait -a shop'), /"shop: unset env LOG"/);
  t.false(one.view.repo.files.get(APP)?.includes('LOG'));
  t.is(await one.type('env unset ONE -a shop'), '$ flynn env unset ONE -a shop\n! error: ONE is not set for app "shop"; service "web" has it (-t web)\nexit 1');
});

test('env refuses what makes no sense before it asks anybody, without repeating a value', async (t) => {
  const one = await shop(t);
  for (const line of ['env set', 'env set A-B=1', 'env set A=1 A=2', `env set A=1 B`, 'env unset', 'env get', 'env import', 'env wipe', 'env set =x']) {
    t.regex(await one.type(`${line} -a shop`), /\n! usage: flynn env [\s\S]*\nexit 2$/, line);
  }
  t.regex(await one.type('env set A -a shop'), /^! error: stdin is empty: there is no value for A$/m);
  t.deepEqual(one.view.repo.commits, []);
});

test('without recipients a secret is refused, with what has to be added', async (t) => {
  const one = await shop(t);
  one.view.repo.files.set('cluster.yaml', `${head('Cluster')}name: test\ndomain: flynn.localhost\n`);
  t.regex(await one.type('env set --secret TOKEN -a shop', {input: CANARY}), /! error: cluster\.yaml has no recipients to encrypt secrets to; with this node's key it would have\nrecipients:\n {2}- age1\w{58}\nexit 1$/);
  t.deepEqual(one.view.repo.commits, []);
});

test('a body that is no JSON is refused without a part of it', async (t) => {
  const {port} = await shop(t);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/apps/shop/env`, {method: 'POST', headers: {authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json'}, body: `{"set": {"A": "${CANARY}}`});
  t.is(answer.status, 400);
  t.false((await answer.text()).includes('canary'));
});
