import {setTimeout as pause} from 'node:timers/promises';
import test from 'ava';
import {startLoad} from '../support/load.ts';
import {seededRandom} from '../support/random.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// The reconciler ends, at any moment and in any way. Apps run on; the next start takes over what it finds.

const KILLS = 18;
/** A scaling is over within this time: kills come at any moment of it, in milliseconds. */
const BUSY_MS = 1500;

let node: TrialNode;
let folder: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.deployed('shop', 'quick');
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

const idsOf = async (role: string) => (await node.containers(role)).filter(({state}) => state === 'running').map(({id}) => id).toSorted();

for (const [what, signal] of [['kill -9', 'SIGKILL'], ['Ctrl-C', 'SIGINT'], ['SIGTERM', 'SIGTERM']] as const) {
  test.serial(`${what} of the reconciler leaves apps serving, and the next start adopts the same containers`, async (t) => {
    await node.settled();
    await using load = startLoad(node.target('shop'), 3);
    const before = {apps: await idsOf('app'), router: await idsOf('router'), dns: await idsOf('dns')};
    await node.kill(signal);
    const answered = load.count;
    await until('requests go on being answered', () => load.count > answered + 100);
    await node.up();
    await node.settled();
    t.deepEqual({apps: await idsOf('app'), router: await idsOf('router'), dns: await idsOf('dns')}, before);
    const {failures, answered: all} = await load.stop();
    t.log(`${all} requests, ${failures.length} failed`);
    t.deepEqual(failures, []);
  });
}

test.serial('while the reconciler is dead, a router and a DNS server that die come back', async (t) => {
  await node.kill('SIGKILL');
  for (const role of ['router', 'dns']) {
    const [id = ''] = await idsOf(role);
    const {State} = await node.docker.getContainer(id).inspect();
    process.kill(State.Pid, 'SIGKILL');
    await until(`${role} is another process and the app is served`, async () => {
      const now = (await node.docker.getContainer(id).inspect()).State;
      return now.Running && now.Pid !== State.Pid && (await node.ask('shop')).status === 200;
    });
  }
  await node.up();
  t.is((await node.ask('shop')).status, 200);
});

test.serial(`killed ${KILLS} times in the middle of changes, it converges each time: no duplicate, no orphan, no failed request`, async (t) => {
  t.timeout(175_000);
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.log(`SEED=${seed}`);
  const random = seededRandom(seed);
  await using load = startLoad(node.target('shop'), 2);
  const cluster = await node.clone();
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await node.git(cluster, 'pull', '--quiet');
    const replicas = 1 + Math.floor(random() * 4);
    const isDeploy = random() < 0.5;
    const greeting = isDeploy ? `env: {GREETING: g${kill}}\n` : /^env.*\n/m.exec(await node.manifest('apps/shop/app.yaml') ?? '')?.[0] ?? '';
    await node.commit(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\n${greeting}services: {web: {replicas: ${replicas}}}\n`});
    const pushed = await node.git(cluster, 'push');
    t.is(pushed.exitCode, 0, `${pushed.output}\n${node.log}`);
    const atMs = Math.floor(random() * BUSY_MS);
    await pause(atMs); // No condition to wait for: any moment is wanted.
    await node.kill('SIGKILL');
    await node.up();
    await node.settled();
    const all = await until(`kill ${kill} (${replicas} replicas, ${isDeploy ? 'deploy' : 'scale'}, after ${atMs} ms): exactly ${replicas} containers`, async () => {
      const running = await node.running('shop');
      return running.length === replicas && await node.isSettled() && running;
    });
    t.deepEqual(all.map(({name}) => /web\.(\d+)/.exec(name)?.[1]).toSorted(), Array.from({length: replicas}, (_, slot) => `${slot + 1}`));
    if (isDeploy) t.is((await node.ask('shop')).body, `hello from quick\ng${kill}`, `${JSON.stringify((await node.status('shop')).conditions)} ${node.log}`);
  }
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('killed in the middle of pushes, nothing is left of the builds and no release is lost', async (t) => {
  t.timeout(175_000);
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.log(`SEED=${seed}`);
  const random = seededRandom(seed);
  for (let kill = 1; kill <= 5; kill += 1) {
    await node.commit(folder, {page: `page ${kill}\n`});
    const push = node.git(folder, 'push', 'flynn', 'main');
    const atMs = 300 + Math.floor(random() * 1500);
    await pause(atMs); // As above.
    await node.kill('SIGKILL');
    // By itself, without its user: what is left of us tells git, whether its hook had begun to talk to us or not.
    const {exitCode, output} = await push;
    t.true(exitCode === 0 || /Flynn was stopped in the middle of this push|Flynn is not running on this machine|The requested URL returned error: 502/.test(output), `killed after ${atMs} ms: ${exitCode} ${output}`);
    await node.up();
    await node.settled();
    await until('no build is left', async () => (await node.containers('build')).length === 0);
    const again = await node.git(folder, 'push', 'flynn', 'main');
    t.is(again.exitCode, 0, `killed after ${atMs} ms, which ended the push with ${exitCode}; then: ${again.output}`);
    t.regex((await node.ask('shop')).body, new RegExp(`^page ${kill}\n`));
  }
  const {stdout} = await node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'ls-tree', '--name-only', 'main:apps/shop/releases');
  const numbers = stdout.split('\n').map((name) => Number(name.slice(1, -5)));
  t.log(`releases ${numbers.join(', ')}`);
  t.is(new Set(numbers).size, numbers.length);
});
