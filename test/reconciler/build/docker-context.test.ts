import {execFileSync} from 'node:child_process';
import {createReadStream} from 'node:fs';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {dockerContext, ignoredBy} from '../../../reconciler/build/docker-context.ts';
import {keepSource} from '../../../reconciler/build/source.ts';

const signal = AbortSignal.timeout(600_000);

/** What the engine gets of a tar with these files, made by git as a push is. */
async function contextOf(files: Readonly<Record<string, string>>, dockerfile = 'Dockerfile'): Promise<readonly string[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-context-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      execFileSync('mkdir', ['-p', path.dirname(path.join(folder, name))]);
      await writeFile(path.join(folder, name), text);
    }
    const git = (...words: string[]) => execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a', '-c', 'init.defaultBranch=main', ...words], {stdio: 'pipe'});
    git('init', '--quiet');
    git('add', '--all', '--force');
    git('commit', '--quiet', '--message=a');
    git('archive', '--output=source.tar', 'HEAD');
    await using source = await keepSource(() => createReadStream(path.join(folder, 'source.tar')), {diskBytes: 1e9, scratch: os.tmpdir()}, signal);
    await writeFile(path.join(folder, 'context.tar'), await dockerContext(source, dockerfile));
    execFileSync('mkdir', [path.join(folder, 'out')]);
    execFileSync('tar', ['-xf', path.join(folder, 'context.tar'), '-C', path.join(folder, 'out')]);
    const listed = execFileSync('find', ['.', '-type', 'f', '-printf', '%P\n'], {cwd: path.join(folder, 'out')}).toString().trim().split('\n').toSorted();
    for (const name of listed) if (await readFile(path.join(folder, 'out', name), 'utf8') !== files[name]) throw new Error(`${name} is not what it was`);
    return listed;
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

test('without a .dockerignore the engine gets everything', async (t) => {
  t.deepEqual(await contextOf({Dockerfile: 'FROM a', 'a/b': 'c'}), ['Dockerfile', 'a/b']);
});

test('what .dockerignore names stays away, but for what a later line takes back', async (t) => {
  const long = `${'folder/'.repeat(20)}file`;
  t.deepEqual(await contextOf({
    Dockerfile: 'FROM a',
    '.dockerignore': '# ours\n*.md\n!README.md\nnode_modules\n**/*.log\n/docs/\n!docs/keep.txt\nfolder\n',
    'README.md': 'r', 'NOTES.md': 'n', 'a/NOTES.md': 'not at the root', 'node_modules/x/index.js': 'x', 'a/b/c.log': 'l', 'c.log': 'l', 'docs/a.txt': 'a', 'docs/keep.txt': 'k',
    [long]: 'long', [`kept/${long}`]: 'long too',
  }), ['.dockerignore', 'Dockerfile', 'README.md', 'a/NOTES.md', 'docs/keep.txt', `kept/${long}`]);
});

test('the Dockerfile comes in any case, and one of its own goes before the general .dockerignore', async (t) => {
  t.deepEqual(await contextOf({'docker/web': 'FROM a', '.dockerignore': 'b', 'docker/web.dockerignore': 'a\ndocker', a: 'a', b: 'b'}, 'docker/web'), ['.dockerignore', 'b', 'docker/web']);
});

test('names are told apart by upper and lower case', (t) => {
  const isIgnored = ignoredBy('Build\n', '.dockerignore');
  t.true(isIgnored('Build/a'));
  t.false(isIgnored('build/a'));
});

test('a pattern that can\'t be read refuses the build', (t) => {
  t.throws(() => ignoredBy('a[', '.dockerignore'), {message: /^\.dockerignore has a pattern that can't be read/});
});
