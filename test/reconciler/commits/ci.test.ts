import {chmod, mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {parse} from 'yaml';
import {readTemplate, renderTemplate} from '../../../reconciler/commits/template.ts';
import {createApp} from '../../../reconciler/commits/edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, cloneOf, commitFiles, run, temporaryFolder} from '../checkout/support.ts';

// The jobs of the forges' CI, as they are in a new cluster repository. Their commands are run as they stand there, with real git.

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const VALUES = {name: 'test', domain: 'flynn.localhost', node: 'box', recipient: `age1${'q'.repeat(58)}`, signingKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHnAxIl7wbWj2qQBE3tHUNMrMJ6hfZjYcqKCJmgtu8Wk'};
const BRANCH = 'ann/scale';

interface Job {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /** Git is not let in there. */
  readonly isOriginClosed?: boolean;
}

interface Workflow {
  readonly on: {readonly pull_request: {readonly branches: readonly string[]}};
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, {readonly if: string; readonly steps: readonly {readonly uses?: string; readonly with?: object; readonly run?: string; readonly env?: Readonly<Record<string, string>>}[]}>>;
}

/** What a runner puts in the place of expressions. */
const CONTEXT: Readonly<Record<string, string>> = {'github.base_ref': 'main', 'vars.FLYNN_REF': ''};

function jobOfWorkflow(text: string): Job {
  const {on, jobs} = parse(text) as Workflow;
  const {if: condition, steps} = jobs['plan']!; // the test fails if it is not there
  if (on.pull_request.branches[0] !== 'main' || condition !== "vars.FLYNN_REPOSITORY != ''") throw new Error('it is run for something else');
  if (JSON.stringify(steps[0]?.with).includes('"fetch-depth":0') === false) throw new Error('there would be no history to merge');
  const {run: command = '', env = {}} = steps.find((step) => step.run !== undefined) ?? {};
  // A manifest, a branch or a title never stands in a command line: only in variables.
  if (command.includes('${{')) throw new Error('an expression in a command line is code that others write');
  return {command, env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace(/\$\{\{ (.*?) \}\}/, (_all, key: string) => CONTEXT[key] ?? `(${key})`)]))};
}

const JOBS: Readonly<Record<string, (text: string) => Job>> = {
  '.github/workflows/flynn.yml': jobOfWorkflow,
  '.gitea/workflows/flynn.yml': jobOfWorkflow,
  '.gitlab-ci.yml': (text) => {
    const {flynn} = parse(text) as {readonly flynn: {readonly script: readonly string[]; readonly variables: Readonly<Record<string, number>>}};
    if (flynn.variables['GIT_DEPTH'] !== 0) throw new Error('there would be no history to merge');
    return {command: flynn.script.join('\n'), env: {CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main'}, isOriginClosed: true};
  },
};

/** A repository that has a `cli/flynn`, as ours has: it runs this very checkout. */
async function flynnRepository(t: ExecutionContext): Promise<string> {
  const folder = path.join(await temporaryFolder(t), 'flynn');
  await mkdir(path.join(folder, 'cli'), {recursive: true});
  await run(folder, 'init', '--quiet', '--initial-branch=main');
  await writeFile(path.join(folder, 'cli', 'flynn'), `#!/bin/sh\nexec '${process.execPath}' '${path.join(ROOT, 'cli', 'main.ts')}' "$@"\n`);
  await chmod(path.join(folder, 'cli', 'flynn'), 0o755);
  await run(folder, 'add', '--all');
  await run(folder, 'commit', '--quiet', '--message', 'flynn');
  return folder;
}

async function checkout(t: ExecutionContext): Promise<{readonly clone: string; readonly files: Readonly<Record<string, string>>; pushToMain(files: Readonly<Record<string, string>>): Promise<void>}> {
  const template = renderTemplate(await readTemplate(AbortSignal.timeout(60_000)), VALUES);
  const app = createApp('shop' as AppName)(() => undefined, () => []) as Readonly<Record<string, string>>;
  const files = {...template, ...app, 'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'};
  const gitdir = await bareRepo(t, files);
  const [clone, other] = [await cloneOf(t, gitdir), await cloneOf(t, gitdir)];
  await run(clone, 'checkout', '--quiet', '-b', BRANCH);
  return {clone, files, async pushToMain(changed) {
    await commitFiles(other, changed);
    await run(other, 'push', '--quiet', 'origin', 'main');
  }};
}

/** As a runner does: a shell that stops at the first failure. */
async function runJob(clone: string, {command, env, isOriginClosed = false}: Job, flynn: string) {
  const url = await run(clone, 'remote', 'get-url', 'origin');
  if (isOriginClosed) await run(clone, 'remote', 'set-url', 'origin', '/nowhere');
  return execa('bash', ['-e', '-o', 'pipefail', '-c', command], {cwd: clone, reject: false, all: true, extendEnv: false, env: {PATH: process.env['PATH'] ?? '', HOME: path.dirname(clone), ...env, FLYNN_REPOSITORY: flynn, CI_REPOSITORY_URL: url, GIT_CONFIG_GLOBAL: '/dev/null'}});
}

for (const [file, read] of Object.entries(JOBS)) {
  test(`${file}: a pull request is checked, and its plan is of what main would be`, async (t) => {
    const {clone, files, pushToMain} = await checkout(t);
    const job = read(files[file] ?? '');
    await commitFiles(clone, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {LOG_LEVEL: debug}\n'});
    await pushToMain({'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {A: b}\n'});
    const done = await runJob(clone, job, await flynnRepository(t));
    t.is(done.exitCode, 0, done.all);
    const plan = await readFile(path.join(clone, 'plan.md'), 'utf8');
    t.regex(plan, /^<!-- flynn plan of flynn\.localhost -->\n\n### Plan: 1 app changes\n[\s\S]*env\.LOG_LEVEL {2}\+ debug/);
    t.notRegex(plan, /blog/);
    t.regex(done.stdout, /### Plan: 1 app changes/);
  });
}

const GITHUB = '.github/workflows/flynn.yml';

test('what is wrong fails the job, and the plan says what', async (t) => {
  const {clone, files} = await checkout(t);
  await commitFiles(clone, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenvv: {}\n'});
  const done = await runJob(clone, JOBS[GITHUB]!(files[GITHUB] ?? ''), await flynnRepository(t)); // one of its keys
  t.not(done.exitCode, 0);
  t.regex(await readFile(path.join(clone, 'plan.md'), 'utf8'), /apps\/shop\/app\.yaml:3:1: unknown field "envv"; did you mean "env"\?/);
});

test('a conflict with main fails the job', async (t) => {
  const {clone, files, pushToMain} = await checkout(t);
  await commitFiles(clone, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {A: mine}\n'});
  await pushToMain({'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {A: theirs}\n'});
  const done = await runJob(clone, JOBS[GITHUB]!(files[GITHUB] ?? ''), await flynnRepository(t)); // one of its keys
  t.not(done.exitCode, 0);
  t.regex(done.all, /CONFLICT .*apps\/blog\/app\.yaml/);
});

test('without the source of Flynn it says what has to be set', async (t) => {
  const {clone} = await checkout(t);
  const done = await execa('sh', ['.flynn/ci/plan.sh', 'main'], {cwd: clone, reject: false, extendEnv: false, env: {PATH: process.env['PATH'] ?? ''}});
  t.not(done.exitCode, 0);
  t.regex(done.stderr, /FLYNN_REPOSITORY: set it to where the source of Flynn is/);
});
