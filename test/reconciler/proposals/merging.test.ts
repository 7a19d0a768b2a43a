import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {changesBetween} from '../../../reconciler/proposals/merging.ts';
import {bareRepo, run} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

async function repository(t: ExecutionContext) {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const objects = new ObjectReader({gitdir});
  t.teardown(() => objects.close());
  const blob = async (text: string) => (await execa('git', ['hash-object', '-w', '--stdin'], {cwd: gitdir, input: text})).stdout;
  /** `<mode> <id> <name>` of each entry, the name in Latin-1: git's names are bytes. */
  const tree = async (...entries: readonly string[]) => {
    const lines = entries.map((entry) => {
      const [mode = '', id = '', name = ''] = entry.split(' ');
      return `${mode} ${mode === '40000' ? 'tree' : mode === '160000' ? 'commit' : 'blob'} ${id}\t${name}\0`;
    });
    return (await execa('git', ['mktree', '-z', '--missing'], {cwd: gitdir, input: Buffer.from(lines.join(''), 'latin1')})).stdout;
  };
  return {gitdir, objects, blob, tree};
}

test('two trees differ in the files that git names', async (t) => {
  const {gitdir, objects, blob, tree} = await repository(t);
  const [one, two] = [await blob('1'), await blob('2')];
  const same = await tree(`100644 ${one} deep`);
  const before = await tree(
    `40000 ${same} same`, `40000 ${await tree(`100644 ${one} a`, `40000 ${same} gone`, `100644 ${one} kept`)} folder`, `100644 ${one} changed`, `100644 ${one} mode`, `100644 ${one} moved`,
    `100644 ${one} to-folder`, `40000 ${same} to-file`, `120000 ${one} link`, `160000 ${'1'.repeat(40)} module`, `100644 ${one} x\xff`, `100644 ${one} x\xfe`,
  );
  const after = await tree(
    `40000 ${same} same`, `40000 ${await tree(`100644 ${two} a`, `100644 ${one} kept`, `40000 ${same} new`)} folder`, `100644 ${two} changed`, `100755 ${one} mode`, `100644 ${one} to`,
    `40000 ${same} to-folder`, `100644 ${one} to-file`, `120000 ${two} link`, `160000 ${'2'.repeat(40)} module`, `100644 ${two} x\xff`, `100644 ${two} x\xfe`,
  );
  const named = async (from: string, to: string) => {
    const words = (await run(gitdir, 'diff-tree', '-r', '-z', '--no-renames', '--raw', '--no-abbrev', from, to)).split('\0');
    return words.flatMap((word, at) => (at % 2 === 0 && word !== '' ? [`${word.split(' ')[3]} ${word.split(' ')[4]} ${words[at + 1]}`] : []));
  };
  const ours = async (from: string, to: string) => (await changesBetween(objects, {from, to}, signal)).map(({path, blob: id, change}) => `${id} ${{added: 'A', changed: 'M', removed: 'D'}[change]} ${path}`);
  t.deepEqual((await ours(before, after)).toSorted(), (await named(before, after)).toSorted());
  t.is((await ours(before, after)).length, 15);
  t.deepEqual((await ours(after, before)).toSorted(), (await named(after, before)).toSorted());
  t.deepEqual(await ours(before, before), []);
  t.deepEqual(await ours('main', 'main'), []);
});

test('a few small trees that stand for billions of paths are an error', async (t) => {
  const {objects, blob, tree} = await repository(t);
  let bomb = await tree(`100644 ${await blob('x')} x`);
  for (let level = 0; level < 10; level += 1) bomb = await tree(...[...'0123456789'].map((name) => `40000 ${bomb} ${name}`));
  await t.throwsAsync(changesBetween(objects, {from: 'main', to: bomb}, signal), {message: 'more than 50000 files and folders differ'});
});
