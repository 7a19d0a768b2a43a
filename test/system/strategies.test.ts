import test from 'ava';
import type {FlynnEvent} from '../../reconciler/status/status.ts';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Each strategy on a real node: changes of configuration, made by commits to the cluster repository.

let node: TrialNode;
let folder: string;
let cluster: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.deployed('shop', 'quick');
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** Commits app.yaml with this below its first two lines. Resolves to the commit's 8 first digits. */
function want(yaml: string): Promise<string> {
  return node.want(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\n${yaml}`});
}

const answer = async () => (await node.ask('shop')).body.split('\n')[1];

async function serves(greeting: string, replicas: number): Promise<void> {
  await until(`only "${greeting}" is served by ${replicas}`, async () => await node.isSettled() && (await node.running('shop')).length === replicas && await answer() === greeting);
}

/** What was done since the newest of the commits that were applied, in a few words each. */
async function story(): Promise<readonly string[]> {
  const {stdout} = await node.flynn(['events', '--json']);
  const events = stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as FlynnEvent);
  const since = events.slice(events.findLastIndex(({kind}) => kind === 'commit') + 1);
  return since.flatMap(({kind, message}) => {
    const slot = /web\.\d/.exec(message)?.[0];
    if (kind === 'run-container') return [`run ${slot}`];
    if (kind === 'stop-container') return [`stop ${slot}`];
    return kind === 'write-deploy' ? [/^mark shop \w+/.exec(message)?.[0] ?? message] : [];
  });
}

test.serial('rolling replaces one after the other, never with less capacity, and fails no request', async (t) => {
  t.timeout(120_000);
  await want('env: {GREETING: one}\nservices: {web: {replicas: 3, strategy: {kind: rolling, batch: 1}}}\n');
  await serves('one', 3);
  await using load = startLoad(node.target('shop'));
  let fewest = Infinity;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) fewest = Math.min(fewest, (await node.running('shop')).length);
  })();
  await want('env: {GREETING: two}\nservices: {web: {replicas: 3, strategy: {kind: rolling, batch: 1}}}\n');
  await serves('two', 3);
  over.abort();
  await watching;
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed, never less than ${fewest} containers`);
  t.deepEqual(failures, []);
  t.is(fewest, 3);
  const done = await story();
  t.deepEqual(done.filter((step) => step.startsWith('run')), ['run web.1', 'run web.2', 'run web.3'], done.join());
  t.true(done.indexOf('stop web.1') < done.indexOf('mark shop healthy'), `the first old one goes before the last new one is healthy: ${done.join()}`);
});

test.serial('a release that fails midway: the new ones go, the old ones come back, and no request fails', async (t) => {
  t.timeout(120_000);
  await using load = startLoad(node.target('shop'));
  await want('env: {GREETING: three}\nservices: {web: {replicas: 3, strategy: {kind: rolling, batch: 1}, command: "[ $FLYNN_REPLICA = web.3 ] && exit 7; exec perl /srv/server.pl"}}\n');
  await until('it has failed', async () => (await node.status('shop')).conditions.some(({reason}) => reason === 'ReleaseFailed'));
  await serves('two', 3);
  const {answered, failures, bodies} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed; ${[...bodies].map(([body, count]) => `${body.split('\n')[1]} ${count}`).join(', ')}`);
  t.deepEqual(failures, []);
  t.true(bodies.has('hello from quick\nthree'), 'it had come halfway');
  const {conditions} = await node.status('shop');
  t.regex(conditions.find(({type}) => type === 'Stalled')?.message ?? '', /^release v1 failed: web\.3 exited with code 7, 3 times in a row$/);
});

test.serial('stop-first never has two containers at once', async (t) => {
  t.timeout(120_000);
  await want('env: {GREETING: four}\nservices: {web: {replicas: 1, strategy: stop-first}}\n');
  await serves('four', 1);
  let most = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) most = Math.max(most, (await node.running('shop')).length);
  })();
  await want('env: {GREETING: five}\nservices: {web: {replicas: 1, strategy: stop-first}}\n');
  await serves('five', 1);
  t.deepEqual(await story(), ['mark shop deploying', 'stop web.1', 'run web.1', 'mark shop healthy']);
  await want('services: {web: {replicas: 1, strategy: stop-first, command: exit 7}}\n');
  await until('it has failed', async () => (await node.status('shop')).conditions.some(({reason}) => reason === 'ReleaseFailed'));
  await serves('five', 1);
  over.abort();
  await watching;
  t.is(most, 1);
});

test.serial('blue-green: going back within the time starts nothing', async (t) => {
  t.timeout(120_000);
  const blue = 'env: {GREETING: blue}\nservices: {web: {replicas: 2, strategy: {kind: blue-green, keepOldSeconds: 600}}}\n';
  await want('env: {GREETING: blue}\nservices: {web: {replicas: 2}}\n');
  await serves('blue', 2);
  const before = (await node.running('shop')).map(({id}) => id);
  await using load = startLoad(node.target('shop'));
  await want(blue.replace('blue', 'green'));
  await until('green serves', async () => await answer() === 'green');
  await until('the old ones are kept', async () => (await node.status('shop')).waiting.some((wait) => wait.includes('blue-green keeps it')));
  t.is((await node.running('shop')).filter(({id}) => before.includes(id)).length, before.length, 'the old ones run on');
  await want(blue);
  await until('blue serves again', async () => await answer() === 'blue' && (await story()).includes('mark shop healthy'));
  t.deepEqual(await story(), ['mark shop deploying', 'mark shop healthy']);
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('canaries get their share of the requests; one that answers badly is taken back by itself, a good one can be promoted', async (t) => {
  t.timeout(180_000);
  const canary = (greeting: string, more = '') => `env: {GREETING: ${greeting}}\nservices: {web: {replicas: 1, strategy: {kind: canary, steps: [{weight: 25, pauseSeconds: 600}]}${more}}}\n`;
  await want('env: {GREETING: old}\n');
  await serves('old', 1);
  await using load = startLoad(node.target('shop'));
  await want(canary('new'));
  await until('the canary has its share', async () => (await node.status('shop')).waiting.some((wait) => /25 % of the requests: \d{3,} came/.test(wait)));
  const promoted = await node.flynn(['deploy', 'promote', '-a', 'shop']);
  t.is(promoted.exitCode, 0, promoted.output);
  await serves('new', 1);
  const {answered, failures, bodies} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed; ${[...bodies].map(([body, count]) => `${body.split('\n')[1]} ${count}`).join(', ')}`);
  t.deepEqual(failures, []);

  await using more = startLoad(node.target('shop'));
  // Its check is its port, which works; its answers don't.
  await want(canary('ill', `, command: "sed 's/200 OK/500 Ill/' /srv/server.pl > /tmp/ill.pl && exec perl /tmp/ill.pl"`));
  await until('it has failed', async () => (await node.status('shop')).conditions.some(({type, message}) => type === 'Stalled' && /with 25 % of the requests: [\d.]+ % of \d+ failed, more than 5 %/.test(message)));
  await serves('new', 1);
  const ill = await more.stop();
  t.log(`${ill.answered} requests, ${ill.failures.length} met the ill release`);
  t.true(ill.failures.length < ill.answered / 2);
});

/** The promise is 1 s; busy machines get more here. The deploy itself would have 120. */
const SUPERSEDED_MS_MAX = 10_000;

test.serial('a newer commit supersedes a deploy that gets nowhere, and does not wait for its end', async (t) => {
  t.timeout(120_000);
  await want('services: {web: {command: sleep 1000}}\n');
  await until('it is being deployed', async () => (await node.status('shop')).conditions.some(({reason}) => reason === 'Deploying'));
  await want('env: {GREETING: fixed}\n');
  const pushedAtMs = Date.now();
  await serves('fixed', 1);
  const {stdout} = await node.flynn(['events', '--json']);
  const marked = stdout.split('\n').map((line) => (line === '' ? undefined : JSON.parse(line) as FlynnEvent)).findLast((event) => event?.message.startsWith('mark shop deploying'));
  const tookMs = Date.parse(marked?.at ?? '') - pushedAtMs;
  t.log(`superseded ${tookMs} ms after the push had ended`);
  t.true(tookMs < SUPERSEDED_MS_MAX);
});

test.serial('ten commits in ten seconds: the last one wins, and nothing hangs', async (t) => {
  t.timeout(120_000);
  await using load = startLoad(node.target('shop'), 2);
  const startedAtMs = Date.now();
  for (let commit = 1; commit <= 10; commit += 1) {
    // Every third would fail if it were waited for.
    await want(`env: {GREETING: c${commit}}\nservices: {web: {replicas: ${1 + commit % 3}, strategy: {kind: rolling, batch: 1}${commit % 3 === 0 ? ', command: exit 7' : ''}}}\n`);
  }
  const pushedMs = Date.now() - startedAtMs;
  await serves('c10', 2);
  t.log(`ten pushes in ${pushedMs} ms, the last one served after ${Date.now() - startedAtMs} ms`);
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('a suspended app runs nothing, takes pushes, and goes on with the newest of them', async (t) => {
  t.timeout(120_000);
  const suspended = await node.flynn(['suspend', '-a', 'shop']);
  t.is(suspended.exitCode, 0, suspended.output);
  t.deepEqual(await node.running('shop'), []);
  t.is((await node.ask('shop')).status, 503);
  await node.commit(folder, {page: 'pushed meanwhile\n'});
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /shop is suspended: v2 is kept, and is not started before: flynn resume -a shop/);
  t.is((await node.flynn(['scale', 'web=1', '-a', 'shop'])).exitCode, 0);
  t.deepEqual(await node.running('shop'), []);
  t.regex((await node.flynn(['status', 'shop'])).output, /Ready +false +Suspended/);
  const resumed = await node.flynn(['resume', '-a', 'shop']);
  t.is(resumed.exitCode, 0, resumed.output);
  t.is((await node.ask('shop')).body.split('\n')[0], 'pushed meanwhile');
  await until('one replica runs', async () => (await node.running('shop')).length === 1 && await node.isSettled());
});
