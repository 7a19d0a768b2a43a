import fs from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {GitDeps} from '../../../reconciler/receive/deps.ts';
import {useHooks, writeHooks} from '../../../reconciler/receive/hook-scripts.ts';
import {findRepository} from '../../../reconciler/receive/repositories.ts';
import {bareRepo, cloneOf, commitFiles, run, temporaryFolder} from '../checkout/support.ts';
import {gitDeps} from './support.ts';

const signal = AbortSignal.timeout(600_000);
const FILES = {'cluster.yaml': 'c\n', 'apps/shop/app.yaml': 'a\n'};

async function sources(t: ExecutionContext): Promise<GitDeps & {readonly gitdir: string}> {
  const repo = ownRepo({gitdir: await bareRepo(t, FILES)});
  t.teardown(() => repo.close());
  const deps = await gitDeps(t, {repo});
  return {...deps, gitdir: path.join(deps.layout.sources, 'shop.git')};
}

test('an app\'s repository is made whole, however many ask for it first', async (t) => {
  const {gitdir, ...deps} = await sources(t);
  const found = await Promise.all(Array.from({length: 6}, () => findRepository('shop', deps, signal)));
  t.deepEqual(new Set(found.map(({kind}) => kind)), new Set(['app']));
  t.deepEqual(await fs.readdir(deps.layout.sources), ['shop.git']);
  for (const [key, value] of [['transfer.hideRefs', 'refs/flynn'], ['core.logAllRefUpdates', 'true'], ['receive.advertisePushOptions', 'true']] as const) {
    t.is(await run(gitdir, 'config', '--local', key), value);
  }
});

test('a repository is not there before it has all of its settings', async (t) => {
  const {gitdir, ...deps} = await sources(t);
  const killed = new AbortController();
  // Right after the first of its steps that can be seen.
  const finding = findRepository('shop', deps, killed.signal);
  while (!(await fs.readdir(deps.layout.sources).catch(() => [])).length) await new Promise((resolve) => setImmediate(resolve));
  killed.abort(new Error('killed'));
  await t.throwsAsync(finding);
  await t.throwsAsync(fs.stat(gitdir), {code: 'ENOENT'});
  t.is((await findRepository('shop', deps, signal)).kind, 'app');
});

test('finding a repository writes nothing: a lock that a killed git left is in nobody\'s way', async (t) => {
  const {gitdir, ...deps} = await sources(t);
  await findRepository('shop', deps, signal);
  await fs.writeFile(path.join(gitdir, 'config.lock'), '');
  t.deepEqual(await findRepository('shop', deps, signal), {kind: 'app', gitdir, app: 'shop' as never});
});

test('the hooks of an app\'s repository are run when it is pushed to by path, also after the data directory has moved', async (t) => {
  const {gitdir, ...deps} = await sources(t);
  await findRepository('shop', deps, signal);
  const root = path.join(await temporaryFolder(t), 'moved');
  await fs.rename(deps.layout.root, root);
  await fs.mkdir(path.join(root, 'hooks'));
  await fs.writeFile(path.join(root, 'hooks/pre-receive'), '#!/bin/sh\necho asked\nexit 1\n', {mode: 0o755});
  const clone = await cloneOf(t, await bareRepo(t, FILES));
  const {exitCode, stderr} = await execa('git', ['push', '--', path.join(root, path.relative(deps.layout.root, gitdir)), 'main'], {cwd: clone, reject: false});
  t.is(exitCode, 1);
  t.regex(stderr, /remote: asked/);
});

test('a repository that was made without hooks gets them once', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  const hooks = path.join(path.dirname(gitdir), 'hooks');
  await writeHooks({hooks, socket: '/nowhere'});
  await useHooks(gitdir, {hooks}, signal);
  await fs.writeFile(path.join(gitdir, 'config.lock'), '');
  await t.notThrowsAsync(useHooks(gitdir, {hooks}, signal));
  const clone = await cloneOf(t, gitdir);
  await commitFiles(clone, {'cluster.yaml': 'other\n'});
  const {stderr} = await execa('git', ['push', 'origin', 'main'], {cwd: clone, reject: false});
  t.regex(stderr, /Push rejected, Flynn is not running on this machine/);
});
