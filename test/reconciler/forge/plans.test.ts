import test from 'ava';
import {differenceOf} from '../../../reconciler/desired/difference.ts';
import {github} from '../../../reconciler/forge/github.ts';
import {Plans, type PlanParts} from '../../../reconciler/forge/plans.ts';
import {planMarker, type PlanOutcome} from '../../../reconciler/preview/markdown.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {GITHUB} from '../../support/forges/github.ts';
import type {ForgeServer} from '../../support/forges/server.ts';
import {app, cluster, release} from '../../support/manifests.ts';
import {forgeOf, LIMIT} from './support.ts';

const [HEAD, NEXT, MAIN, LATER] = ['1', '2', 'a', 'b'].map((digit) => digit.repeat(40)) as [CommitId, CommitId, CommitId, CommitId];

function scaled(replicas: number): PlanOutcome {
  const shop = (count: number) => [cluster(), app('shop', `services: {web: {replicas: ${count}}}\n`), release('shop', 1)];
  return {result: 'fine', difference: differenceOf(shop(2), shop(replicas))};
}

function plansOf({world}: ForgeServer, outcome: () => PlanOutcome): Plans {
  const planOf: PlanParts['planOf'] = async ({head}) => ({domain: 'flynn.test', base: MAIN, head, outcome: outcome()});
  return new Plans({forge: github({url: world.url, repository: world.repository, token: world.token}), domain: 'flynn.test', planOf, keepOnly: async () => {}, listed: async () => {}});
}

function open({world}: ForgeServer, number: number): void {
  world.pulls.push({number, title: 't', body: '', branch: `b${number}`, base: 'main', sha: HEAD, author: 'ann'});
}

test('a pull request has one comment and one status, however often it is looked at', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  const plans = plansOf(server, () => scaled(4));
  await plans.look(MAIN, LIMIT);
  await plans.look(MAIN, LIMIT);
  await plans.look(LATER, LIMIT);
  t.is(server.world.comments.length, 1);
  t.regex(server.world.comments[0]?.body ?? '', /web: 4 replicas instead of 2/);
  t.deepEqual(server.world.statuses.map(({sha, context, state, description}) => ({sha, context, state, description})), [{sha: HEAD, context: 'flynn/plan', state: 'success', description: '1 app changes; 2 replicas start; memory 1Gi → 2Gi, cores 2 → 4'}]);
  t.is(server.requests.filter((line) => line.startsWith('PATCH')).length, 0);
  t.is(plans.count, 1);
});

test('another plan is written into the same comment, also by a process that came later', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  await plansOf(server, () => scaled(4)).look(MAIN, LIMIT);
  server.world.pulls[0]!.sha = NEXT; // it is there
  const later = plansOf(server, () => scaled(6));
  await later.look(MAIN, LIMIT);
  t.is(server.world.comments.length, 1);
  t.regex(server.world.comments[0]?.body ?? '', /web: 6 replicas instead of 2/);
  t.is(server.world.status(NEXT, 'flynn/plan')?.state, 'success');
});

test('a process that came later and has nothing new to say says nothing', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  await plansOf(server, () => scaled(4)).look(MAIN, LIMIT);
  const asked = server.requests.length;
  await plansOf(server, () => scaled(4)).look(LATER, LIMIT);
  t.deepEqual(server.requests.slice(asked).filter((line) => !line.startsWith('GET')), []);
});

test('a comment of somebody else is not written over, whatever it begins with', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  server.world.comments.push({id: 1, change: 1, body: `${planMarker('flynn.test')}\nmine`, author: 'eve'});
  await plansOf(server, () => scaled(4)).look(MAIN, LIMIT);
  t.is(server.world.comments[0]?.body, `${planMarker('flynn.test')}\nmine`);
  t.is(server.world.comments.length, 2);
});

test('a program without an account knows its comment by that it is a program\'s', async (t) => {
  const server = await forgeOf(t, GITHUB);
  server.world.me = undefined;
  open(server, 1);
  await plansOf(server, () => scaled(4)).look(MAIN, LIMIT);
  server.world.pulls[0]!.sha = NEXT; // it is there
  await plansOf(server, () => scaled(6)).look(MAIN, LIMIT);
  t.is(server.world.comments.length, 1);
});

test('what would be refused, and what conflicts, fails the check', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  await plansOf(server, () => ({result: 'conflict', files: ['cluster.yaml']})).look(MAIN, LIMIT);
  t.like(server.world.status(HEAD, 'flynn/plan'), {state: 'failure', description: 'it conflicts with main in 1 file'});
  await plansOf(server, () => ({result: 'wrong', problems: ['x:1:1: is wrong']})).look(MAIN, LIMIT);
  t.like(server.world.status(HEAD, 'flynn/plan'), {state: 'failure', description: '1 problem in the manifests'});
});

test('one whose plan can\'t be made says so, keeps nobody else from his, and is tried again', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  open(server, 2);
  server.world.pulls[1]!.sha = NEXT; // it is there
  let isBroken = true;
  const plans = plansOf(server, () => scaled(4));
  const planOf: PlanParts['planOf'] = async ({number, head}) => {
    if (number === 2 && isBroken) throw new Error('git fetch failed');
    return {domain: 'flynn.test', head, outcome: scaled(4)};
  };
  const both = new Plans({forge: github({url: server.world.url, repository: server.world.repository, token: server.world.token}), domain: 'flynn.test', planOf, keepOnly: async () => {}, listed: async () => {}});
  await t.throwsAsync(both.look(MAIN, LIMIT), {message: 'git fetch failed'});
  t.is(server.world.status(HEAD, 'flynn/plan')?.state, 'success');
  t.like(server.world.status(NEXT, 'flynn/plan'), {state: 'pending', description: 'no plan yet: git fetch failed'});
  isBroken = false;
  await both.look(MAIN, LIMIT);
  t.is(server.world.status(NEXT, 'flynn/plan')?.state, 'success');
  t.is(plans.count, 0);
});

test('a comment whose answer was lost is not written twice', async (t) => {
  const server = await forgeOf(t, GITHUB);
  open(server, 1);
  server.faults.push({on: /^POST .*comments/});
  const plans = plansOf(server, () => scaled(4));
  await t.throwsAsync(plans.look(MAIN, LIMIT), {message: /can't be reached/});
  await plans.look(MAIN, LIMIT);
  t.is(server.world.comments.length, 1);
});
