import {execFile} from 'node:child_process';
import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import type {Build} from '../../../reconciler/build/build.ts';
import {parseCommand} from '../../../reconciler/receive/register-ssh.ts';
import {sshFiles} from '../../../reconciler/ssh/files.ts';
import {file, head} from '../../support/manifests.ts';
import {IMAGE, push, pushServer, sourceTree} from '../../support/push-server.ts';
import {until} from '../../support/until.ts';
import {commitFiles, temporaryFolder} from '../checkout/support.ts';

// A real git and the real relay, which is started here as sshd starts it.

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINEQwNBTMvWcHUnJ/nlnM0fyYB98evtJcnVh7N8dJ3WR';
const FINGERPRINT = 'SHA256:c3Wadl9X0IdKUmH4utqSKCbuuikLF7s0sfg9VarScfY';
const OTHERS = 'SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const people = (role: string) => [file('people/ann.yaml', `${head('Person')}name: Ann Lee\nemail: ann@example.com\n${role}\nsshKeys: ["${KEY} ann@laptop"]\n`)];

/**
 * A server, and a script that git takes for ssh: it hands over what sshd would. It is read by a shell: the kernel starts no file that is open for writing (ETXTBSY, execve(2)),
 * and what has just been written still is, in any process that another thread of the tests is just starting.
 */
async function sshServer(t: ExecutionContext, {role = 'role: deployer', fingerprint, ...options}: {role?: string; fingerprint?: string; build?: Build} = {}) {
  const server = await pushServer(t, {people: people(role), ...options});
  const {relay, socket} = sshFiles(server.layout);
  const known = fingerprint ?? FINGERPRINT;
  const ssh = path.join(await temporaryFolder(t), 'ssh');
  await writeFile(ssh, `#!/bin/sh\nfor last; do :; done\nSSH_CONNECTION='192.0.2.7 4711 192.0.2.1 2222' SSH_ORIGINAL_COMMAND="$last" exec perl '${relay}' '${socket}' ${known}\n`);
  const run = async (command: string) => await promisify(execFile)('sh', [ssh, command]).then((ended) => ({code: 0, ...ended}), (error: {code: number; stdout: string; stderr: string}) => error);
  return {...server, run, at: (name: string) => ['-c', `core.sshCommand=sh ${ssh}`, '-c', 'ssh.variant=ssh', '-c', `remote.it.url=ssh://git@localhost/${name}.git`]};
}

async function git(folder: string, ...args: readonly string[]) {
  return await promisify(execFile)('git', args, {cwd: folder, env: {...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1'}}).then(({stdout, stderr}) => ({code: 0, output: stdout + stderr}), (error: {code: number; stdout: string; stderr: string}) => ({code: error.code, output: error.stdout + error.stderr}));
}

test('an app is pushed and cloned as over HTTP: live lines, options, the author by the key', async (t) => {
  const build: Build = async ({print}) => {
    print('building by night');
    return {ok: true, value: IMAGE};
  };
  const {at, layout, repo} = await sshServer(t, {build});
  const folder = await sourceTree(t);
  const pushed = await git(folder, ...at('shop'), 'push', '-o', 'nothing.special', 'it', 'main');
  t.is(pushed.code, 0, pushed.output);
  t.regex(pushed.output, /remote: building by night/);
  t.regex(pushed.output, /remote: Verifying deploy\.\.\. done\./);
  const snapshot = await repo.snapshot(AbortSignal.timeout(10_000));
  const files = await snapshot.apps[0]?.files(AbortSignal.timeout(10_000)) ?? [];
  t.true(files.some((one) => one.kind === 'text' && /pushedBy: Ann Lee/.test(one.text)), JSON.stringify(files));
  const clone = path.join(await temporaryFolder(t), 'clone');
  const cloned = await git('/', ...at('shop'), 'clone', 'ssh://git@localhost/shop.git', clone);
  t.is(cloned.code, 0, cloned.output);
  t.is(await readFile(path.join(clone, 'server.js'), 'utf8'), '// one\n');
  t.regex(await readFile(layout.audit, 'utf8'), /"user":"ann","from":"192\.0\.2\.7","action":"push","app":"shop"/);
});

test('whoever may not is told in the words of HTTP, and it is written down', async (t) => {
  const {at, layout} = await sshServer(t, {role: 'role: viewer'});
  const folder = await sourceTree(t);
  const refused = await git(folder, ...at('shop'), 'push', 'it', 'main');
  t.not(refused.code, 0);
  t.regex(refused.output, /^ann may not push its source \(shop\): that takes the role deployer for the app or the cluster$/m);
  t.regex(await readFile(layout.audit, 'utf8'), /"user":"ann","from":"192\.0\.2\.7","action":"refused","app":"shop","subject":"app\.push"/);
  const none = await git(folder, ...at('none'), 'fetch', 'it');
  t.regex(none.output, /there is no app "none" in the cluster repository/);
});

test('paths of the cluster repository take the rights that they take over HTTP', async (t) => {
  const {at} = await sshServer(t);
  const clone = path.join(await temporaryFolder(t), 'clone');
  await git('/', ...at('cluster'), 'clone', 'ssh://git@localhost/cluster.git', clone);
  await commitFiles(clone, {'people/ann.yaml': `${head('Person')}name: Ann Lee\nemail: ann@example.com\nrole: admin\n`});
  const refused = await git(clone, ...at('cluster'), 'push', 'it', 'HEAD:main');
  t.not(refused.code, 0);
  t.regex(refused.output, /remote: .*people\/ann\.yaml: ann may not change people and teams/);
});

test('without a command it says whom it knows; a key that is nobody\'s gets nothing', async (t) => {
  const {run} = await sshServer(t);
  t.like(await run(''), {code: 1, stdout: '', stderr: 'Hi ann! You\'ve authenticated, but Flynn does not provide shell access.\n'});
  t.like(await run('sh -c id'), {code: 1, stdout: '', stderr: 'only git may be run here: git clone, git fetch and git push\n'});
  const stranger = await sshServer(t, {fingerprint: OTHERS});
  t.like(await stranger.run('git-upload-pack \'/shop.git\''), {code: 1, stdout: '', stderr: 'this key is nobody\'s any more: ask who may change people\n'});
});

test('a pusher who goes away ends the build, and nothing is accepted', async (t) => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const build: Build = async (_request, signal) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, {once: true}));
    ended.resolve();
    throw signal.reason;
  };
  const {at, repo} = await sshServer(t, {build});
  const folder = await sourceTree(t);
  for (const [index, word] of at('shop').entries()) if (index % 2 === 1) await git(folder, 'config', ...word.split(/=(.*)/s).slice(0, 2));
  const gone = new AbortController();
  const pushing = push(folder, ['it', 'main'], {signal: gone.signal});
  await begun.promise;
  gone.abort();
  await ended.promise;
  t.not((await pushing).exitCode, 0);
  const before = await repo.snapshot(AbortSignal.timeout(10_000));
  await until('the push is forgotten', async () => (await git(folder, ...at('shop'), 'ls-remote', 'it')).output.trim() === '');
  t.deepEqual(before.apps.map(({name}) => name), ['shop']);
});

for (const [command, meant] of [
  ['git-upload-pack \'/shop.git\'', {program: 'upload-pack', repository: 'shop.git'}],
  ['git receive-pack \'shop.git\'', {program: 'receive-pack', repository: 'shop.git'}],
  ['git-upload-archive \'/shop.git\'', undefined],
  ['git-upload-pack \'/../cluster.git\'', undefined],
  ['git-upload-pack \'/shop.git\'; id', undefined],
  ['git-upload-pack --timeout=1 \'/shop.git\'', undefined],
  ['git-receive-pack \'/a\'\\\'\'b.git\'', undefined],
  ['git-upload-pack \'\'', undefined],
] as const) {
  test(`${command} is ${meant === undefined ? 'refused' : 'understood'}`, (t) => t.deepEqual(parseCommand(command), meant));
}
