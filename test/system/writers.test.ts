import {randomUUID} from 'node:crypto';
import test from 'ava';
import {TrialNode} from '../support/trial-node.ts';
import {LIMIT_MS, until} from '../support/until.ts';

// Many users at once, and what the command line answers.

const WRITERS = 20;
/** Replicas that are not all started while a command begins. */
const MANY = 20;

let node: TrialNode;
let folder: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'quick', {Procfile: 'web: perl /srv/server.pl\nworker: sleep 1000\n'});
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

const subjects = async () => (await node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'log', '--format=%s', 'main')).stdout.split('\n');

test.serial(`of ${WRITERS} apps created at once none is lost`, async (t) => {
  t.timeout(120_000);
  const names = Array.from({length: WRITERS}, (_, index) => `app-${index}`);
  const ends = await Promise.all(names.map((name) => node.flynn(['create', name, '-r', ''])));
  t.deepEqual(ends.filter(({exitCode}) => exitCode !== 0).map(({output}) => output), []);
  const made = (await subjects()).filter((subject) => subject.endsWith(': create'));
  t.deepEqual(made.map((subject) => subject.split(':', 1)[0]).filter((name) => names.includes(name ?? '')).toSorted(), names.toSorted());
  await until('all are known', async () => names.every((name) => node.log !== '' && name !== '') && JSON.parse((await node.flynn(['apps', '--json'])).stdout).length === WRITERS + 1);
});

test.serial(`of ${WRITERS} scalings of one app at once each is a commit, and the last one holds`, async (t) => {
  t.timeout(120_000);
  const before = (await subjects()).length;
  // Service and number differ, so that each changes something, whatever their order.
  const ends = await Promise.all(Array.from({length: WRITERS}, (_, index) => node.flynn(['scale', `${index % 2 === 0 ? 'web' : 'worker'}=${index + 2}`, '-a', 'shop', '--no-wait'])));
  t.deepEqual(ends.filter(({exitCode}) => exitCode !== 0).map(({output}) => output), []);
  const log = await subjects();
  t.is(log.length, before + WRITERS);
  const last = (service: string) => log.find((subject) => subject.startsWith('shop: scale') && subject.includes(`${service} `))?.match(/(\d+)$/)?.[1];
  const manifest = await node.manifest('apps/shop/app.yaml') ?? '';
  t.regex(manifest, new RegExp(`web:[^]*replicas: ${last('web')}\\b`));
  t.regex(manifest, new RegExp(`worker:[^]*replicas: ${last('worker')}\\b`));
  const {exitCode, output} = await node.flynn(['scale', 'web=2', 'worker=1', '-a', 'shop']);
  t.is(exitCode, 0, output);
  t.is((await node.flynn(['scale', '-a', 'shop'])).stdout, 'web=2 worker=1');
  // Up to forty have been begun.
  await until('no container is too much', async () => (await node.running('shop')).length === 3, 2 * LIMIT_MS);
});

test.serial('a write that is repeated with its operation id is one commit', async (t) => {
  const before = (await subjects()).length;
  const headers = {authorization: `Bearer ${await node.token()}`, 'content-type': 'application/json', 'idempotency-key': randomUUID()};
  const write = async () => {
    const answer = await fetch(`${node.apiUrl}/v1/apps/shop/scale`, {method: 'POST', headers, body: JSON.stringify({services: {web: 3}})});
    return await answer.json() as {readonly commit: string; readonly isNew: boolean};
  };
  const answers = [...await Promise.all([write(), write(), write()]), await write()];
  t.is(new Set(answers.map(({commit}) => commit)).size, 1);
  t.is(answers.filter(({isNew}) => isNew).length, 1);
  t.is((await subjects()).length, before + 1);
  await until('it is so', async () => (await node.running('shop')).length === 4);
});

for (const args of [['status'], ['status', 'shop'], ['ps', '-a', 'shop'], ['apps'], ['plan'], ['scale', '-a', 'shop'], ['open', 'shop'], ['events']]) {
  test.serial(`flynn ${args.join(' ')} answers people and, with --json, programs`, async (t) => {
    await node.settled();
    const people = await node.flynn(args);
    t.is(people.exitCode, 0, people.output);
    if (args[0] !== 'plan') t.not(people.stdout, '');
    const programs = await node.flynn([...args, '--json']);
    t.is(programs.exitCode, 0, programs.output);
    // Streams are an object a line.
    for (const text of args[0] === 'events' ? programs.stdout.split('\n') : [programs.stdout]) t.notThrows(() => JSON.parse(text), text);
  });
}

for (const [args, exitCode, message] of [
  [['scale', 'web=many', '-a', 'shop'], 2, /"web=many" is no scale/],
  [['scale', 'nothing=2', '-a', 'shop'], 1, /nothing/],
  [['status', 'no-such-app'], 1, /no-such-app/],
  [['logs', 'no-such-app'], 1, /no-such-app/],
  [['create', 'shop', '-r', ''], 1, /shop/],
  [['no-such-command'], 2, /no-such-command/],
] as const) {
  test.serial(`flynn ${args.join(' ')} ends with ${exitCode} and says why`, async (t) => {
    const ended = await node.flynn(args);
    t.is(ended.exitCode, exitCode, ended.output);
    t.regex(ended.output, message);
    t.is(ended.stdout, '');
  });
}

test.serial('flynn plan ends with 1 while there is something to do', async (t) => {
  t.timeout(120_000);
  // Four are started at once, so that this takes seconds. Should it be over before the plan is asked for, it comes again.
  let wanted = 3;
  const seen = await until('there is something to do', async () => {
    wanted = wanted === 3 ? MANY : 3;
    await node.must('scale', `web=${wanted}`, '-a', 'shop', '--no-wait');
    const plan = await node.flynn(['plan']);
    return / # web\.\d+ is missing$/m.test(plan.stdout) && plan;
  });
  t.is(seen.exitCode, 1, seen.output);
  await node.must('scale', 'web=3', '-a', 'shop');
});

test.serial('flynn logs -f shows what comes, of new replicas too, until Ctrl-C', async (t) => {
  await until('all replicas are up', async () => (await node.running('shop')).length === 4 && await node.isSettled());
  const interrupt = new AbortController();
  const lines: string[] = [];
  const following = node.run([process.execPath, `${import.meta.dirname}/../../cli/main.ts`, 'logs', 'shop', '-f', '-n', '0'], {signal: interrupt.signal, onLine: (line) => lines.push(line)});
  const asked = (path: string) => until(`GET ${path} is in the log`, async () => {
    await node.ask('shop', path);
    return lines.some((line) => line.includes(`GET ${path}`));
  });
  await asked('/log-one');
  const [first] = (await node.running('shop')).filter(({name}) => name.includes('.web.'));
  await node.docker.getContainer(first?.id ?? '').remove({force: true});
  await until('a new replica tells that it listens', () => lines.some((line) => line.endsWith('listening on 8080')));
  await asked('/log-two');
  interrupt.abort();
  const {exitCode} = await following;
  t.is(exitCode, 130);
  t.regex(lines.join('\n'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 app\[web\.\d\]: GET \/log-one$/m);
});
