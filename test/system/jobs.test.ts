import test from 'ava';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// The release command, with a real engine: when it runs, what its pusher sees, what its failure means, and kill -9 in its middle.

let node: TrialNode;
let folder: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'quick', {Procfile: procfile('echo migrated')});
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

function procfile(release: string): string {
  return `web: exec perl /srv/server.pl\nrelease: ${release}\n`;
}

async function push(changes: Readonly<Record<string, string>>) {
  await node.commit(folder, changes);
  return node.git(folder, 'push', 'flynn', 'main');
}

function jobs() {
  return node.containers('job', 'shop');
}

test.serial('the release command runs once, before the first replica, and its output is in the push', async (t) => {
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /Release command declared: this new release will not be available until the command succeeds\.\n.*Released v1\n.*Running release command\.\.\.\n.*migrated\n.*web \[0\/1\]/);
  const containers = [...await node.docker.listContainers({all: true, filters: {label: [`flynn.instance=${node.instance}`, 'flynn.app=shop']}})];
  const created = containers.toSorted((a, b) => a.Created - b.Created).map(({Labels}) => Labels['flynn.role']);
  t.is(created.filter((role) => role === 'job').length, 1);
  t.deepEqual((await node.status('shop')).services.map(({name}) => name), ['web']);
});

test.serial('one that fails rejects the push, with its output, while the old release serves', async (t) => {
  await using load = startLoad(node.target('shop'));
  const pushed = await push({page: 'second\n', Procfile: procfile('echo no such table; exit 4')});
  const {failures, bodies} = await load.stop();
  t.is(pushed.exitCode, 1, pushed.output);
  t.regex(pushed.output, /Running release command\.\.\.\n.*no such table\n(.*\n)*remote: +!\s+Push rejected, release v2 failed: the release command exited with code 4/);
  t.is(pushed.output.match(/no such table/g)?.length, 1, 'its output is there once');
  t.deepEqual([failures, [...bodies.keys()]], [[], ['hello from quick\n']]);
  t.is(await node.manifest('apps/shop/releases/v0002.yaml'), undefined);
  // What is taken back runs nothing again.
  await until('the node rests', async () => (await node.plan()).text === '');
  t.true((await jobs()).every(({name}) => name.includes('.v2-')), 'no release command of v1 has run again');
});

test.serial('a change of the configuration is a deploy, and runs it again', async (t) => {
  const cluster = await node.clone();
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {GREETING: moin}\nrelease: echo greeting is $GREETING; exit 5\n'});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  const stalled = await until('the app says why', async () => (await node.status('shop')).conditions.find(({type, status}) => type === 'Stalled' && status));
  t.is(stalled.message, 'release v1 failed: the release command exited with code 5');
  t.is((await node.ask('shop')).body, 'hello from quick\n');
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {GREETING: moin}\n'});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('it serves with its new environment', async () => (await node.ask('shop')).body === 'hello from quick\nmoin');
});

test.serial('kill -9 of the reconciler: the command that runs is adopted, and not run again', async (t) => {
  await node.commit(folder, {page: 'third\n', Procfile: procfile('echo began; sleep 6; echo ended')});
  const pushed = node.git(folder, 'push', 'flynn', 'main');
  const [job] = await until('the release command runs', async () => {
    const running = (await jobs()).filter(({state}) => state === 'running');
    return running.length > 0 && running;
  });
  await node.kill('SIGKILL');
  t.regex((await pushed).output, /Flynn was stopped in the middle of this push/);
  await node.up();
  await until('the new release serves', async () => (await node.ask('shop')).body === 'third\nmoin');
  await node.settled();
  t.deepEqual((await jobs()).map(({id}) => id), [job?.id]);
  const log = await node.docker.getContainer(job?.id ?? '').logs({stdout: true});
  t.is(log.toString().match(/began/g)?.length, 1);
});

test.serial('a newer commit stops the command of the one before it', async (t) => {
  const cluster = await node.clone('cluster-2');
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {GREETING: hola}\nrelease: exec sleep 100\n'});
  await node.git(cluster, 'push');
  await until('the first command runs', async () => (await jobs()).some(({state}) => state === 'running'));
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {GREETING: ciao}\nrelease: "true"\n'});
  await node.git(cluster, 'push');
  await until('the second one serves', async () => (await node.ask('shop')).body === 'third\nciao');
  t.true(await until('the first one is stopped', async () => !(await jobs()).some(({state}) => state === 'running')));
});
