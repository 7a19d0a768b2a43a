import {readdir} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {ListedBuild} from '../../reconciler/builds/builds.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// The build service of a real node: records, logs, the queue, cancelling, branches, and what a build can't reach. Apps are built by a buildpack of
// their own, which does what its app says in the file `build`.

const BASH = '#!/usr/bin/env bash\n';
const SERVER = `use IO::Socket; local $| = 1; my $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 9, ReuseAddr => 1);
while (my $c = $s->accept) { while (<$c>) { last if /^\\r?$/ } open my $f, '<', 'page'; print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", <$f>; close $c }`;
const APP = {
  '.buildpacks': './pack\n',
  'pack/bin/detect': `${BASH}echo Own`,
  'pack/bin/compile': `${BASH}cd "$1" && . ./build`,
  'pack/bin/release': `${BASH}echo 'default_process_types: {web: exec perl server.pl}'`,
  'server.pl': SERVER,
  page: 'one\n',
  build: 'echo "built by $(id -un)"\n',
};
/** The promise is 5 s; busy machines get more here. */
const ENDED_MS_MAX = 15_000;
/** Says that it has begun, and lasts longer than any test. */
const ENDLESS = 'echo begun; sleep 600\n';

let node: TrialNode;
let folder: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'no-buildpack', APP);
  await pushWell();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

const push = (ref = 'main', options: Parameters<TrialNode['run']>[1] = {}) => node.run(['git', 'push', 'flynn', ref], {cwd: folder, ...options});

async function pushWell(ref = 'main'): Promise<string> {
  const {exitCode, output} = await push(ref);
  if (exitCode !== 0) throw new Error(output);
  return output;
}

async function builds(app = 'shop'): Promise<readonly ListedBuild[]> {
  return JSON.parse((await node.flynn(['builds', '-a', app, '--json'])).stdout) as readonly ListedBuild[];
}

/** A push whose build runs, as its record says, and does not end by itself. */
async function endlessPush(ref = 'main', signal?: AbortSignal): Promise<{readonly pushed: ReturnType<TrialNode['run']>}> {
  await node.commit(folder, {build: ENDLESS});
  const begun = Promise.withResolvers<void>();
  const pushed = push(ref, {onLine: (line) => /begun/.test(line) && begun.resolve(), ...(signal === undefined ? {} : {signal})});
  await Promise.race([begun.promise, pushed.then(({output}) => Promise.reject(new Error(output)))]);
  await until('its record says that it runs', async () => (await builds())[0]?.state === 'running');
  return {pushed};
}

/** All that a build could leave behind. */
async function leftovers() {
  const images = await node.docker.listImages({all: true, filters: {label: [`flynn.instance=${node.instance}`, 'flynn.app=shop']}});
  const objects = path.join(node.layout.sources, 'shop.git', 'objects');
  return {
    containers: (await node.containers('build')).length,
    images: images.flatMap(({Id, RepoTags}) => RepoTags ?? [Id]).toSorted(),
    scratch: await readdir(node.layout.scratch),
    quarantine: (await readdir(objects)).filter((name) => /^(tmp_objdir|incoming)/.test(name)),
    open: (await readdir(path.join(node.layout.builds, 'shop'))).filter((name) => name.endsWith('.open.json')),
  };
}

async function nothingIsLeft({images}: {images: readonly string[]}) {
  let left: unknown;
  await until('nothing is left of the build', async () => {
    left = await leftovers();
    return JSON.stringify(left) === JSON.stringify({containers: 0, images, scratch: [], quarantine: [], open: []});
  }).catch(() => {
    throw new Error(`left are ${JSON.stringify(left)}`);
  });
}

test.serial('a push has a record with its release, and a log of what it printed', async (t) => {
  const [build] = await builds();
  const head = (await node.git(folder, 'rev-parse', 'HEAD')).stdout;
  t.like(build, {number: 1, commit: head, branch: 'main', by: 'Ada', origin: 'push', state: 'succeeded', builder: 'Own', release: 1});
  t.true((build?.sourceBytes ?? 0) > 0 && (build?.imageBytes ?? 0) > 0);
  const {stdout, output} = await node.flynn(['builds:logs', '1', '-a', 'shop']);
  t.regex(stdout, /^Building source:\n\n-----> Building on the Flynn stack\n[^]*built by /);
  t.regex(output, /^build 1 succeeded in \d+\.\d s$/m);
  const shown = await node.flynn(['builds', '-a', 'shop']);
  t.log(shown.output);
  t.regex(shown.output, /^=== ⬢ shop Builds\n#1 {2}succeeded {2}[0-9a-f]{8} {2}main {2}Ada .* v1$/);
  t.log((await node.flynn(['builds:info', '1', '-a', 'shop'])).output);
  t.regex(await pushWell('main:master'), /is already deployed as v1: nothing is built/);
  t.is((await builds()).length, 1);
});

test.serial('Ctrl-C of the pusher ends the build soon, and nothing is left of it', async (t) => {
  const before = await leftovers();
  const interrupt = new AbortController();
  const {pushed} = await endlessPush('main', interrupt.signal);
  t.is((await node.containers('build')).length, 1);
  const pressedAtMs = performance.now();
  interrupt.abort();
  t.not((await pushed).exitCode, 0);
  await until('its container is gone', async () => (await node.containers('build')).length === 0);
  const tookMs = performance.now() - pressedAtMs;
  t.log(`gone after ${Math.round(tookMs)} ms`);
  t.true(tookMs < ENDED_MS_MAX);
  await nothingIsLeft(before);
  t.like((await builds())[0], {state: 'cancelled', reason: 'the pusher went away'});
});

test.serial('builds:cancel ends a build that runs and one that waits, and whoever pushed is told by whom', async (t) => {
  const before = await leftovers();
  const {pushed: running} = await endlessPush();
  const waiting = node.flynn(['deploy', '--branch', 'master', '-a', 'shop']);
  // Its record is there a moment before it is in the queue.
  const queued = await until('the second one waits', async () => (await builds()).find(({state, ahead}) => state === 'queued' && ahead !== undefined));
  t.is(queued.ahead, 0);
  t.log((await node.flynn(['builds', '-a', 'shop', '-n', '3'])).output);
  const cancelled = await node.flynn(['builds:cancel', String(queued.number), '-a', 'shop']);
  t.is(cancelled.exitCode, 0, cancelled.output);
  const deploy = await waiting;
  t.is(deploy.exitCode, 1);
  t.regex(deploy.output, /Waiting for the push before this one: Ada deploys [0-9a-f]{8} \(since .*\)\n[^]*error: build \d+ was cancelled by Ada$/);
  const only = await node.flynn(['builds:cancel', '-a', 'shop']);
  t.is(only.exitCode, 0, only.output);
  const pushed = await running;
  t.is(pushed.exitCode, 1);
  t.regex(pushed.output, /remote: +! +Push rejected, build \d+ was cancelled by Ada\s*\n[^]*pre-receive hook declined/);
  await nothingIsLeft(before);
  t.regex((await node.flynn(['audit', '-a', 'shop'])).output, /Ada <ada@example\.com> {2}127\.0\.0\.1 {2}builds cancel {2}⬢ shop {2}\d+/);
});

test.serial('another branch is kept, and deployed by its name or commit; Ctrl-C undoes that too', async (t) => {
  const before = await leftovers();
  await node.commit(folder, {build: ENDLESS, page: 'try\n'});
  const kept = await pushWell('HEAD:refs/heads/try');
  t.regex(kept, /try is kept, nothing is deployed: that is what main and master are for\.\s*\n.*To deploy it all the same: flynn deploy --branch try -a shop/);
  t.is((await node.ask('shop')).body, 'one\n');
  const interrupt = new AbortController();
  const interrupted = await node.run([process.execPath, path.join(import.meta.dirname, '../../cli/main.ts'), 'deploy', '--branch', 'try', '-a', 'shop'], {signal: interrupt.signal, onLine: (line) => /begun/.test(line) && interrupt.abort()});
  t.not(interrupted.exitCode, 0);
  await until('it is cancelled', async () => (await builds())[0]?.state === 'cancelled');
  await nothingIsLeft(before);
  const commit = await node.commit(folder, {build: APP.build});
  await pushWell('HEAD:refs/heads/try');
  const deployed = await node.flynn(['deploy', '--branch', 'try', '-a', 'shop', '--json']);
  t.is(deployed.exitCode, 0, deployed.output);
  t.like(JSON.parse(deployed.stdout), {release: 2, commit});
  t.regex(deployed.output, /Verifying deploy\.\.\. done\.\n[^]*Deploying branch try to ⬢ shop\.\.\. done, v2/);
  t.is((await node.ask('shop')).body, 'try\n');
  t.like((await builds())[0], {branch: 'try', origin: 'deploy', release: 2});
  const again = await node.flynn(['deploy', '--commit', commit.slice(0, 8), '-a', 'shop']);
  t.regex(again.output, /is already deployed as v2: nothing is built/);
  t.regex((await node.flynn(['deploy', '--branch', 'nope', '-a', 'shop'])).output, /^error: no branch "nope" was pushed to ⬢ shop$/);
});

test.serial('deployBranch in app.yaml is the branch that deploys, and main is only kept', async (t) => {
  const cluster = await node.clone();
  await node.commit(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\ndeployBranch: production\n'});
  t.is((await node.git(cluster, 'push', '--quiet')).exitCode, 0);
  await node.commit(folder, {page: 'production\n'});
  t.regex(await pushWell('HEAD:main'), /main is kept, nothing is deployed: that is what production is for\./);
  t.is((await node.ask('shop')).body, 'try\n');
  t.regex(await pushWell('HEAD:production'), /deployed/);
  t.is((await node.ask('shop')).body, 'production\n');
  t.regex((await push(':production')).output, /Push rejected, the branch that was deployed can't be deleted/);
  t.is((await push(':try')).exitCode, 0);
});

test.serial('a failure is in the record with its reason', async (t) => {
  await node.commit(folder, {build: 'echo "no theme"; exit 3\n'});
  const pushed = await push('HEAD:production');
  t.regex(pushed.output, /no theme\s*\n[^]*Push rejected, failed to compile Own app/);
  t.like((await builds())[0], {state: 'failed', reason: 'failed to compile Own app'});
  t.regex((await node.flynn(['builds:logs', '-a', 'shop'])).stdout, /no theme\n[^]*! +Build failed: failed to compile Own app$/);
});

test.serial('a build reads neither the host nor another app', async (t) => {
  const other = await node.app('other', 'no-buildpack', {...APP, build: 'echo canary-in-cache >../cache/canary && echo canary-in-build >../canary\n'});
  const cluster = await node.clone('cluster-2');
  await node.commit(cluster, {'apps/other/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {OTHER: canary-in-env}\n'});
  t.is((await node.git(cluster, 'push', '--quiet')).exitCode, 0);
  t.is((await node.run(['git', 'push', 'flynn', 'main'], {cwd: other})).exitCode, 0);
  await node.commit(folder, {build: `
find / -xdev \\( -name canary -o -name docker.sock -o -name reconciler.sock \\) -not -path '/proc/*' 2>/dev/null
grep -l canary /proc/[0-9]*/environ /tmp/env/* /tmp/cache/* 2>/dev/null
ls -d ${node.layout.root} /var/lib/flynn /var/lib/docker /var/run/docker.sock 2>/dev/null
for port in ${node.apiUrl.split(':').at(-1)} 2375 2376; do (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && echo "port $port answers"; done
awk '$5 !~ "^/(proc|sys|dev)(/|$)" {print "mount " $5}' /proc/self/mountinfo
grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
echo "user $(id -u)"
`});
  const {output, exitCode} = await push('HEAD:production');
  t.is(exitCode, 0, output);
  const said = output.split('\n').map((line) => line.replace(/^remote: ?/, '').trimEnd());
  const begin = said.findIndex((line) => /Own app detected/.test(line));
  const seen = said.slice(begin + 1, said.findIndex((line) => /Discovering process types/.test(line))).filter((line) => line !== '');
  t.deepEqual(seen, [
    'mount /', 'mount /tmp/cache', 'mount /etc/resolv.conf', 'mount /etc/hostname', 'mount /etc/hosts',
    'CapEff:\t0000000000000000', 'CapBnd:\t0000000000000000', 'NoNewPrivs:\t1', 'user 1000',
  ]);
});

test.serial('builds:cache purge empties the cache of one app', async (t) => {
  const volumes = async () => (await node.docker.listVolumes({filters: {label: [`flynn.instance=${node.instance}`, 'flynn.role=build']}})).Volumes.map(({Name}) => Name.replace(`${node.instance}-cache-`, '')).toSorted();
  t.deepEqual(await volumes(), ['other', 'shop']);
  t.regex((await node.flynn(['builds', 'cache', '-a', 'other'])).stdout, /^16 bytes of 2Gi$/);
  const {exitCode, output} = await node.flynn(['builds:cache', 'purge', '-a', 'other']);
  t.is(exitCode, 0, output);
  t.regex(output, /^Emptying the build cache of ⬢ other\.\.\. done, /);
  t.deepEqual(await volumes(), ['shop']);
});

test.serial('a reconciler that is stopped in the middle of a build says so to the pusher, and leaves nothing', async (t) => {
  const before = await leftovers();
  const {pushed} = await endlessPush('HEAD:production');
  await node.kill('SIGTERM');
  const {exitCode, output} = await pushed;
  t.is(exitCode, 1);
  t.regex(output, /Push rejected, flynn is stopping\s*\n[^]*pre-receive hook declined/);
  await node.up();
  await nothingIsLeft(before);
  t.like((await builds())[0], {state: 'interrupted', reason: 'flynn is stopping'});
});

test.serial('after kill -9 in the middle of a build the pusher is told, the next start marks it, and the next push builds', async (t) => {
  const before = await leftovers();
  const {pushed} = await endlessPush('HEAD:production');
  await node.kill('SIGKILL');
  const {exitCode, output} = await pushed;
  t.is(exitCode, 1);
  t.regex(output, /Flynn was stopped in the middle of this push[^]*pre-receive hook declined/);
  await node.up();
  await nothingIsLeft(before);
  t.like((await builds())[0], {state: 'interrupted', reason: 'the reconciler ended in the middle of it'});
  await node.commit(folder, {build: APP.build, page: 'after\n'});
  await pushWell('HEAD:production');
  t.is((await node.ask('shop')).body, 'after\n');
});
