import {readdir} from 'node:fs/promises';
import test from 'ava';
import {LABEL_APP, LABEL_INSTANCE} from '../../reconciler/labels.ts';
import type {GarbageAnswer} from '../../reconciler/api/answers.ts';
import type {NodeStatus} from '../../reconciler/status/status.ts';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A node with little room and little disk: who gives way, what is removed, and what never is.

const APP = 'apiVersion: flynn/v1\nkind: App\n';
/** Two stages: of the first one nothing would ever be removed if we did not. */
const STAGED = (text: string) => `FROM flynn/run AS made\nRUN echo ${text} > /made\nRUN echo more >> /made\n\nFROM flynn/run\nCOPY --from=made /made /srv/made\nCOPY server.pl page /srv/\nUSER app\nCMD ["perl", "/srv/server.pl"]\n`;

let node: TrialNode;
let shop: string;
let cluster: string;
let nodeFile: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  shop = await node.app('shop', 'quick');
  await push(shop);
  await push(await node.app('blog', 'quick'));
  cluster = await node.clone();
  nodeFile = `nodes/${(await readdir(`${cluster}/nodes`)).find((file) => file.endsWith('.yaml')) ?? ''}`;
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

async function push(folder: string): Promise<void> {
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
}

/** Commits files of the cluster repository, and pushes them. */
async function change(files: Readonly<Record<string, string>>): Promise<void> {
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, files);
  const {exitCode, output} = await node.git(cluster, 'push', '--quiet');
  if (exitCode !== 0) throw new Error(output);
}

async function images(app: string): Promise<readonly string[]> {
  const listed = await node.docker.listImages({filters: {label: [`${LABEL_INSTANCE}=${node.instance}`, `${LABEL_APP}=${app}`]}});
  return listed.map(({Id}) => Id).toSorted();
}

test.serial('on a full node the lower class gives way without a failed request, and comes back when there is room', async (t) => {
  t.timeout(180_000);
  await change({
    [nodeFile]: 'apiVersion: flynn/v1\nkind: Node\ncapacity: {memory: 1Gi}\n',
    'apps/blog/app.yaml': `${APP}services: {web: {replicas: 2, priority: low, requests: {memory: 300Mi}}}\n`,
  });
  await until('both copies of blog run', async () => (await node.status('blog')).services[0]?.healthy === 2);
  const [before] = await node.running('shop');
  await using load = startLoad(node.target('blog'));
  await change({'apps/shop/app.yaml': `${APP}services: {web: {priority: high, requests: {memory: 500Mi}}}\n`});
  const waiting = await until('a copy of blog has no place', async () => {
    const {services: [web], waiting: waits, conditions} = await node.status('blog');
    return web?.replicas.length === 1 && web.wanted === 2 && {web, waits, conditions};
  });
  t.deepEqual(waiting.waits, [`wait blog web.2  # on room: no node has 300Mi of memory free (${nodeFile.slice(6, -5)}: 224Mi of 1Gi)`]);
  t.like(waiting.conditions.find(({type}) => type === 'Ready'), {status: false, reason: 'NoRoom'});
  t.regex((await node.flynn(['events', '-a', 'blog'])).output, /stop blog\.web\.2-\S+ within 30s \(it gives way: no node has 300Mi of memory free/);
  t.deepEqual((await node.running('shop')).map(({id}) => id), [before?.id], 'a change of requests makes no new container');

  await change({'apps/shop/app.yaml': `${APP}services: {web: {priority: high, replicas: 0, requests: {memory: 500Mi}}}\n`});
  await until('blog is whole again', async () => (await node.status('blog')).services[0]?.healthy === 2);
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests to what gave way, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('a push that finds no room says so while it waits, and fails by its deadline', async (t) => {
  t.timeout(120_000);
  await change({'apps/shop/app.yaml': `${APP}deployTimeoutSeconds: 4\nservices: {web: {requests: {memory: 400Mi}}}\n`, 'apps/blog/app.yaml': `${APP}services: {web: {replicas: 2, priority: system, requests: {memory: 400Mi}}}\n`});
  await node.commit(shop, {page: 'no room for me\n'});
  const {exitCode, output} = await node.git(shop, 'push', 'flynn', 'main');
  t.is(exitCode, 1, output);
  t.regex(output, /remote: +web \[0\/1\] waiting: no node has 400Mi of memory free/);
  t.regex(output, /!\s+Push rejected, release v2 failed: not healthy within 4 s: web \[0\/1\] healthy; web has no place: no node has 400Mi of memory free/);
  await node.git(shop, 'reset', '--quiet', '--hard', 'HEAD~');
  await change({'apps/shop/app.yaml': APP, 'apps/blog/app.yaml': APP});
  await until('shop serves again', async () => (await node.ask('shop')).status === 200);
});

test.serial('deploys leave no more images than are kept, and no layers without a name', async (t) => {
  t.timeout(120_000);
  const text = await node.manifest('cluster.yaml') ?? '';
  await change({'cluster.yaml': text.replace(/releases: \d+/, 'releases: 2').replace(/images: \d+/, 'images: 2')});
  const unnamed = async () => (await node.docker.listImages({all: true})).length - (await node.docker.listImages()).length + (await node.docker.listImages({filters: {dangling: ['true']}})).length;
  const counts: number[] = [];
  for (let deploy = 1; deploy <= 6; deploy += 1) {
    await node.commit(shop, {Dockerfile: STAGED(`deploy ${deploy}`), page: `deploy ${deploy}\n`});
    await push(shop);
    await until('old images are gone', async () => (await images('shop')).length <= 4);
    counts.push(await unnamed());
  }
  t.log(`layers without a name after each deploy: ${counts.join(', ')}`);
  t.is((await node.ask('shop')).body, 'deploy 6\n');
  await until('only images of kept releases are left, which are the newest too', async () => (await images('shop')).length === 2);
  // Other tests build images on this engine too, but not by the dozen.
  t.true((counts.at(-1) ?? 0) - (counts[2] ?? 0) < 6, counts.join());
});

test.serial('an app that is gone leaves images for a week, and none when somebody asks', async (t) => {
  t.timeout(120_000);
  const [kept, gone] = [await images('shop'), await images('blog')];
  t.true(gone.length > 0);
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  await node.git(cluster, 'rm', '-r', '--quiet', 'apps/blog');
  await change({});
  await until('blog is noted as gone', async () => /note that blog is gone/.test((await node.flynn(['events'])).output));
  t.deepEqual(await images('blog'), gone);

  const shown = JSON.parse((await node.flynn(['gc', '--dry-run', '--json'])).stdout) as GarbageAnswer;
  t.deepEqual(shown.items.filter(({app}) => app === 'blog').map(({kind, reason}) => `${kind}: ${reason}`).toSorted(), ['build logs: app blog is gone', 'image: app blog is gone']);
  t.deepEqual(await images('blog'), gone, 'a dry run changes nothing');

  const {exitCode, output} = await node.flynn(['gc']);
  t.is(exitCode, 0, output);
  t.log(output);
  t.deepEqual(await images('blog'), []);
  t.deepEqual(await images('shop'), kept, 'images of kept releases stay');
  t.false((await readdir(node.layout.builds)).includes('blog'));
  t.regex((await node.flynn(['gc'])).output, /nothing to remove/);
  await until('nothing is planned any more', async () => (await node.plan()).actions.length === 0);
});

test.serial('builds are refused when little disk is free, and the node says so', async (t) => {
  t.timeout(120_000);
  const text = await node.manifest('cluster.yaml') ?? '';
  await change({'cluster.yaml': text.replace(/minFreeDisk: \S+/, 'minFreeDisk: 900Ti')});
  const conditions = async () => (JSON.parse((await node.flynn(['status', '--json'])).stdout) as NodeStatus).conditions;
  await until('the node says so', async () => (await conditions()).some(({type, status, reason}) => type === 'Stalled' && status && reason === 'DiskNearlyFull'));
  await node.commit(shop, {page: 'no disk for me\n'});
  const {exitCode, output} = await node.git(shop, 'push', 'flynn', 'main');
  t.is(exitCode, 1);
  const told = output.split('\n').filter((line) => line.startsWith('remote: ')).map((line) => line.slice('remote: '.length).trimEnd());
  t.regex(told.filter((line) => line !== '').at(-1) ?? '', /^ !\s+Push rejected, only \S+ are free on the disk of \S+, and a build needs 900Ti \(builds\.minFreeDisk in cluster\.yaml\)/);
  t.like((await conditions()).find(({type}) => type === 'Ready'), {status: true});
  t.regex((await node.flynn(['events'])).output, /\[disk-low\]: only \S+ of \S+ are free/);
  await change({'cluster.yaml': text});
  await until('it is told that there is enough', async () => /\[disk-enough\]/.test((await node.flynn(['events'])).output));
  await push(shop);
});
