import test from 'ava';
import {checkPointers, emptySubmodules, unnamedSubmodules} from '../../../reconciler/build/check-source.ts';
import {keepSource} from '../../../reconciler/build/source.ts';
import os from 'node:os';
import {appSource} from '../../support/app-source.ts';

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4'.repeat(64)}\nsize 12345\n`;
const ATTRIBUTES = '*.bin filter=lfs diff=lfs merge=lfs -text\n';
const signal = AbortSignal.timeout(600_000);

async function check(changes: Readonly<Record<string, string>>, {hasLfs = false} = {}): Promise<void> {
  await using app = await appSource('no-buildpack', changes);
  const commit = await app.commit();
  await using source = await keepSource(() => app.archive(commit)(signal), {diskBytes: 1e9, scratch: os.tmpdir()}, signal);
  await checkPointers(source, {hasLfs});
}

test('files that Git LFS has taken away are named, and are a reason not to build', async (t) => {
  const files = Object.fromEntries(['a b.bin', 'ä.bin', 'c.bin', 'd.bin', 'e.bin', 'f.bin'].map((name) => [`data/${name}`, POINTER]));
  await t.throwsAsync(check({'.gitattributes': ATTRIBUTES, 'data/real.bin': 'not a pointer', ...files}), {
    name: 'BuildRefused',
    message: 'these files are in Git LFS, which a push does not bring: data/a b.bin, data/c.bin, data/d.bin, data/e.bin, data/f.bin and 1 more. Put them into git itself (git lfs migrate export), or let the app fetch them',
  });
});

test('LFS is in use where a folder says so, or what is above the source', async (t) => {
  await t.throwsAsync(check({'data/.gitattributes': ATTRIBUTES, 'data/a.bin': POINTER}), {name: 'BuildRefused', message: /Git LFS, which a push does not bring: data\/a\.bin\./});
  await t.throwsAsync(check({'a.bin': POINTER}, {hasLfs: true}), {name: 'BuildRefused', message: /Git LFS, which a push does not bring: a\.bin\./});
});

test('a text that looks like one is left alone where LFS is not in use', async (t) => {
  await t.notThrowsAsync(check({'data.bin': POINTER}));
});

test('folders of submodules are those that .gitmodules names and that are empty', async (t) => {
  const source = {
    entries: [{name: 'lib/', sizeBytes: 0}, {name: 'there/', sizeBytes: 0}, {name: 'there/x', sizeBytes: 1}],
    text: async (name: string) => ({'.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = https://example.com/lib.git\n[submodule "there"]\n\tpath = there\n\turl = ../x\n[submodule "gone"]\n\tpath = gone\n'})[name],
  };
  t.deepEqual(await emptySubmodules(source), [{path: 'lib', url: 'https://example.com/lib.git'}]);
  t.deepEqual(await unnamedSubmodules(source, {lib: 'a', other: 'b'}), ['other']);
  t.deepEqual(await unnamedSubmodules(source), []);
});
