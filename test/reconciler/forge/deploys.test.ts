import test from 'ava';
import {DeployStatuses, type AppOutcome} from '../../../reconciler/forge/deploys.ts';
import {github} from '../../../reconciler/forge/github.ts';
import type {AppName, CommitId} from '../../../schemas/ids.ts';
import {GITHUB} from '../../support/forges/github.ts';
import {forgeOf, LIMIT} from './support.ts';

const [ONE, TWO] = ['1', '2'].map((digit) => digit.repeat(40)) as [CommitId, CommitId];
const [SHOP, BLOG] = ['shop', 'blog'] as AppName[] as [AppName, AppName];

async function subject(t: Parameters<typeof forgeOf>[0]) {
  const server = await forgeOf(t, GITHUB);
  const apps = new Map<AppName, AppOutcome>();
  const make = () => new DeployStatuses({judge: (app) => apps.get(app) ?? {result: 'done'}, urlOf: ([app]) => (app === undefined ? undefined : `https://${app}.test/`), nowMs: () => 0});
  const {world} = server;
  return {...server, apps, make, forge: github({url: world.url, repository: world.repository, token: world.token}), told: (commit: CommitId) => world.statuses.filter(({sha}) => sha === commit).map(({state, description, url}) => `${state}: ${description} ${url}`.trim())};
}

test('a merged commit converges, and is healthy when all of its apps are', async (t) => {
  const {apps, make, forge, told} = await subject(t);
  const deploys = make();
  apps.set(SHOP, {progress: 'web [1/2]'});
  deploys.follow(ONE, [SHOP, BLOG]);
  t.true(deploys.see());
  await deploys.tell(forge, LIMIT);
  apps.set(SHOP, {progress: 'web [2/2]'});
  t.false(deploys.see());
  await deploys.tell(forge, LIMIT);
  apps.delete(SHOP);
  t.true(deploys.see());
  await deploys.tell(forge, LIMIT);
  t.false(deploys.see());
  t.deepEqual(told(ONE), ['pending: converging: shop: web [1/2] https://shop.test/', 'success: healthy: shop, blog https://shop.test/']);
});

test('one app that fails is what its commit says', async (t) => {
  const {apps, make, forge, told} = await subject(t);
  const deploys = make();
  apps.set(SHOP, {result: 'failed', cause: 'release v2 failed: web.1 exited with code 1, 3 times in a row'}).set(BLOG, {progress: 'web [0/1]'});
  deploys.follow(ONE, [BLOG, SHOP]);
  deploys.see();
  await deploys.tell(forge, LIMIT);
  t.deepEqual(told(ONE), ['failure: failed: shop: release v2 failed: web.1 exited with code 1, 3 times in a row https://blog.test/']);
});

test('a commit that changes no app is healthy at once', async (t) => {
  const {make, forge, told} = await subject(t);
  const deploys = make();
  deploys.follow(ONE, []);
  deploys.see();
  await deploys.tell(forge, LIMIT);
  t.deepEqual(told(ONE), ['success: healthy: no app changes']);
});

test('what was told to its end before a restart is not told again; what was not, is', async (t) => {
  const {make, forge, told, apps} = await subject(t);
  const before = make();
  before.follow(ONE, [SHOP]);
  apps.set(BLOG, {progress: 'web [0/1]'});
  before.follow(TWO, [BLOG]);
  before.see();
  await before.tell(forge, LIMIT);
  const after = make();
  apps.set(SHOP, {result: 'failed', cause: 'it crashed since'}).delete(BLOG);
  for (const [commit, app] of [[ONE, SHOP], [TWO, BLOG]] as const) after.follow(commit, [app], {isOld: true});
  after.see();
  await after.tell(forge, LIMIT);
  t.deepEqual(told(ONE), ['success: healthy: shop https://shop.test/']);
  t.deepEqual(told(TWO), ['pending: converging: blog: web [0/1] https://blog.test/', 'success: healthy: blog https://blog.test/']);
});

test('nor is it told again when it looks unfinished at first after a restart', async (t) => {
  const {make, forge, told, apps} = await subject(t);
  for (const outcomes of [[undefined], [{progress: 'web [0/1]'}, undefined]]) {
    const deploys = make();
    deploys.follow(ONE, [SHOP], {isOld: true});
    for (const outcome of outcomes) {
      apps.delete(SHOP);
      if (outcome !== undefined) apps.set(SHOP, outcome);
      deploys.see();
      await deploys.tell(forge, LIMIT);
    }
  }
  t.deepEqual(told(ONE), ['success: healthy: shop https://shop.test/']);
});

test('a commit that is held back says why, and goes on when it is confirmed', async (t) => {
  const {make, forge, told} = await subject(t);
  const deploys = make();
  for (let pass = 0; pass < 2; pass += 1) {
    deploys.hold(ONE, 'it removes 3 apps');
    deploys.see();
    await deploys.tell(forge, LIMIT);
  }
  deploys.follow(ONE, [SHOP]);
  deploys.see();
  await deploys.tell(forge, LIMIT);
  t.deepEqual(told(ONE), ['pending: held back: it removes 3 apps', 'success: healthy: shop https://shop.test/']);
});

test('what could not be told is told the next time', async (t) => {
  const {make, forge, told, faults} = await subject(t);
  const deploys = make();
  deploys.follow(ONE, [SHOP]);
  deploys.see();
  faults.push({on: /^POST/, reply: {status: 500}});
  await t.throwsAsync(deploys.tell(forge, LIMIT), {message: /out of order/});
  t.true(deploys.see());
  await deploys.tell(forge, LIMIT);
  t.deepEqual(told(ONE), ['success: healthy: shop https://shop.test/']);
});
