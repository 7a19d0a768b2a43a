import {readFile} from 'node:fs/promises';
import test from 'ava';
import type {SshAnswer} from '../../reconciler/ssh/answer.ts';
import {terminal} from './terminal.ts';

const OPEN: SshAnswer = {state: 'open', url: 'ssh://git@git.flynn.localhost:2222', hostKey: 'ssh-ed25519 AAAA', fingerprint: 'SHA256:abc'};

test('a cluster is kept with SSH, and remotes of new apps go over it', async (t) => {
  const {view, type, git, config} = await terminal(t);
  Object.assign(view, {ssh: () => OPEN});
  t.regex(await type('cluster git home ssh'), /! remotes of new apps of home go over SSH; those that are there stay[^]*exit 0$/);
  t.regex(await readFile(config, 'utf8'), /git: ssh/);
  t.regex(await type('create blog'), /blog\.flynn\.localhost[^|]* \| ssh:\/\/git@git\.flynn\.localhost:2222\/blog\.git\n[^]*exit 0$/);
  t.is(git('remote', 'get-url', 'flynn'), 'ssh://git@git.flynn.localhost:2222/blog.git');
  t.regex(await type('create shop --http -r http'), /exit 0$/);
  t.is(git('remote', 'get-url', 'http'), 'http://git.flynn.localhost:8080/shop.git');
  t.regex(await type('cluster info'), /New remotes: +over SSH\n/);
  // A new token is no other choice.
  t.regex(await type('cluster git home http'), /go over HTTP/);
  t.notRegex(await readFile(config, 'utf8'), /git: ssh/);
});

test('where SSH can\'t be had, it is said what to do instead', async (t) => {
  const {type, view} = await terminal(t);
  await type('cluster git home ssh');
  t.regex(await type('create blog'), /! error: this cluster has no git over SSH\n! {8}git comes over HTTP, with the same rights: flynn create --http\nexit 1$/);
  t.deepEqual(view.repo.commits, [], 'no app is made');
  t.regex(await type('cluster git home ftp'), /! git comes by ssh or http, not by "ftp"[^]*exit 2$/);
  t.regex(await type('cluster git nowhere ssh'), /has no cluster "nowhere"\n! {8}it has: home\nexit 1$/);
});
