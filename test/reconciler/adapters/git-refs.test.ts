import fs from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {objectWriter} from '../../../reconciler/adapters/git-write.ts';
import {RefMover} from '../../../reconciler/adapters/git-refs.ts';
import {bareRepo, run} from '../checkout/support.ts';
import {until} from '../../support/until.ts';

const signal = AbortSignal.timeout(600_000);
const REF = 'refs/heads/main';

async function subject(t: ExecutionContext) {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const [first = '', tree = ''] = (await run(gitdir, 'show', '--no-patch', '--format=%H %T', 'main')).split(' ');
  const write = objectWriter(gitdir);
  const by = {name: 'Ann', email: 'a@example.com'};
  const commits = [first];
  for (const message of ['one', 'two', 'three']) commits.push(await write.commit({tree, parents: [commits.at(-1) ?? ''], message, author: by, committer: by, atMs: 0}));
  const refs = new RefMover({gitdir, reason: 'commit'});
  t.teardown(() => refs.close());
  const move = (from: number, to: number) => refs.move({ref: REF, from: commits[from] ?? '', to: commits[to] ?? ''}, signal);
  /** Of git processes that move refs of this repository. */
  const pids = async () => {
    const all = await Promise.all((await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(async (pid) => [pid, await fs.readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const));
    return all.filter(([, line]) => line.includes(`${gitdir}\0update-ref`)).map(([pid]) => pid);
  };
  return {gitdir, commits, refs, move, pids};
}

test('one process moves a ref again and again, if it is where it was seen', async (t) => {
  const {gitdir, commits, move, pids} = await subject(t);
  t.true(await move(0, 1));
  const before = await pids();
  t.is(before.length, 1);
  t.true(await move(1, 2));
  t.deepEqual(await pids(), before);
  t.false(await move(1, 3));
  t.is(await run(gitdir, 'rev-parse', 'main'), commits[2] ?? '');
  await run(gitdir, 'pack-refs', '--all');
  t.true(await move(2, 3));
  t.is(await run(gitdir, 'reflog', '--format=%h %gs', 'main'), `${commits[3]?.slice(0, 7)} commit\n${commits[2]?.slice(0, 7)} commit\n${commits[1]?.slice(0, 7)} commit\n${commits[0]?.slice(0, 7)} create`);
});

test('its process may be killed, and a lock that somebody holds is seen', async (t) => {
  const {gitdir, commits, move, pids} = await subject(t);
  t.true(await move(0, 1));
  for (const pid of await pids()) process.kill(Number(pid), 'SIGKILL');
  t.true(await move(1, 2));
  const lock = path.join(gitdir, `${REF}.lock`);
  await fs.writeFile(lock, '');
  t.false(await move(2, 3));
  await fs.rm(lock);
  t.true(await move(2, 3));
  t.is(await run(gitdir, 'rev-parse', 'main'), commits[3] ?? '');
});

test('who gives up is told so, and what is wrong is an error in git\'s words', async (t) => {
  const {gitdir, commits, refs} = await subject(t);
  const given = AbortSignal.abort(new Error('gone'));
  await t.throwsAsync(refs.move({ref: REF, from: commits[0] ?? '', to: commits[1] ?? ''}, given), {message: 'gone'});
  await t.throwsAsync(refs.move({ref: REF, from: commits[0] ?? '', to: 'f'.repeat(40)}, signal), {message: /^git update-ref failed .*f{40}/s});
  t.is(await run(gitdir, 'rev-parse', 'main'), commits[0] ?? '');
});

test('its process ends with it', async (t) => {
  const {refs, move, pids} = await subject(t);
  t.true(await move(0, 1));
  refs.close();
  await until('there is no process', async () => (await pids()).length === 0);
});
