import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {createServer, type IncomingHttpHeaders} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {answerGitWith} from '../../cli/git-credentials.ts';
import {createAuthenticate} from '../../reconciler/api/authenticate.ts';
import {parseAuthor} from '../../reconciler/api/author.ts';
import {terminal, TOKEN} from './terminal.ts';

test('git gets the token, and the identity of the user as its name', async (t) => {
  const {type} = await terminal(t);
  const shown = await type('git-credential get', {input: 'protocol=http\nhost=git.flynn.localhost:8080\nwwwauth[]=Basic realm="flynn"\n\n'});
  const [, user, password, exit] = shown.split('\n');
  t.deepEqual(parseAuthor(user?.replace('username=', '') ?? ''), {name: 'Ann Lee', email: 'ann@example.com'});
  t.is(password, `password=${TOKEN}`);
  t.is(exit, 'exit 0');
});

for (const [what, input] of [
  ['another host', 'protocol=http\nhost=github.com\n'],
  ['a host that ends like ours', 'protocol=http\nhost=evil.git.flynn.localhost:8080\n'],
  ['another port', 'protocol=http\nhost=git.flynn.localhost:9090\n'],
  ['another protocol', 'protocol=https\nhost=git.flynn.localhost:8080\n'],
  ['the API of the cluster', 'protocol=http\nhost=api.flynn.localhost:8080\n'],
  ['no host', 'protocol=http\n'],
  ['nothing', ''],
] as const) {
  test(`${what} gets silence`, async (t) => {
    const {type} = await terminal(t);
    t.is(await type('git-credential get', {input}), '$ flynn git-credential get\nexit 0');
  });
}

test('there is nothing to store or to erase, and other operations are refused', async (t) => {
  const {type} = await terminal(t);
  const input = `protocol=http\nhost=git.flynn.localhost:8080\nusername=x\npassword=${TOKEN}\n`;
  t.is(await type('git-credential store', {input}), '$ flynn git-credential store\nexit 0');
  t.is(await type('git-credential erase', {input}), '$ flynn git-credential erase\nexit 0');
  t.regex(await type('git-credential fill', {input}), /exit 2$/);
});

test('a real git sends the token and the name, asks no other helper, and nobody stores them', async (t) => {
  const {folder, config} = await terminal(t);
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer(({headers}, response) => {
    seen.push(headers);
    const status = headers.authorization === undefined ? 401 : 200;
    // What an empty repository announces; git stores credentials after a success.
    const announcement = '001e# service=git-upload-pack\n00000000';
    response.writeHead(status, {'www-authenticate': 'Basic realm="flynn"', 'content-type': 'application/x-git-upload-pack-advertisement'}).end(status === 200 ? announcement : '');
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const gitUrl = `http://git.flynn.localhost:${(server.address() as AddressInfo).port}`;
  await writeFile(config, (await readFile(config, 'utf8')).replace(/gitUrl: .*/, `gitUrl: ${gitUrl}`));

  const home = path.dirname(folder);
  const bin = path.join(home, 'bin');
  await mkdir(bin);
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  await writeFile(path.join(bin, 'flynn'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {mode: 0o755});
  const env = {PATH: `${bin}:${process.env.PATH}`, HOME: home, FLYNN_CONFIG: config, GIT_TERMINAL_PROMPT: '0'};
  await writeFile(path.join(home, '.gitconfig'), '[credential]\n\thelper = store\n');
  await answerGitWith(gitUrl, {cwd: folder, env}, new AbortController().signal);

  const git = spawn('git', ['ls-remote', `${gitUrl}/shop.git`], {cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe']});
  let complaints = '';
  git.stderr.setEncoding('utf8').on('data', (chunk: string) => { complaints += chunk; });
  const [status] = await once(git, 'exit') as [number];
  t.is(status, 0, complaints);
  const authenticate = createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@flynn.localhost'}});
  t.like(seen.map((headers) => authenticate(headers)).at(-1), {name: 'Ann Lee', email: 'ann@example.com'});
  await t.throwsAsync(readFile(path.join(home, '.git-credentials')), {code: 'ENOENT'});
});
