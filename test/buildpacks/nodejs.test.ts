import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import ava from 'ava';
import {execa} from 'execa';

/** The build image has jq; a machine that only runs these tests need not. */
const test = (await execa('jq', ['--version'], {reject: false})).failed ? ava.skip : ava;
const BUILDPACK = path.join(import.meta.dirname, '..', '..', 'buildpacks', 'nodejs');

/** Runs functions of the buildpack in a folder with these files, as `bin/compile` does. */
async function run(script: string, files: Readonly<Record<string, string>>): Promise<{exitCode: number | undefined; output: string}> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-nodejs-test-'));
  try {
    for (const [name, text] of Object.entries({'package.json': '{}', ...files})) await writeFile(path.join(folder, name), text);
    const sources = ['output', 'variables', 'manager', 'packages'].map((file) => `source ${BUILDPACK}/lib/${file}.sh`);
    const {exitCode, stdout} = await execa('bash', ['-c', ['set -euo pipefail', 'NODE_ENV=production', ...sources, script].join('\n')], {cwd: folder, reject: false, stdin: 'ignore'});
    return {exitCode, output: stdout};
  } finally {
    await rm(folder, {recursive: true});
  }
}

const chooses = ava.macro(async (t, files: Readonly<Record<string, string>>, expected: string) => {
  const {output} = await run('choose_manager; echo "$MANAGER $LOCK"', files);
  t.is(output, expected);
});

test('an app without a lock file is installed with npm', chooses, {}, 'npm ');
test('a package-lock.json is npm’s', chooses, {'package-lock.json': '{}'}, 'npm package-lock.json');
test('npm-shrinkwrap.json counts before package-lock.json, and both are npm’s', chooses, {'package-lock.json': '{}', 'npm-shrinkwrap.json': '{}'}, 'npm npm-shrinkwrap.json');
test('a yarn.lock of the old format is Yarn 1’s', chooses, {'yarn.lock': '# yarn lockfile v1\n'}, 'yarn yarn.lock');
test('a yarn.lock with metadata is of Yarn since version 2', chooses, {'yarn.lock': '__metadata:\n  version: 8\n'}, 'berry yarn.lock');
test('a pnpm-lock.yaml is pnpm’s', chooses, {'pnpm-lock.yaml': "lockfileVersion: '9.0'\n"}, 'pnpm pnpm-lock.yaml');
test('without a lock file packageManager counts', chooses, {'package.json': '{"packageManager": "pnpm@10.11.0+sha512.abc"}'}, 'pnpm ');
test('packageManager tells the two Yarns apart', chooses, {'package.json': '{"packageManager": "yarn@4.9.1"}'}, 'berry ');
test('a lock file counts before packageManager, and the difference is told', chooses, {'package.json': '{"packageManager": "yarn@4.9.1"}', 'package-lock.json': '{}'}, ' !     packageManager in package.json says "yarn@4.9.1", and the lock file is package-lock.json: installing with npm\nnpm package-lock.json');
test('a packageManager that there is not here is told', chooses, {'package.json': '{"packageManager": "bun@1.2.0"}'}, ' !     packageManager in package.json says "bun@1.2.0", which is none of npm, yarn and pnpm: installing with npm\nnpm ');
test('a lock file of Bun is told to be of no use', chooses, {'bun.lock': ''}, ' !     bun.lock is not used: this buildpack installs with npm, yarn or pnpm\nnpm ');

test('lock files of two package managers are refused by name', async (t) => {
  const {exitCode, output} = await run('choose_manager; echo unreachable', {'package-lock.json': '{}', 'yarn.lock': ''});
  t.is(exitCode, 1);
  t.regex(output, /Two different lock files found: package-lock\.json and yarn\.lock/);
  t.notRegex(output, /unreachable/);
});

const wants = ava.macro(async (t, {name, packageJson, expected}: {name: string; packageJson: string; expected: string}) => {
  t.is((await run(`wanted_manager ${name}`, {'package.json': packageJson})).output, expected);
});

test('the version of a manager comes from packageManager, without its hash', wants, {name: 'pnpm', packageJson: '{"packageManager": "pnpm@10.11.0+sha512.abc", "engines": {"pnpm": "9.x"}}', expected: '10.11.0'});
test('the version of a manager comes from engines', wants, {name: 'npm', packageJson: '{"engines": {"npm": ">=10"}}', expected: '>=10'});
test('a packageManager that is another one says nothing', wants, {name: 'npm', packageJson: '{"packageManager": "pnpm@10.11.0"}', expected: ''});

const readsLock = ava.macro(async (t, question: string, lock: Readonly<Record<string, string>>, expected: string) => {
  t.is((await run(question, lock)).output, expected);
});

test('a lock file of Yarn 3 is read by Yarn 3', readsLock, 'berry_of_lock', {'yarn.lock': '__metadata:\n  version: 6\n  cacheKey: 8\n'}, '3.x');
test('a lock file of Yarn 4 is read by Yarn 4', readsLock, 'berry_of_lock', {'yarn.lock': '__metadata:\n  version: 8\n  cacheKey: 10c0\n'}, '4.x');
test('a lock file of pnpm 8 is read by pnpm 8', readsLock, 'pnpm_of_lock', {'pnpm-lock.yaml': "lockfileVersion: '6.0'\n"}, '8.x');
test('a lock file of pnpm 7 is read by pnpm 7', readsLock, 'pnpm_of_lock', {'pnpm-lock.yaml': 'lockfileVersion: 5.4\n'}, '7.x');
test('a lock file of a pnpm to come is read by the newest', readsLock, 'pnpm_of_lock', {'pnpm-lock.yaml': "lockfileVersion: '12.0'\n"}, '*');

const development = ava.macro(async (t, {manager, scripts = {}, variables = '', expected}: {manager: string; scripts?: object; variables?: string; expected: string}) => {
  const {output} = await run(`MANAGER=${manager} ${variables}\ndecide_dev_packages; echo "$DEV"`, {'package.json': JSON.stringify({scripts})});
  t.is(output, expected);
});

test('packages for development are left out where no script may use them', development, {manager: 'npm', expected: 'none'});
test('packages for development are there for the build only', development, {manager: 'pnpm', scripts: {build: 'tsc'}, expected: 'pruned'});
test('NPM_CONFIG_PRODUCTION=false keeps packages for development', development, {manager: 'npm', variables: 'NPM_CONFIG_PRODUCTION=false', expected: 'kept'});
test('YARN_PRODUCTION=true leaves packages for development out even of the build', development, {manager: 'yarn', scripts: {build: 'tsc'}, variables: 'YARN_PRODUCTION=true', expected: 'none'});
test('YARN2_SKIP_PRUNING keeps packages for development', development, {manager: 'berry', variables: 'YARN2_SKIP_PRUNING=true', expected: 'kept'});
test('an environment other than production keeps packages for development', development, {manager: 'yarn', variables: 'NODE_ENV=staging', expected: 'kept'});

test('variables of the app that are called as the buildpack’s own reach its scripts, and nothing else', async (t) => {
  const {output} = await run('mkdir env; mv [A-Z]* env; ENV_DIR=$PWD/env CACHE_DIR=/tmp/cache DEV=none; export_env; echo "$CACHE_DIR $DEV $GREETING"; with_variables bash -c \'echo "$CACHE_DIR $DEV $GREETING"\'; echo "$CACHE_DIR $DEV"', {CACHE_DIR: '/var/cache/app', DEV: 'a b', GREETING: 'hello', PATH: '/nowhere'});
  t.is(output, '/tmp/cache none hello\n/var/cache/app a b hello\n/tmp/cache none');
});
