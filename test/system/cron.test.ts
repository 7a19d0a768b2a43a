import test from 'ava';
import type {CronRunStatus, CronStatus} from '../../reconciler/status/cron.ts';
import {TrialNode} from '../support/trial-node.ts';
import {LIMIT_MS, until} from '../support/until.ts';

// Commands with a schedule, on a real engine: every due time once and only once, also with kill -9 in between; overlaps, ends, runs out of turn.

let node: TrialNode;
let cluster: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  const folder = await node.app('shop', 'quick');
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

async function schedule(yaml: string): Promise<void> {
  await node.git(cluster, 'pull', '--quiet');
  await node.commit(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\ncron:\n${yaml}`});
  const {exitCode, output} = await node.git(cluster, 'push');
  if (exitCode !== 0) throw new Error(output);
}

async function crons(): Promise<readonly CronStatus[]> {
  const {stdout, output} = await node.flynn(['cron', '-a', 'shop', '--json']);
  if (stdout === '') throw new Error(output);
  return JSON.parse(stdout) as readonly CronStatus[];
}

async function runs(name: string): Promise<readonly CronRunStatus[]> {
  return (await crons()).find((cron) => cron.name === name)?.runs ?? [];
}

function cron(...args: readonly string[]) {
  return node.flynn(['cron', ...args, '-a', 'shop']);
}

test.serial('what is due runs once, with its log and its end written down, and leaves no container', async (t) => {
  await schedule('  tick: {schedule: "*/2 * * * * *", command: "echo run $FLYNN_RUN of $FLYNN_RELEASE"}\n');
  const done = await until('three runs have ended', async () => {
    const ended = (await runs('tick')).filter(({state}) => state === 'succeeded');
    return ended.length >= 3 && ended;
  });
  const times = done.map(({dueAt}) => Date.parse(dueAt));
  t.true(times.every((ms, index) => index === 0 || ms > (times[index - 1] ?? 0)), 'in order, none twice');
  t.true(times.every((ms) => ms % 2_000 === 0), 'at their times');
  t.true(done.every(({exitCode, release}) => exitCode === 0 && release === 1));
  const [first] = done;
  const {stdout} = await cron('logs', 'tick', first?.id ?? '');
  t.regex(stdout, new RegExp(`app\\[cron\\.tick\\]: run ${first?.id} of v1$`));
  await schedule('  tick: {schedule: "*/2 * * * * *", suspend: true, command: "true"}\n');
  await until('it is suspended, and nothing is left of it', async () => (await crons()).some(({isSuspended}) => isSuspended) && (await node.containers('job', 'shop')).length === 0);
  t.regex((await cron()).stdout, /^tick +\*\/2 \* \* \* \* \* +UTC +\d+s ago: \S.* +suspended$/m);
});

test.serial('kill -9 of the reconciler: no due time is run twice, what still runs goes on, what nobody started is told as missed', async (t) => {
  await schedule('  slow: {schedule: "*/3 * * * * *", overlap: allow, command: "echo $FLYNN_RUN; sleep 2"}\n');
  await until('one runs', async () => (await runs('slow')).some(({state}) => state === 'running'));
  await node.kill('SIGKILL');
  // Two times come and go while nobody is there.
  const back = Date.now() + 7_000;
  await until('two times have gone by', () => Date.now() > back);
  await node.up();
  const all = await until('it goes on', async () => {
    const known = await runs('slow');
    return known.filter(({state}) => state === 'succeeded').length >= 3 && known;
  });
  const started = all.filter(({state}) => state !== 'missed').map(({dueAt}) => dueAt);
  t.deepEqual(started, [...new Set(started)]);
  const missed = all.find(({state}) => state === 'missed');
  t.is(missed?.detail, 'Flynn did not run then');
  const {stdout} = await node.flynn(['events', '--json']);
  t.regex(stdout, /"kind":"cron-missed"/);
  const written = await node.flynn(['logs', '-a', 'shop', '-n', '1000', '--json']);
  const texts = written.stdout.split('\n').filter((line) => line.includes('"cron.slow"')).map((line) => (JSON.parse(line) as {text: string}).text);
  t.deepEqual(texts, [...new Set(texts)], 'no run has begun twice');
});

test.serial('forbid leaves a run out while another goes on; replace stops the other; a deadline ends one', async (t) => {
  await schedule(`  forbidden: {schedule: "*/2 * * * * *", command: "exec sleep 300"}
  replaced: {schedule: "*/2 * * * * *", overlap: replace, command: "exec sleep 300"}
  late: {schedule: "0 0 1 1 *", deadlineSeconds: 1, command: "exec sleep 300"}
`);
  await until('they are known', async () => (await crons()).some(({name}) => name === 'late'));
  await cron('run', 'late', '--detach');
  // Times that went by before a busy machine looked again are missed for that, and counted.
  const skipped = await until('one is left out', async () => (await runs('forbidden')).find(({state, count}) => state === 'missed' && count === undefined));
  t.regex(skipped.detail ?? '', /^the run of 20\S+Z is still going on$/);
  // One that has begun in this moment may not hear the signal yet: then it is killed when its grace of 30 s is over.
  const stopped = await until('one is replaced', async () => (await runs('replaced')).find(({state}) => state === 'stopped'), 2 * LIMIT_MS);
  t.regex(stopped.detail ?? '', /^the run of 20\S+Z takes its place$/);
  const late = await until('one has taken too long', async () => (await runs('late')).find(({state}) => state === 'stopped'), 2 * LIMIT_MS);
  t.is(late.detail, 'it took longer than 1 s');
  await schedule('  other: {schedule: "@daily", command: "true"}\n');
  await until('what is not in app.yaml any more is stopped', async () => (await node.containers('job', 'shop')).length === 0, 2 * LIMIT_MS);
});

test.serial('a run out of turn tells what it writes and exits as it does', async (t) => {
  // In hardly any night: none comes in between.
  await schedule('  nightly: {schedule: "0 3 29 2 *", timezone: Europe/Berlin, command: "echo working; echo oh no >&2; exit 7"}\n');
  await until('it is known', async () => (await crons()).some(({name}) => name === 'nightly'));
  const ran = await cron('run', 'nightly');
  t.is(ran.exitCode, 7, ran.output);
  t.deepEqual(ran.stdout.split('\n').toSorted(), ['oh no', 'working']);
  t.regex(ran.output, /nightly \d{8}-\d{6}-\d{3} failed: exited with code 7/);
  const [last] = (await runs('nightly')).slice(-1);
  t.is(last?.by, 'Ada');
  const unknown = await cron('run', 'nope');
  t.is(unknown.exitCode, 1);
  t.regex(unknown.output, /no cron job "nope"; known are nightly/);
});

test.serial('suspend and resume are commits of one line', async (t) => {
  t.is((await cron('suspend', 'nightly')).exitCode, 0);
  t.regex(await node.manifest('apps/shop/app.yaml') ?? '', /nightly: \{.*suspend: true/);
  await until('it is suspended', async () => (await crons()).every(({isSuspended, nextAt}) => isSuspended && nextAt === undefined));
  t.is((await cron('resume', 'nightly')).exitCode, 0);
  await until('it is due again', async () => (await crons()).every(({nextAt}) => nextAt !== undefined));
});

test.serial('a schedule that can\'t be followed is refused at its place', async (t) => {
  await node.git(cluster, 'pull', '--quiet');
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\ncron:\n  bad: {schedule: "0 25 * * *", command: "true"}\n'});
  const pushed = await node.git(cluster, 'push');
  t.is(pushed.exitCode, 1);
  t.regex(pushed.output, /apps\/shop\/app\.yaml:4:\d+: cron\.bad\.schedule "0 25 \* \* \*" can't be followed: "25" is no hour/);
});
