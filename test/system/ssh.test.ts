import {mkdir, readFile, stat} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {SshAnswer} from '../../reconciler/ssh/answer.ts';
import {sshFiles} from '../../reconciler/ssh/files.ts';
import {until} from '../support/until.ts';
import {TrialNode} from '../support/trial-node.ts';

// Git over SSH with OpenSSH's own client, on one node.

let node: TrialNode;
let keys: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  keys = path.join(node.home, '.ssh');
  await mkdir(keys, {mode: 0o700});
  await node.app('shop', 'quick');
  for (const type of ['ed25519', 'ecdsa', 'rsa']) await node.run(['ssh-keygen', '-q', '-t', type, '-N', '', '-C', `ann@${type}`, '-f', path.join(keys, type)]);
  await node.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path.join(keys, 'stranger')]);
  await node.must('people', 'add', 'ann', '--name', 'Ann Lee', '--email', 'ann@example.com', 'shop=deployer');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** OpenSSH with one of the keys, and with whatever host it finds: the first test looks at that. */
function ssh(key: string, ...args: readonly string[]) {
  return ['ssh', '-p', `${node.sshPort}`, '-i', path.join(keys, key), '-o', 'IdentitiesOnly=yes', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'LogLevel=ERROR', ...args];
}

function git(key: string, folder: string, ...args: readonly string[]) {
  return node.run(['git', ...args], {cwd: folder, env: {GIT_SSH_COMMAND: ssh(key).join(' ')}});
}

function url(name: string) {
  return `ssh://git@localhost:${node.sshPort}/${name}.git`;
}

test.serial('nothing listens until somebody has a key', async (t) => {
  t.deepEqual(await node.containers('ssh'), []);
  t.is((JSON.parse((await node.must('cluster', 'info', '--json')).stdout) as {ssh: SshAnswer}).ssh.state, 'no keys');
  const added = await node.must('people', 'key', 'add', path.join(keys, 'ed25519.pub'), '-u', 'ann');
  t.regex(added.output, /Committed "people: add the SSH key ann@ed25519 of ann"/);
  for (const type of ['ecdsa', 'rsa']) await node.must('keys:add', path.join(keys, `${type}.pub`), '-u', 'ann');
  await until('sshd runs', async () => (await node.containers('ssh')).some(({state}) => state === 'running'));
  // It began with the first: who comes before the others are known is sent away, which is written down.
  await until('all keys are known', async () => (await readFile(sshFiles(node.layout).authorizedKeys, 'utf8')).split('\n').length === 3 + 1);
  t.is((await stat(path.join(node.layout.ssh, 'box', 'host_key'))).mode & 0o777, 0o600);
  t.is((await stat(node.layout.ssh)).mode & 0o777, 0o700);
});

test.serial('each kind of key is greeted by the name of its owner, and gets no shell', async (t) => {
  await until('sshd answers', async () => (await node.run(ssh('rsa', 'git@localhost'))).exitCode === 1);
  for (const type of ['ed25519', 'ecdsa', 'rsa']) {
    const greeted = await node.run(ssh(type, '-T', 'git@localhost'));
    t.is(greeted.exitCode, 1);
    t.is(greeted.output, 'Hi ann! You\'ve authenticated, but Flynn does not provide shell access.');
  }
  t.regex((await node.run(ssh('ed25519', 'git@localhost', 'id'))).output, /only git may be run here/);
  t.regex((await node.run(ssh('ed25519', '-W', `localhost:${node.httpPort}`, 'git@localhost'))).output, /administratively prohibited|forwarding failed/);
  const {fingerprint} = (JSON.parse((await node.must('cluster', 'info', '--json')).stdout) as {ssh: SshAnswer}).ssh;
  const scanned = await node.run(['sh', '-c', `ssh-keyscan -t ed25519 -p ${node.sshPort} localhost 2>/dev/null | ssh-keygen -lf -`]);
  t.true(scanned.stdout.includes(` ${fingerprint} `), scanned.output);
});

test.serial('an app is pushed, as one that is not somebody\'s is not', async (t) => {
  const folder = path.join(node.home, 'apps', 'shop');
  const pushed = await git('ed25519', folder, 'push', url('shop'), 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /remote: {8}Released v1\n/);
  t.regex(pushed.output, /remote: Verifying deploy\.\.\. done\./);
  await node.flynn(['create', 'blog'], {cwd: node.home});
  const refused = await git('ed25519', folder, 'push', url('blog'), 'main');
  t.not(refused.exitCode, 0);
  t.regex(refused.output, /ann may not push its source \(blog\): that takes the role deployer for the app or the cluster/);
  t.regex((await node.must('audit')).stdout, /Ann Lee <ann@example\.com> {2}127\.0\.0\.1 {2}refused {2}⬢ blog {2}app\.push/);
});

test.serial('who is sent away is in the audit log, also when no reconciler ran; who gets in by his second key is not', async (t) => {
  t.timeout(180_000);
  const {stdout} = await node.run(['ssh-keygen', '-lf', path.join(keys, 'stranger.pub')]);
  const fingerprint = stdout.split(' ')[1] ?? '';
  const wrong = async () => (await node.must('audit')).stdout.split('\n').filter((line) => line.includes('wrong key')).map((line) => line.replace(/^.*127\.0\.0\.1 {2}wrong key {2}/, ''));
  t.regex((await node.run(ssh('stranger', '-i', path.join(keys, 'ed25519'), '-T', 'git@localhost'))).output, /Hi ann!/);
  t.regex((await node.run(ssh('stranger', 'git@localhost'))).output, /Permission denied/);
  await until('the first one is written down', async () => (await wrong()).length === 1);
  await node.kill('SIGKILL');
  t.regex((await node.run(ssh('stranger', 'root@localhost'))).output, /Permission denied/);
  await node.up();
  await until('the second one is, too', async () => (await wrong()).length > 1);
  t.deepEqual(await wrong(), [`ssh git@: ${fingerprint}`, 'ssh root@']);
});

test.serial('the cluster repository comes over SSH too, and a push works while the router is away', async (t) => {
  const clone = path.join(node.home, 'by-ssh');
  t.is((await git('ecdsa', node.home, 'clone', '--quiet', url('cluster'), clone)).exitCode, 0);
  t.regex(await readFile(path.join(clone, 'people/ann.yaml'), 'utf8'), /^sshKeys:\n( {2}- (ssh|ecdsa)-\S+ \S+ ann@\w+\n){3}/m);
  for (const router of await node.containers('router')) await node.docker.getContainer(router.id).kill();
  const pushed = await git('rsa', clone, 'push', 'origin', 'HEAD:refs/heads/proposal');
  t.is(pushed.exitCode, 0, pushed.output);
});

test.serial('a reconciler that is gone is told of, and the next one goes on', async (t) => {
  await node.kill('SIGKILL');
  t.regex((await git('ed25519', node.home, 'ls-remote', url('shop'))).output, /Flynn is not running on this machine\. Start it with: flynn up/);
  await node.up();
  t.regex((await git('ed25519', node.home, 'ls-remote', url('shop'))).output, /refs\/heads\/main/);
});

test.serial('a key that is taken away is out at once, and the last one closes the port', async (t) => {
  await node.must('people', 'key', 'remove', 'ann@rsa', '-u', 'ann');
  await until('the key is nobody\'s', async () => /Permission denied/.test((await node.run(ssh('rsa', 'git@localhost'))).output));
  t.is((await git('ed25519', node.home, 'ls-remote', url('shop'))).exitCode, 0, 'the others are as good as before');
  await node.must('people', 'remove', 'ann');
  await until('sshd is gone', async () => (await node.containers('ssh')).length === 0);
  t.not((await git('ed25519', node.home, 'ls-remote', url('shop'))).exitCode, 0);
});
