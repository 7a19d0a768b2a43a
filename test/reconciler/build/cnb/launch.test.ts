import {execFile} from 'node:child_process';
import {chmod, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import type {LayerContents} from '../../../../reconciler/build/cnb/environment.ts';
import {launchScript, quoted} from '../../../../reconciler/build/cnb/launch.ts';

function layer(folder: string, {files = {}, folders = [], programs = []}: {files?: Record<string, string>; folders?: readonly string[]; programs?: readonly string[]}): LayerContents {
  return {folder, folders: new Set(folders), files: new Map(Object.entries(files)), programs};
}

/** What bash makes of it: the variables that `names` asks for, and both streams. Its input is no terminal, so it must be told to read no file of ours. */
async function run(script: string, env: Record<string, string>, names: readonly string[]): Promise<{values: Record<string, string | undefined>; stdout: string; stderr: string; code: number}> {
  const show = `${script}\nprintf '\\0%s' "$(env -0 | base64 -w0)"`;
  const {stdout, stderr, code} = await promisify(execFile)('bash', ['--norc', '-c', show], {env: {PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env}}).then(
    result => ({...result, code: 0}),
    (error: {stdout: string; stderr: string; code: number}) => error,
  );
  const [told = '', encoded = ''] = stdout.split('\0');
  const lines = Buffer.from(encoded, 'base64').toString().split('\0').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  const found = Object.fromEntries(lines);
  return {values: Object.fromEntries(names.map(name => [name, found[name]])), stdout: told, stderr, code};
}

test('the script does in bash what the rules say, whatever is in a value', async t => {
  const files = {'env/A': `it's "quoted" $HOME \`x\` \\ \n second line\n`, 'env/B.default': 'no', 'env/C.append': 'c', 'env/C.delim': ' ', 'env.launch/D.prepend': 'd', 'env.launch/D.delim': "'"};
  const script = await launchScript([[layer('/layers/b/a', {files, folders: ['bin']})]], {web: 'web'});
  const {values} = await run(script, {B: 'kept', C: 'before', D: 'after'}, ['A', 'B', 'C', 'D', 'PATH']);
  t.deepEqual(values, {A: files['env/A'], B: 'kept', C: 'before c', D: "d'after", PATH: `/layers/b/a/bin:${process.env.PATH}`});
});

test('a service has the variables of the process that it runs, all else those for all', async t => {
  const script = await launchScript([[layer('/layers/b/a', {files: {'env/X': 'all', 'env.launch/sys.info/X': 'own'}})]], {'sys-info': 'sys.info', web: 'web'});
  t.is((await run(script, {FLYNN_SERVICE: 'sys-info'}, ['X'])).values.X, 'own');
  t.is((await run(script, {FLYNN_SERVICE: 'web'}, ['X'])).values.X, 'all');
  t.is((await run(script, {}, ['X'])).values.X, 'all');
});

async function program(t: {teardown(end: () => Promise<void>): void}, lines: string): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-exec-d-'));
  t.teardown(() => rm(folder, {recursive: true}));
  await mkdir(path.join(folder, 'exec.d'));
  const file = path.join(folder, 'exec.d', 'one');
  await writeFile(file, `#!/bin/bash\n${lines}\n`);
  await chmod(file, 0o755);
  return launchScript([[layer(folder, {files: {'env/X': 'of the layer'}, programs: ['exec.d/one']})]], {});
}

test('a program in exec.d sees the layers’ variables and adds its own; what it prints is printed', async t => {
  const script = await program(t, String.raw`echo hello; echo 'A = "x='"$X"'"' >&3; cat >&3 <<'EOF'
# a comment

 B="say \"it's\" \\ $(rm) \u00e9\n"  # more
C = 'plain \n'
EOF`);
  const {values, stdout} = await run(script, {}, ['A', 'B', 'C']);
  t.deepEqual(values, {A: 'x=of the layer', B: `say "it's" \\ $(rm) é\n`, C: String.raw`plain \n`});
  t.is(stdout, 'hello\n');
});

test('a program in exec.d that fails keeps the app from starting', async t => {
  const {code, stderr} = await run(await program(t, 'exit 3'), {}, []);
  t.is(code, 82);
  t.regex(stderr, /exec\.d\/one ended with 3, so the app is not started/);
});

test('a line that is no TOML of ours keeps the app from starting', async t => {
  const {code, stderr} = await run(await program(t, `echo 'A = 1' >&3`), {}, []);
  t.is(code, 82);
  t.regex(stderr, /printed "A = 1", expected lines such as NAME = "value"/);
});

test('what needs no quotes has none', t => {
  t.is(quoted('/layers/a/b.sh'), '/layers/a/b.sh');
  t.is(quoted(''), "''");
  t.is(quoted("it's"), String.raw`'it'\''s'`);
});
