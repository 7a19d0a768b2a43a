import {setTimeout as pause} from 'node:timers/promises';
import test from 'ava';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Pushes that go wrong in every way. What served before serves on, and git says so.

const DOCKERFILE = 'FROM flynn/run\nCOPY server.pl page /srv/\nUSER app\nCMD ["perl", "/srv/server.pl"]\n';
const CRASHING = 'FROM flynn/run\nUSER app\nCMD ["sh", "-c", "echo no database configured; exit 3"]\n';

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

/** What is there of the app. */
async function leftovers() {
  const listed = await node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'ls-tree', '--name-only', 'main:apps/shop/releases');
  const pushed = await node.git(node.home, `--git-dir=${node.layout.sources}/shop.git`, 'rev-parse', 'main');
  return {
    builds: await node.containers('build'),
    running: (await node.running('shop')).map(({id}) => id),
    releases: listed.stdout,
    main: pushed.stdout,
  };
}

test.serial('a release that crashes rejects the push with its last lines, while the old one serves', async (t) => {
  const before = await leftovers();
  await using load = startLoad(node.target('shop'));
  await node.commit(folder, {'Dockerfile': CRASHING});
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  const {answered, failures, bodies} = await load.stop();
  t.is(pushed.exitCode, 1, pushed.output);
  t.regex(pushed.output, /no database configured\n(.*\n)*remote: +!\s+Push rejected, release v2 failed: web\.1 exited with code 3, 3 times in a row/);
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
  t.deepEqual([...bodies.keys()], ['hello from quick\n']);
  t.deepEqual(await leftovers(), before);
  t.regex((await node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'log', '-1', '--format=%B', 'main')).stdout, /^shop: take back release v2\n\nrelease v2 failed: web\.1 exited with code 3/);
});

for (const [name, dockerfile, seconds, message] of [
  ['whose command does not exist', 'FROM flynn/run\nCMD ["no-such-command"]\n', 120, /no-such-command: command not found\n(.*\n)*.*web\.1 exited with code 127 \(its command was not found\)/],
  ['that never listens', 'FROM flynn/run\nUSER app\nCMD ["sleep", "1000"]\n', 10, /not healthy within 10 s: web \[0\/1\] healthy; web\.1 is starting: nothing listens on port 8080/],
] as const) {
  test.serial(`a release ${name} rejects the push and says so`, async (t) => {
    const cluster = await node.clone(`cluster-${name.replaceAll(' ', '-')}`);
    await node.want(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\ndeployTimeoutSeconds: ${seconds}\n`});
    const before = await leftovers();
    await node.commit(folder, {Dockerfile: dockerfile});
    const pushed = await node.git(folder, 'push', 'flynn', 'main');
    t.is(pushed.exitCode, 1, pushed.output);
    t.regex(pushed.output, message);
    t.is((await node.ask('shop')).body, 'hello from quick\n');
    await until('the failed containers have stopped', async () => (await node.running('shop')).length === 1);
    t.deepEqual(await leftovers(), before);
  });
}

for (const [name, dockerfile, line, begun] of [
  ['a build', 'FROM flynn/run\nRUN sleep 100\n', /RUN sleep 100/, () => pause(300)],
  // A container that is being started when nobody wants it any more runs for a moment all the same.
  ['a deploy', 'FROM flynn/run\nUSER app\nCMD ["sleep", "1000"]\n', /Released v/, () => until('the new one runs', async () => (await node.running('shop')).length === 2)],
] as const) {
  test.serial(`Ctrl-C during ${name} leaves no release, no build and no container`, async (t) => {
    const before = await leftovers();
    await node.commit(folder, {Dockerfile: dockerfile});
    const interrupt = new AbortController();
    const pushed = await node.run(['git', 'push', 'flynn', 'main'], {
      cwd: folder, signal: interrupt.signal, onLine: (text) => line.test(text) && void begun().then(() => interrupt.abort()),
    });
    t.not(pushed.exitCode, 0);
    await until('nothing is left of it', async () => {
      const after = await leftovers();
      return after.builds.length === 0 && after.running.length === 1 && after.releases === before.releases;
    });
    t.deepEqual(await leftovers(), before);
    t.is((await node.ask('shop')).body, 'hello from quick\n');
  });
}

test.serial('of two pushes at once the second waits its turn, says so, and is deployed after the first', async (t) => {
  await node.commit(folder, {Dockerfile: `${DOCKERFILE}RUN sleep 12\n`, page: 'first\n'});
  const second = await node.commit(folder, {page: 'second\n'});
  const building = Promise.withResolvers<void>();
  const first = node.run(['git', 'push', 'flynn', 'HEAD~1:main'], {cwd: folder, onLine: (line) => line.includes('RUN sleep 12') && building.resolve()});
  await Promise.race([building.promise, first.then(({output}) => Promise.reject(new Error(output)))]);
  const pushed = await node.git(folder, 'push', 'flynn', 'main:master');
  const served = await node.ask('shop');
  t.is((await first).exitCode, 0, (await first).output);
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /Waiting for the push before this one: Ada deploys [0-9a-f]{8} \(since/);
  t.is(served.body, 'second\n');
  const {release = 0} = await node.status('shop');
  t.regex(await node.manifest(`apps/shop/releases/v${String(release).padStart(4, '0')}.yaml`) ?? '', new RegExp(`commit: "?${second}`));
});

test.serial('a git revert of the release\'s commit is a rollback', async (t) => {
  const cluster = await node.clone('cluster-revert');
  const {stdout} = await node.git(cluster, 'log', '--format=%H', '-1', '--grep=^shop: release v');
  t.is((await node.git(cluster, 'revert', '--no-edit', stdout)).exitCode, 0);
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('the release before it serves', async () => (await node.ask('shop')).body === 'first\n');
  await until('the other has stopped', async () => (await node.running('shop')).length === 1);
});
