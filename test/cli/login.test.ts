import {readFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {terminal, TOKEN} from './terminal.ts';

test('git asks for the token of a cluster that somebody has logged in to, until he logs out', async (t) => {
  const {folder, port, git, type} = await terminal(t);
  const env = {HOME: path.dirname(folder), PATH: process.env.PATH ?? ''};
  git('config', '--global', 'user.name', 'Ann Lee');
  t.regex(await type(`login http://api.flynn.localhost:${port} --name second`, {env, input: `${TOKEN}\n`}), /^! logged in to second as operator .*\nexit 0$/m);
  const helper = () => git('config', '--get-urlmatch', 'credential.helper', `http://git.flynn.localhost:${port}/cluster.git`);
  t.regex(helper(), /^!'.*\/cli\/flynn' git-credential$/);

  // The same cluster under another name, as somebody else.
  await type(`cluster add third http://api.flynn.localhost:${port}`, {env, input: TOKEN});
  await type('cluster remove third', {env});
  t.regex(helper(), /git-credential$/);
  t.regex(await type('logout -c second', {env}), /^! logged out of second\nexit 0$/m);
  t.is(await readFile(path.join(env.HOME, '.gitconfig'), 'utf8'), '[user]\n\tname = Ann Lee\n');
});

test('a machine without git can be logged in from all the same', async (t) => {
  const {port, type} = await terminal(t);
  const shown = await type(`login http://api.flynn.localhost:${port} --name second`, {env: {PATH: '/nowhere', HOME: '/nowhere'}, input: TOKEN});
  t.regex(shown, /^! git was not told of it: .*\n! logged in to second as operator .*\nexit 0$/m);
});

test('a name that can be no file, and the one that means the default, are refused', async (t) => {
  const {port, type} = await terminal(t);
  for (const name of ['../second', 'default']) {
    t.regex(await type(`login http://api.flynn.localhost:${port} --name ${name}`, {input: TOKEN}), /can't name a cluster.*\n.*\nexit 2$/);
  }
});

test('an address in the environment that is none is told in words', async (t) => {
  const {type} = await terminal(t);
  t.regex(await type('whoami', {env: {FLYNN_URL: 'cluster', FLYNN_TOKEN: TOKEN}}), /^! error: FLYNN_URL "cluster" is no address such as https:\/\/api\.apps\.example\.com\nexit 1$/m);
});
