import test from 'ava';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A node that is closed: cordoned it keeps what it has, drained it does not.

let node: TrialNode;
let name: string;
let folder: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.deployed('shop', 'quick');
  name = (JSON.parse((await node.flynn(['status', '--json'])).stdout) as {readonly node: string}).node;
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

async function flynn(...args: readonly string[]): Promise<string> {
  const {exitCode, output} = await node.flynn(args);
  return `${exitCode} ${output}`;
}

const waits = async (app: string) => (await node.status(app)).waiting.join('\n');

test.serial('a cordoned node starts nothing new, and keeps what it has', async (t) => {
  t.timeout(120_000);
  t.regex(await flynn('node', 'cordon'), new RegExp(`^0 Committed "node ${name}: cordon"`));
  await flynn('scale', 'web=2', '-a', 'shop', '--no-wait');
  await until('the second one waits', async () => (await waits('shop')).includes(`web.2  # on node ${name} is cordoned`));
  const [first] = await node.running('shop');
  await node.docker.getContainer(first?.id ?? '').kill();
  await until('the first one is back', async () => (await node.ask('shop')).status === 200 && (await node.running('shop')).length === 1);
  t.regex(await flynn('run', '-a', 'shop', 'true'), new RegExp(`^1 error: .*node ${name} is cordoned, and starts nothing new: flynn node uncordon ${name}`));
  t.regex(await flynn('node'), new RegExp(`${name} +cordoned`));
});

test.serial('a deploy waits there, and goes on when the node is open again', async (t) => {
  t.timeout(120_000);
  await node.commit(folder, {page: 'two'});
  const pushed = node.git(folder, 'push', 'flynn', 'main');
  await until('the release waits', async () => (await waits('shop')).includes(`release v2  # on node ${name} is cordoned`), 60_000);
  t.is((await node.ask('shop')).body, 'hello from quick\n');
  t.regex(await flynn('node', 'uncordon', name), /^0 Committed "node .*: uncordon"/);
  const {exitCode, output} = await pushed;
  t.is(exitCode, 0, output);
  t.is((await node.ask('shop')).body, 'two');
  await until('only the new ones are left', async () => (await node.running('shop')).length === 2);
});

test.serial('a node without others is drained only when somebody says yes', async (t) => {
  t.timeout(120_000);
  t.regex(await flynn('node', 'drain'), /^1 error: nothing is changed: no other node can take what runs on/);
  t.regex(await flynn('node', 'drain', '--yes'), new RegExp(`^0 Committed "node ${name}: drain"[\\s\\S]*${name} is empty`));
  t.deepEqual(await node.running('shop'), []);
  t.is((await node.ask('shop')).status, 503);
  t.regex(await flynn('status'), /shop .*NoRoom.*node .* is drained/);
  t.regex(await flynn('node', 'uncordon'), /^0 /);
  await until('all of it is back', async () => (await node.ask('shop')).body === 'two' && (await node.running('shop')).length === 2);
});
