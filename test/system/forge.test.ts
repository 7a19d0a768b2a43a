import {execFileSync} from 'node:child_process';
import {createHmac} from 'node:crypto';
import path from 'node:path';
import test from 'ava';
import {GITHUB} from '../support/forges/github.ts';
import {startForge, type ForgeServer, type Pull} from '../support/forges/server.ts';
import {head} from '../support/manifests.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A node whose cluster repository lives at a forge: a server that keeps to GitHub's API document, beside a real repository. What a pull request
// would change, and what became of it, is told there.

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const shop = (yaml: string) => ({'apps/shop/app.yaml': `${head('App')}${yaml}`});

let node: TrialNode;
let forge: ForgeServer;
let clone: string;
/** The repository at the forge. */
let bare: string;
/** The source of the shop. */
let app: string;
let hook: {readonly url: string; readonly secret: string};

test.before(async (t) => {
  t.timeout(240_000);
  forge = await startForge(GITHUB);
  node = await TrialNode.start();
  app = await node.deployed('shop', 'quick');
  clone = await node.clone();
  bare = path.join(node.home, 'forge.git');
  await node.git(node.home, 'clone', '--quiet', '--bare', clone, bare);
  await node.mustGit(clone, 'remote', 'set-url', 'origin', bare);
  await node.kill('SIGINT');
  await node.up(['--cluster-repo', bare, '--poll', '1']);
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await forge.close();
  await node[Symbol.asyncDispose]();
});

test.serial('the forge is named by a command; its token is sealed, and neither git nor the log nor the API has it', async (t) => {
  const {url, repository, token} = forge.world;
  const set = await node.run(['sh', '-c', `printf '%s\\n' "$TOKEN" | '${process.execPath}' '${MAIN}' forge set github ${repository} --url ${url}`], {env: {TOKEN: token}});
  t.is(set.exitCode, 0, set.output);
  const made = await node.flynn(['forge', 'hook', '--json']);
  hook = JSON.parse(made.stdout) as typeof hook;
  await until('the commit that names it is told of', () => forge.world.statuses.some(({context, description}) => context === 'flynn/deploy' && description === 'healthy: no app changes'));
  await node.mustGit(clone, 'pull', '--quiet');
  const known = [await node.mustGit(clone, 'log', '-p'), node.log, (await node.flynn(['forge', '--json'])).stdout, (await node.flynn(['events'])).output].join('\n');
  t.false(known.includes(token));
  t.false(known.includes(hook.secret));
});

test.serial('a webhook that knows the secret makes it look at a new pull request, which gets its plan and its check', async (t) => {
  const commit = await pullRequest(1, shop('services: {web: {replicas: 2}}\n'));
  t.is((await send('wrong')).status, 401);
  t.is((await send(hook.secret)).status, 202);
  const comment = await until('the comment is there', () => forge.world.comments.find(({change}) => change === 1));
  t.regex(comment.body, /### Plan: 1 app changes; 1 replica starts; memory 512Mi → 1Gi, cores 1 → 2\n/);
  t.regex(comment.body, /\nweb: 2 replicas instead of 1\n/);
  t.regex(comment.body, /\non \S+: replicas 1 → 2, memory 512Mi → 1Gi of [\d.]+Gi, cores 1 → 2 of \d+\n/);
  await until('the check is green', () => forge.world.status(commit, 'flynn/plan')?.state === 'success');
  t.is((await node.running('shop')).length, 1);
});

test.serial('after the merge the commit says that it is healthy, with the address of the app', async (t) => {
  const merged = await merge(1);
  await until('it is healthy', () => forge.world.status(merged, 'flynn/deploy')?.state === 'success');
  // One that is healthy at once does not converge before.
  t.regex(deployStates(merged), /^(pending )?success$/);
  t.like(forge.world.status(merged, 'flynn/deploy'), {description: 'healthy: shop', url: `http://shop.flynn.localhost:${node.httpPort}/`});
  t.is((await node.running('shop')).length, 2);
});

test.serial('a change that is proposed by a command is a pull request there, and changes nothing here', async (t) => {
  const proposed = await node.flynn(['scale', 'web=3', '-a', 'shop', '--propose']);
  t.is(proposed.exitCode, 0, proposed.output);
  const pull = forge.world.pulls.at(-1);
  t.like(pull, {title: 'shop: scale web 2 → 3', base: 'main'});
  t.regex(pull?.branch ?? '', /^flynn\/shop-scale-web-2-3-[0-9a-f]{8}$/);
  t.true(proposed.output.includes(`others look at it at: ${forge.world.url}/team/cluster/pull/${pull?.number}`), proposed.output);
  t.regex(proposed.output, /web: 3 replicas instead of 2/);
  t.regex(await node.mustGit(clone, 'ls-remote', 'origin', `refs/heads/${pull?.branch}`), /^[0-9a-f]{40}/);
  t.is((await node.running('shop')).length, 2);
  forge.world.pulls.pop();
});

test.serial('a merge that does not get healthy says why it failed', async (t) => {
  await pullRequest(2, shop('services: {web: {replicas: 1, command: "exit 7"}}\n'));
  const merged = await merge(2);
  await until('it has failed', () => forge.world.status(merged, 'flynn/deploy')?.state === 'failure', 60_000);
  // One that has failed by the time that it is told of does not converge before.
  t.regex(deployStates(merged), /^(pending )?failure$/);
  t.regex(forge.world.status(merged, 'flynn/deploy')?.description ?? '', /^failed: shop: .*exited with code 7/);
  t.is((await node.ask('shop')).status, 200);
});

test.serial('what it has told it does not tell again after a kill, and goes on', async (t) => {
  const told = forge.world.statuses.length;
  await node.kill('SIGKILL');
  await node.up();
  const commit = await pullRequest(3, shop('services: {web: {replicas: many}}\n'));
  await send(hook.secret);
  await until('the check is red', () => forge.world.status(commit, 'flynn/plan')?.state === 'failure');
  t.regex(forge.world.comments.find(({change}) => change === 3)?.body ?? '', /apps\/shop\/app\.yaml:3:28: services\.web\.replicas must be a whole number/);
  t.deepEqual(forge.world.statuses.slice(told).map(({context}) => context), ['flynn/plan']);
  t.is(forge.world.comments.filter(({change}) => change === 1).length, 1);
  const shown = await until('it has looked at all of them', async () => {
    const {output} = await node.flynn(['forge']);
    return /looked {2}\d/.test(output) ? output : undefined;
  });
  t.regex(shown, /^github {2}http:\/\/127\.0\.0\.1:\d+\/team\/cluster\n {2}1 open pull request has a plan\n {2}looked {2}\d+s ago; a webhook tells when$/m);
  forge.world.pulls.pop();
});

test.serial('a push of an app whose releases are reviewed opens a pull request with its plan, and another push changes it; nothing is deployed', async (t) => {
  t.timeout(120_000);
  forge.world.headOf = headAtForge;
  const reviewed = await toMain(shop('review: required\n'));
  await until('it is reviewed', () => forge.world.status(reviewed, 'flynn/deploy')?.state === 'success');
  await node.commit(app, {page: 'a reviewed page\n'});
  const pushed = await node.git(app, 'push', 'flynn', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  const pull = forge.world.pulls.at(-1);
  t.true(pushed.output.includes(`Release v2 is proposed: #${pull?.number}; it deploys when it is merged`), pushed.output);
  t.true(pushed.output.includes(`Others look at it at: ${forge.world.url}/team/cluster/pull/${pull?.number}`), pushed.output);
  t.regex(pull?.title ?? '', /^shop: release v2 \([0-9a-f]{8}\)$/);
  const comment = await until('it has its plan', () => forge.world.comments.find(({change}) => change === pull?.number));
  t.regex(comment.body, /\nrelease +v1 → v2\n.*1 replica, which is replaced by a new one \(release v2\)/s);

  await node.commit(app, {page: 'a better page\n'});
  const again = await node.git(app, 'push', 'flynn', 'main');
  t.true(again.output.includes(`Release v2 is proposed: #${pull?.number};`), again.output);
  t.is(forge.world.pulls.length, 1);
  t.regex((await node.flynn(['review'])).stdout, new RegExp(`^#${pull?.number} {2}shop: release v2 .* open, a release of shop$`, 'm'));
  t.is((await node.status('shop')).release, 1);
  t.not(await waiting(), '');
});

test.serial('merged there, by a squash, it is deployed and told of, and what was kept for it is kept as its release', async (t) => {
  t.timeout(120_000);
  const pull = forge.world.pulls.at(-1);
  await node.mustGit(clone, 'fetch', '--quiet', 'origin');
  await node.mustGit(clone, 'checkout', '--quiet', '--detach', 'origin/main');
  await node.mustGit(clone, 'merge', '--quiet', '--squash', `origin/${pull?.branch}`);
  const merged = await node.commit(clone, {}, `${pull?.title} (#${pull?.number})`);
  await node.mustGit(clone, 'push', '--quiet', 'origin', 'HEAD:main', `:${pull?.branch}`);
  // Main has it by then, as at a forge: one that is in no list and not on main was closed.
  forge.world.pulls.pop();
  t.is((await send(hook.secret)).status, 202);
  await until('it is healthy', () => forge.world.status(merged, 'flynn/deploy')?.state === 'success');
  t.is(forge.world.status(merged, 'flynn/deploy')?.description, 'healthy: shop');
  t.is((await node.status('shop')).release, 2);
  await until('it serves', async () => (await node.ask('shop')).body === 'a better page\n');
  await until('nothing waits any more', async () => await waiting() === '');
  // It is let go after what waits: a kill in between leaves no more than a file.
  const sources = await until('what was kept for it is let go', async () => {
    const refs = await node.mustGit(node.home, `--git-dir=${path.join(node.layout.sources, 'shop.git')}`, 'for-each-ref', '--format=%(refname)', 'refs/flynn');
    return !refs.includes('refs/flynn/proposed') && refs;
  });
  t.regex(sources, /^refs\/flynn\/releases\/v2$/m);
});

test.serial('one that is closed there is let go', async (t) => {
  t.timeout(60_000);
  await node.commit(app, {page: 'a page that nobody wants\n'});
  t.is((await node.git(app, 'push', 'flynn', 'main')).exitCode, 0);
  t.not(await waiting(), '');
  forge.world.pulls.pop();
  await send(hook.secret);
  await until('nothing waits any more', async () => await waiting() === '');
  t.is((await node.status('shop')).release, 2);
  t.deepEqual(forge.violations, []);
});

/** What the node keeps for releases in pull requests. */
function waiting(): Promise<string> {
  return node.mustGit(node.home, `--git-dir=${node.layout.clusterRepo}`, 'for-each-ref', 'refs/flynn/waiting');
}

/** As a forge does: a pull request is where its branch is, and git finds it by its number. */
function headAtForge({number, branch, sha}: Pull): string {
  try {
    const head = execFileSync('git', [`--git-dir=${bare}`, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`], {encoding: 'utf8'}).trim();
    execFileSync('git', [`--git-dir=${bare}`, 'update-ref', `refs/pull/${number}/head`, head]);
    return head;
  } catch {
    return sha;
  }
}

/** Somebody pushes to main there. */
async function toMain(files: Readonly<Record<string, string>>): Promise<string> {
  await node.mustGit(clone, 'fetch', '--quiet', 'origin');
  await node.mustGit(clone, 'checkout', '--quiet', '--detach', 'origin/main');
  const commit = await node.commit(clone, files);
  await node.mustGit(clone, 'push', '--quiet', 'origin', 'HEAD:main');
  return commit;
}

/** All that was told of a commit, in its order. */
function deployStates(commit: string): string {
  return forge.world.statuses.filter(({sha, context}) => sha === commit && context === 'flynn/deploy').map(({state}) => state).join(' ');
}

/** Somebody opens one, from what main is now. */
async function pullRequest(number: number, files: Readonly<Record<string, string>>): Promise<string> {
  await node.mustGit(clone, 'fetch', '--quiet', 'origin');
  await node.mustGit(clone, 'checkout', '--quiet', '--detach', 'origin/main');
  const sha = await node.commit(clone, files);
  await node.mustGit(clone, 'push', '--quiet', 'origin', `HEAD:refs/pull/${number}/head`);
  forge.world.pulls.push({number, title: `change ${number}`, body: '', branch: `b${number}`, base: 'main', sha, author: 'ann'});
  return sha;
}

/** As the button of the forge does: a merge commit. */
async function merge(number: number): Promise<string> {
  await node.mustGit(clone, 'fetch', '--quiet', 'origin', `refs/pull/${number}/head:refs/pulls/${number}`);
  await node.mustGit(clone, 'checkout', '--quiet', '--detach', 'origin/main');
  await node.mustGit(clone, 'merge', '--quiet', '--no-ff', '--message', `Merge #${number}`, `refs/pulls/${number}`);
  await node.mustGit(clone, 'push', '--quiet', 'origin', 'HEAD:main');
  forge.world.pulls.splice(forge.world.pulls.findIndex((pull) => pull.number === number), 1);
  return (await node.git(clone, 'rev-parse', 'HEAD')).stdout;
}

async function send(secret: string): Promise<Response> {
  const body = JSON.stringify({action: 'opened'});
  return fetch(`${node.apiUrl}/v1/hooks/cluster`, {method: 'POST', body, headers: {'content-type': 'application/json', 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`}});
}
