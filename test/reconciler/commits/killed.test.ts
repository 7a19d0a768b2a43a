import {spawn} from 'node:child_process';
import {once} from 'node:events';
import path from 'node:path';
import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {bareRepo, change, run} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

test('what was answered before a kill -9 in the middle of a batch is there, once, and writing goes on', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const answered: string[] = [];
  for (const answers of [1, 14, 27]) answered.push(...await killedAfter(answers, gitdir));
  const log = (await run(gitdir, 'log', '--format=%H %s', 'main')).split('\n');
  t.deepEqual(answered.filter((line) => !log.includes(line)), []);
  const subjects = log.map((line) => line.slice(41));
  t.is(new Set(subjects).size, subjects.length);
  t.is(await run(gitdir, 'rev-list', '--count', '--min-parents=2', 'main'), '0');
  t.is(await run(gitdir, 'fsck', '--strict', '--no-dangling'), '');
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  t.true((await repo.commit(change(() => ({'after': 'x\n'}), 'after'), signal)).isNew);
});

/** What a writer of its own process had been answered when it was killed: at least so many. */
async function killedAfter(answers: number, gitdir: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'writing.ts'), gitdir, `after-${answers}`], {stdio: ['ignore', 'pipe', 'inherit'], signal});
  const closed = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > answers) child.kill('SIGKILL');
  });
  await closed;
  // The last line may be half of one.
  return text.split('\n').slice(0, -1);
}
