import {chmod, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {remoteKind, remoteTip} from '../../../reconciler/adapters/git-remote.ts';
import {bareRepo, run, temporaryFolder} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

for (const [url, kind] of [
  ['https://git.example.com/cluster.git', 'http'],
  ['http://ada@git.example.com/cluster.git', 'http'],
  ['ssh://git@example.com:2222/cluster.git', 'ssh'],
  ['git@example.com:ops/cluster.git', 'ssh'],
  ['/srv/cluster.git', 'path'],
] as const) {
  test(`"${url}" is reached by ${kind}`, (t) => t.is(remoteKind(url), kind));
}

test('SSH is asked without questions, with the given key alone, and our own list of known hosts', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const folder = await temporaryFolder(t);
  const keyFile = path.join(folder, 'key of ada\'s');
  // Stands in for ssh: notes how it was called, and runs here what was meant for there.
  await writeFile(path.join(folder, 'ssh'), `#!/bin/sh\nprintf '%s\\n' "$@" >>'${folder}/called'\nfor last; do :; done\nexec sh -c "$last"\n`);
  await chmod(path.join(folder, 'ssh'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  t.teardown(() => {
    process.env['PATH'] = before;
  });
  const tip = await remoteTip({url: `ssh://git@example.com${gitdir}`, keyFile, knownHosts: '/data/known_hosts'}, 'refs/heads/main', signal);
  t.is(tip, await run(gitdir, 'rev-parse', 'main'));
  const called = (await readFile(path.join(folder, 'called'), 'utf8')).split('\n');
  t.true(called.includes(keyFile));
  t.true(called.includes('git@example.com'));
  for (const option of ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=accept-new', 'UserKnownHostsFile=/data/known_hosts']) t.true(called.includes(option), option);
});
