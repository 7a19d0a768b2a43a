import {execFileSync} from 'node:child_process';
import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {NodeStatus} from '../../reconciler/status/status.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A cluster that follows signed commits only, with git, ssh-keygen and gpg as people have them.

const SIGNING = `\ncommits:\n  signed: required\n`;

let node: TrialNode;
let clone: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  await node.app('shop', 'quick');
  clone = await node.clone();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ada@laptop', '-f', path.join(node.home, 'key')]);
  await node.mustGit(clone, 'config', 'gpg.format', 'ssh');
  await node.mustGit(clone, 'config', 'user.signingKey', path.join(node.home, 'key.pub'));
  const keys = [await readFile(path.join(node.home, 'key.pub'), 'utf8'), ...(GPG === undefined ? [] : [pgpKey()])];
  await node.want(clone, {
    'people/ada.yaml': `apiVersion: flynn/v1\nkind: Person\nname: Ada\nemail: ada@example.com\nrole: admin\nsigningKeys: ${JSON.stringify(keys)}\n`,
    'cluster.yaml': await readFile(path.join(clone, 'cluster.yaml'), 'utf8') + SIGNING,
  });
  await until('signatures are wanted', async () => (await status()).commits?.isRequired === true);
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** Debian installs it with almost everything, but not with git. */
const GPG = (() => {
  try {
    return execFileSync('gpg', ['--version'], {encoding: 'utf8'});
  } catch {
    return undefined;
  }
})();

function gpg(...args: readonly string[]): string {
  return execFileSync('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {encoding: 'utf8', env: {PATH: process.env['PATH'], GNUPGHOME: path.join(node.home, '.gnupg'), HOME: node.home}});
}

function pgpKey(): string {
  execFileSync('mkdir', ['-m', '700', '-p', path.join(node.home, '.gnupg')]);
  gpg('--quick-generate-key', 'Ada <ada@example.com>', 'rsa2048', 'sign', 'never');
  return gpg('--armor', '--export', 'ada@example.com');
}

async function status(): Promise<NodeStatus> {
  return JSON.parse((await node.flynn(['status', '--json'])).stdout) as NodeStatus;
}

/** A commit of one changed file on top of main, as nobody has it yet. */
async function commit(file: string, text: string, ...options: readonly string[]): Promise<string> {
  await node.mustGit(clone, 'fetch', '--quiet');
  await node.mustGit(clone, 'reset', '--quiet', '--hard', 'origin/main');
  await writeFile(path.join(clone, file), text);
  await node.mustGit(clone, 'add', '--all');
  await node.mustGit(clone, 'commit', '--quiet', '--message', `change ${file}`, ...options);
  return (await node.git(clone, 'rev-parse', 'HEAD')).stdout;
}

test.serial('a push with a commit that is not signed is refused, with what would be right', async (t) => {
  const id = await commit('note.md', 'one\n');
  const {exitCode, output} = await node.git(clone, 'push');
  t.not(exitCode, 0);
  t.regex(output, new RegExp(`remote: +commit ${id.slice(0, 8)}: is not signed`));
  t.regex(output, /remote: +git config gpg\.format ssh && git config user\.signingKey/);
  t.regex(output, /Push rejected, every commit has to be signed \(cluster\.yaml, commits\.signed\)/);
  t.not((await node.git(clone, 'push', '-o', 'flynn.force')).exitCode, 0, 'force is for manifests with mistakes');
});

test.serial('one that is signed with SSH comes in, and so does what the command line commits in a clone', async (t) => {
  await commit('note.md', 'two\n', '-S');
  t.regex(await node.mustGit(clone, 'push'), /main -> main/);
  await node.mustGit(clone, 'config', 'commit.gpgSign', 'true');
  const offline = await node.flynn(['maintenance', 'on', '-a', 'shop', '--clone', clone]);
  t.is(offline.exitCode, 0, offline.output);
  t.regex(await node.mustGit(clone, 'push'), /main -> main/);
  await node.mustGit(clone, 'config', '--unset', 'commit.gpgSign');
});

(GPG === undefined ? test.serial.skip : test.serial)('OpenPGP does as well, but for what is weak', async (t) => {
  await node.mustGit(clone, 'config', 'gpg.format', 'openpgp');
  const key = ['-c', 'user.signingKey=ada@example.com'];
  await writeFile(path.join(node.home, 'sha1'), '#!/bin/sh\nexec gpg --digest-algo SHA1 --allow-weak-digest-algos "$@"\n', {mode: 0o755});
  await commit('note.md', 'three\n');
  await node.mustGit(clone, ...key, '-c', `gpg.program=${path.join(node.home, 'sha1')}`, 'commit', '--quiet', '--amend', '--no-edit', '-S');
  t.regex((await node.git(clone, 'push')).output, /its signature by the OpenPGP key [0-9A-F]{16} does not count: .*SHA1/i);
  await node.mustGit(clone, ...key, 'commit', '--quiet', '--amend', '--no-edit', '-S');
  t.regex(await node.mustGit(clone, 'push'), /main -> main/);
  await node.mustGit(clone, 'config', 'gpg.format', 'ssh');
});

test.serial('the node signs what it commits: deploys and commands go on', async (t) => {
  t.is((await status()).commits?.isNodeKeyKnown, true);
  const app = path.join(node.home, 'apps', 'shop');
  t.regex(await node.mustGit(app, 'push', 'flynn', 'main'), /deployed/);
  const scaled = await node.flynn(['scale', '-a', 'shop', 'web=2']);
  t.is(scaled.exitCode, 0, scaled.output);
  await node.mustGit(clone, 'fetch', '--quiet');
  await node.mustGit(clone, 'reset', '--quiet', '--hard', 'origin/main');
  t.regex((await node.git(clone, 'cat-file', 'commit', 'HEAD')).stdout, /^gpgsig -----BEGIN SSH SIGNATURE-----$/m);
  const {exitCode, output} = await node.flynn(['doctor', '--data', node.layout.root]);
  t.regex(output, /Signatures +commits have to be signed; this node's own are/, `${exitCode}`);
});

test.serial('what comes in by another door is not followed, until somebody says so', async (t) => {
  const good = (await node.git(clone, 'rev-parse', 'HEAD')).stdout;
  const bad = await commit('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices: {web: {replicas: 3}}\n');
  await node.mustGit(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/side');
  await node.mustGit(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', bad);
  await until('it is held', async () => (await status()).conditions.some(({reason}) => reason === 'UntrustedCommit'));
  const held = await status();
  t.is(held.commit as string | undefined, good);
  t.regex(held.conditions.find(({type}) => type === 'Stalled')?.message ?? '', new RegExp(`^commit ${bad.slice(0, 8)}: is not signed; it is not followed`));
  t.is(held.apps.find(({name}) => name === 'shop')?.services[0]?.wanted, 2);
  const confirmed = await node.flynn(['confirm', bad.slice(0, 8)]);
  t.is(confirmed.exitCode, 0, confirmed.output);
  await until('it is followed', async () => (await status()).commit === bad);
});
