import {mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {removalScript} from '../../../reconciler/build/slug-ignore.ts';

const FILES = ['a.psd', 'deep/b.psd', 'spec/x', 'lib/spec/y', 'docs/z', 'lib/docs', 'tmp file', "it's", 'kept'];

/** What is left of FILES. */
async function left(text: string): Promise<readonly string[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-slugignore-'));
  try {
    for (const file of FILES) {
      await mkdir(path.dirname(path.join(folder, file)), {recursive: true});
      await writeFile(path.join(folder, file), '');
    }
    const script = removalScript(text, path.join(folder, 'list'));
    if (script !== undefined) await execa('bash', ['-c', script], {cwd: folder});
    return (await readdir(folder, {recursive: true, withFileTypes: true})).filter((entry) => entry.isFile()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).toSorted();
  } finally {
    await rm(folder, {recursive: true});
  }
}

const leaves = test.macro({
  async exec(t, text: string, gone: readonly string[]) {
    t.deepEqual(await left(text), FILES.filter((file) => !gone.includes(file)).toSorted());
  },
  title: (_, text) => `${JSON.stringify(text)} takes away what it names`,
});

test(leaves, '', []);
test(leaves, '# nothing\n\n!kept\n.\n/\n', []);
test(leaves, '*.psd\n', ['a.psd', 'deep/b.psd']);
test(leaves, '/spec\r\n', ['spec/x']);
test(leaves, 'spec', ['spec/x', 'lib/spec/y']);
test(leaves, 'docs/', ['docs/z']);
test(leaves, 'lib/spec', ['lib/spec/y']);
test(leaves, "tmp file\nit's", ['tmp file', "it's"]);
test(leaves, "'; touch evil; '", []);
test(leaves, '../*', []);
