import {mkdir} from 'node:fs/promises';
import test from 'ava';
import {whichApp} from '../../cli/which-app.ts';
import {terminal, type Terminal} from './terminal.ts';

const shop = 'http://git.flynn.localhost:8080/shop.git';
const blog = 'http://git.flynn.localhost:8080/blog.git';

async function resolved({folder, config}: Terminal, {flag, named, env = {}, below = ''}: {flag?: string; named?: string; env?: Record<string, string>; below?: string} = {}): Promise<string> {
  const asker = {cwd: `${folder}${below}`, env: {FLYNN_CONFIG: config, ...env}, ...(flag === undefined ? {} : {appFlag: flag})};
  return whichApp(named, asker, new AbortController().signal);
}

test('what is said comes before FLYNN_APP, and that before git', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'flynn', shop);
  t.is(await resolved(one, {named: 'api-docs', flag: 'other', env: {FLYNN_APP: 'third'}}), 'api-docs');
  t.is(await resolved(one, {flag: 'other', env: {FLYNN_APP: 'third'}}), 'other');
  t.is(await resolved(one, {env: {FLYNN_APP: 'third'}}), 'third');
  t.is(await resolved(one, {env: {FLYNN_APP: ''}}), 'shop');
});

test('-a may be a git remote of a known cluster', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'staging', 'http://git.flynn.localhost:8080/shop-staging.git');
  t.is(await resolved(one, {flag: 'staging'}), 'shop-staging');
  one.git('remote', 'add', 'blog', 'https://example.com/something-else.git');
  t.is(await resolved(one, {flag: 'blog'}), 'blog');
});

test('git config flynn.remote comes before the remote flynn', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'flynn', shop);
  one.git('remote', 'add', 'other', blog);
  one.git('config', 'flynn.remote', 'other');
  t.is(await resolved(one), 'blog');
  one.git('config', 'flynn.remote', 'gone');
  await t.throwsAsync(resolved(one), {message: 'git config flynn.remote says "gone", and there is no such remote'});
});

test('the only remote of a known cluster is the app, also from a folder below', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'origin', 'https://example.com/team/shop-source.git');
  one.git('remote', 'add', 'production', blog);
  await mkdir(`${one.folder}/src`);
  t.is(await resolved(one, {below: '/src'}), 'blog');
});

test('the cluster repository is no app', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'origin', 'http://git.flynn.localhost:8080/cluster.git');
  await t.throwsAsync(resolved(one), {message: 'no app is named, and this folder has no git remote of one'});
  one.git('remote', 'add', 'production', blog);
  t.is(await resolved(one), 'blog');
});

test('several remotes of clusters are not chosen from', async (t) => {
  const one = await terminal(t);
  one.git('remote', 'add', 'production', shop);
  one.git('remote', 'add', 'staging', blog);
  await t.throwsAsync(resolved(one), {message: 'several git remotes are apps: production, staging'});
});

test('no remote, no work tree and a bad name are told apart', async (t) => {
  const one = await terminal(t);
  await t.throwsAsync(resolved(one), {message: 'no app is named, and this folder has no git remote of one'});
  await t.throwsAsync(resolved(one, {below: '/..'}), {message: /no app is named/});
  await t.throwsAsync(resolved(one, {flag: '../x'}), {message: /^"\.\.\/x" can't name an app/});
  one.git('remote', 'add', 'flynn', 'git@example.com:team/shop.git');
  await t.throwsAsync(resolved(one), {message: 'the git remote "flynn" is "git@example.com:team/shop.git", which is no app of a cluster'});
});
