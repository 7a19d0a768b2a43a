import {execa} from 'execa';
import test from 'ava';
import {parseCommit, parseTree, treeId} from '../../../reconciler/adapters/git-format.ts';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {git, GitError} from '../../../reconciler/adapters/git.ts';
import {bareRepo, run} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);
const FILES = {'a.yaml': 'a\n', 'b/c.yaml': '', 'd.yaml': 'ü\n\n'.repeat(50_000)};

test('contents come back whole and in order, however many are asked for at once', async (t) => {
  const reader = new ObjectReader({gitdir: await bareRepo(t, FILES)});
  t.teardown(() => reader.close());
  const names = Object.keys(FILES).flatMap((name) => Array.from({length: 50}, () => name as keyof typeof FILES));
  const texts = await Promise.all(names.map(async (name) => (await reader.read(`main:${name}`, signal))?.content.toString()));
  t.true(texts.every((text, index) => text === FILES[names[index]!]));
});

test('what is not there is undefined, and the next answer is right', async (t) => {
  const reader = new ObjectReader({gitdir: await bareRepo(t, FILES)});
  t.teardown(() => reader.close());
  const [missing, strange, there] = await Promise.all([reader.read('main:none', signal), reader.info('no such ref', signal), reader.info('main:a.yaml', signal)]);
  t.is(missing, undefined);
  t.is(strange, undefined);
  t.is(there?.sizeBytes, 2);
});

test('trees and commits are read as git shows them', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  const reader = new ObjectReader({gitdir});
  t.teardown(() => reader.close());
  const tree = await reader.read('main^{tree}', signal);
  const entries = parseTree(tree!.content);
  t.is(entries.map(({mode, id, name}) => `${mode.padStart(6, '0')} ${mode === '40000' ? 'tree' : 'blob'} ${id}\t${name}`).join('\n'), await run(gitdir, 'ls-tree', 'main'));
  t.is(treeId(entries), tree!.id);
  const commit = parseCommit((await reader.read('main', signal))!.content);
  t.is(commit.tree, tree!.id);
  t.is(String(commit.committedAtMs / 1000), await run(gitdir, 'log', '-1', '--format=%ct', 'main'));
});

test('a reader whose git was killed answers the next question all the same', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  const reader = new ObjectReader({gitdir});
  t.teardown(() => reader.close());
  await reader.info('main', signal);
  const {stdout} = await execa('pgrep', ['-f', `git-dir=${gitdir} cat-file`]);
  const asked = reader.info('main', signal);
  process.kill(Number(stdout.split('\n')[0]), 'SIGKILL');
  t.is((await asked)?.type, 'commit');
  t.is((await reader.info('main', signal))?.type, 'commit');
});

test('who gives up gets his reason, and others their answers', async (t) => {
  const reader = new ObjectReader({gitdir: await bareRepo(t, FILES)});
  t.teardown(() => reader.close());
  const giveUp = new AbortController();
  const given = reader.read('main:d.yaml', giveUp.signal);
  const other = reader.read('main:a.yaml', signal);
  giveUp.abort(new Error('enough'));
  await t.throwsAsync(given, {message: 'enough'});
  t.is((await other)?.content.toString(), 'a\n');
});

test('a repository that is not there is an error', async (t) => {
  const reader = new ObjectReader({gitdir: '/nowhere.git'});
  t.teardown(() => reader.close());
  // Its pipe may break before its end is told: both are errors that name the repository.
  await t.throwsAsync(reader.info('main', signal), {message: /git cat-file in "\/nowhere\.git" (ended|does not listen any more)/});
});

test('an error of git says what was done and quotes git', async (t) => {
  const error = await t.throwsAsync(git(['rev-parse', '--verify', 'none'], {gitdir: await bareRepo(t, FILES)}, signal), {instanceOf: GitError});
  t.regex(error?.message ?? '', /^git rev-parse failed \(exit code 128\): fatal: Needed a single revision/);
  t.is(error?.exitCode, 128);
});

test('a git that hangs is ended at its deadline', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  await t.throwsAsync(git(['-c', 'alias.hang=!sleep 60', 'hang'], {gitdir, deadlineMs: 300}, signal), {message: /^git -c did not end within 0\.3 s/});
});

test('the configuration of the machine does not reach git on this disk', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  process.env['GIT_CONFIG_PARAMETERS'] = "'user.name=Mallory'";
  t.teardown(() => delete process.env['GIT_CONFIG_PARAMETERS']);
  await t.throwsAsync(git(['config', 'user.name'], {gitdir}, signal), {instanceOf: GitError});
});
