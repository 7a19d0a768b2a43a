import test from 'ava';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// app.json and a buildpack of the app's own, by a push to a real node.

let node: TrialNode;
let folder: string;

const SERVER = `use IO::Socket; my $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1);
while (my $c = $s->accept) { while (<$c>) { last if /^\\r?$/ } print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", join("\\n", map {"$_=$ENV{$_}"} sort keys %ENV); close $c }`;
const BASH = '#!/usr/bin/env bash\n';
const APP_JSON = {
  buildpacks: [{url: './pack'}],
  env: {GREETING: 'moin', KEY: {generator: 'secret'}, TOKEN: {description: 'of the shop'}},
  formation: {web: {quantity: 2}},
  scripts: {postdeploy: 'echo "filled with a key of ${#KEY} characters"'},
};

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'no-buildpack', {
    Procfile: 'web: perl server.pl\n',
    'server.pl': SERVER,
    'app.json': JSON.stringify(APP_JSON),
    'pack/bin/detect': `${BASH}echo Perl`,
    'pack/bin/compile': `${BASH}[ "$(cat "$3/GREETING")" = moin ]`,
    'pack/bin/report': `${BASH}perl -e 'printf "perl: %vd\\n", $^V'`,
  });
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

test.serial('the first push asks for what is missing, then takes over what app.json says, and runs postdeploy once', async (t) => {
  t.timeout(120_000);
  const refused = await node.git(folder, 'push', 'flynn', 'main');
  t.regex(refused.output, /Push rejected, app\.json requires TOKEN, which nobody has set: flynn env set TOKEN=…, or with --secret/);
  t.is((await node.flynn(['env', 'set', '-a', 'shop', 'TOKEN=t'])).exitCode, 0);
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /First release: taking over from app\.json what app\.yaml does not say\n(remote: +.*\n)*remote: -----> Using buildpack: \.\/pack\n.*Perl app detected/);
  t.regex(pushed.output, /Verifying deploy\.\.\. done\.\s*\n.*Running scripts\.postdeploy of app\.json: .*\n.*filled with a key of 64 characters/);

  const manifest = await node.manifest('apps/shop/app.yaml') ?? '';
  t.regex(manifest, /^ {2}GREETING: "moin"$/m);
  t.regex(manifest, /^services:\n {2}web:\n {4}replicas: 2$/m);
  const body = (await node.ask('shop')).body;
  t.regex(body, /^GREETING=moin$/m);
  const key = /^KEY=([0-9a-f]{64})$/m.exec(body)?.[1] ?? 'none';
  t.false(pushed.output.includes(key) || manifest.includes(key));

  t.regex(await node.manifest('apps/shop/releases/v0001.yaml') ?? '', /buildpacks:\n +- name: \.\/pack\n +report:\n +perl: [\d.]+/);
  t.regex((await node.flynn(['releases', 'info', '-a', 'shop'])).output, /buildpack +\.\/pack\n +perl [\d.]+\n/);
});

test.serial('the second push takes over nothing, and runs it not again', async (t) => {
  t.timeout(120_000);
  const before = await node.manifest('apps/shop/app.yaml');
  await node.commit(folder, {'app.json': JSON.stringify({...APP_JSON, env: {...APP_JSON.env, GREETING: 'hello', MORE: {}}})});
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  t.notRegex(pushed.output, /First release|postdeploy/);
  t.is(await node.manifest('apps/shop/app.yaml'), before);
});

test.serial('what app.yaml says about buildpacks goes before app.json, with its mistakes at their places', async (t) => {
  t.timeout(120_000);
  const cluster = await node.clone();
  await node.commit(cluster, {'apps/shop/app.yaml': `${await node.manifest('apps/shop/app.yaml')}\nbuildpacks: [./pack, cobol]\n`});
  const refused = await node.git(cluster, 'push');
  t.regex(refused.output, /apps\/shop\/app\.yaml:\d+:\d+: buildpack "cobol" is not known; ours are /);
});

test.serial('a reconciler that is killed before the first release serves runs postdeploy after its next start, once', async (t) => {
  t.timeout(120_000);
  const other = await node.app('slow', 'no-buildpack', {
    Procfile: 'web: until [ -e /tmp/go ]; do sleep 0.1; done; exec perl server.pl\n',
    'server.pl': SERVER,
    'app.json': JSON.stringify({buildpacks: APP_JSON.buildpacks, env: {GREETING: 'moin'}, scripts: {postdeploy: 'echo "filled, $GREETING"'}}),
    'pack/bin/detect': `${BASH}echo Perl`,
    'pack/bin/compile': `${BASH}true`,
  });
  let killed: Promise<void> | undefined;
  const pushed = await node.run(['git', 'push', 'flynn', 'main'], {cwd: other, onLine: (line) => {
    if (line.includes('Released v1')) killed = node.kill('SIGKILL');
  }});
  t.not(pushed.exitCode, 0, pushed.output);
  await killed;
  await node.up();
  const engine = new DockerEngine(node.docker);
  const output = async () => (await node.flynn(['logs', '-a', 'slow', '-t', 'build', '-n', '100'])).stdout;
  await until('it has run', async () => {
    // Only now it may serve.
    for (const {id} of await node.running('slow')) await engine.exec(id, ['touch', '/tmp/go'], AbortSignal.timeout(10_000));
    return (await output()).includes('filled, moin');
  }, 60_000);
  const again = await node.git(other, 'push', 'flynn', 'main');
  t.is(again.exitCode, 0, again.output);
  t.regex(again.output, /is already deployed as v1: nothing is built/);
  t.is((await output()).match(/filled, moin/g)?.length, 1);
  t.regex((await node.flynn(['events', '-a', 'slow'])).stdout, /running scripts\.postdeploy of app\.json, which was left to be run when Flynn was stopped/);
});
