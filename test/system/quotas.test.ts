import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {QuotaStanding} from '../../reconciler/node.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// What a team may have, at all doors: git, the command line, force, and builds.

const APP = 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: ';
const TEAM = 'apiVersion: flynn/v1\nkind: Team\nmembers: []\nowns: [shop]\nquota: {replicas: 2';

let node: TrialNode;
let clone: string;
let app: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  app = await node.deployed('shop', 'quick');
  clone = await node.clone();
  await node.want(clone, {'teams/web.yaml': `${TEAM}, buildMinutes: 100}\n`});
  await until('the quota is known', async () => (await standings()).length > 0);
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

async function standings(): Promise<readonly QuotaStanding[]> {
  return JSON.parse((await node.flynn(['quota', '--json'])).stdout) as readonly QuotaStanding[];
}

test.serial('a commit that wants more is refused, by git and by the command line', async (t) => {
  const scaled = await node.flynn(['scale', '-a', 'shop', 'web=3']);
  t.is(scaled.exitCode, 1);
  t.regex(scaled.output, /apps\/shop\/app\.yaml:\d+:\d+: 3 replicas: team web may have 2 replicas in all/);
  await node.commit(clone, {'apps/shop/app.yaml': `${APP}5\n`});
  t.regex((await node.git(clone, 'push')).output, /remote: apps\/shop\/app\.yaml:5:15: 5 replicas: team web may have 2 replicas in all/);
  t.is((await node.flynn(['scale', '-a', 'shop', 'web=2'])).exitCode, 0);
  await node.mustGit(clone, 'fetch', '--quiet');
  await node.mustGit(clone, 'reset', '--quiet', '--hard', 'origin/main');
});

test.serial('what comes in by force waits, and a quota that is lowered takes nothing away', async (t) => {
  await node.commit(clone, {'apps/shop/app.yaml': `${APP}4\n`});
  await node.mustGit(clone, 'push', '-o', 'flynn.force');
  const waiting = 'team web may have 2 replicas in all';
  await until('it waits', async () => (await node.status('shop')).waiting.some((line) => line.includes(`over quota: ${waiting}`)));
  t.is((await node.running('shop')).length, 2);
  await node.commit(clone, {'teams/web.yaml': `${TEAM.replace('2', '1')}}\n`});
  await node.mustGit(clone, 'push', '-o', 'flynn.force');
  await until('the lower quota is known', async () => (await standings()).some(({allowed}) => allowed === 1));
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
  t.is((await node.running('shop')).length, 2, 'those that ran stay');
  t.regex((await node.flynn(['quota'])).stdout, /team +web +replicas +4 +1 +over quota/);
});

test.serial('a build is refused before it begins when its month is used up', async (t) => {
  await node.commit(clone, {'teams/web.yaml': `${TEAM.replace('2', '9')}, buildMinutes: 0}\n`});
  await node.mustGit(clone, 'push');
  await until('there are no minutes', async () => (await standings()).some(({field, allowed}) => field === 'buildMinutes' && allowed === 0));
  await writeFile(path.join(app, 'more.txt'), 'more\n');
  await node.commit(app);
  const {exitCode, output} = await node.git(app, 'push', 'flynn', 'main');
  t.not(exitCode, 0);
  t.regex(output, /Push rejected, over quota: team web may have 0 minutes of builds in a month, and has had [\d.]+ minutes of builds; a new month begins on the 1st \(UTC\)/);
});

test.serial('codeowners says the same with and without a cluster', async (t) => {
  await node.want(clone, {'people/ann.yaml': 'apiVersion: flynn/v1\nkind: Person\nname: Ann\nemail: ann@example.com\nrole: admin\nforge: {github: annlee}\n'});
  const here = await node.flynn(['codeowners', '--github', '--clone', clone]);
  t.regex(here.stdout, /\n\* @annlee\n\/apps\/ @annlee$/);
  t.is((await node.flynn(['codeowners', '--github'])).stdout, here.stdout);
});
