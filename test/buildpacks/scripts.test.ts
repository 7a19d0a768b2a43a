import {access, constants, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {hostCertificates, proxyArguments} from '../../buildpacks/stack/host.ts';
import {stackImages} from '../../buildpacks/stack/images.ts';
import {BUILT_IN_BUILDPACKS} from '../../schemas/buildpacks.ts';

const BUILDPACKS = path.join(import.meta.dirname, '..', '..', 'buildpacks');

async function withFiles<Value>(files: Readonly<Record<string, string>>, use: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-buildpack-test-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
    return await use(folder);
  } finally {
    await rm(folder, {recursive: true});
  }
}

const detects = test.macro({
  async exec(t, {buildpack, files, name}: {buildpack: string; files: readonly string[]; name: string | undefined}) {
    const {stdout, exitCode} = await withFiles(Object.fromEntries(files.map(file => [file, ''])), folder => execa(path.join(BUILDPACKS, buildpack, 'bin', 'detect'), [folder], {reject: false}));
    t.deepEqual([exitCode, stdout], name === undefined ? [1, ''] : [0, name]);
  },
  title: (claim = '') => claim,
});

test('an app with a package.json is Node.js', detects, {buildpack: 'nodejs', files: ['package.json'], name: 'Node.js'});
test('an app without a package.json is not Node.js', detects, {buildpack: 'nodejs', files: ['index.html'], name: undefined});
test('an app with an index.html is a static site', detects, {buildpack: 'static', files: ['index.html'], name: 'Static site'});
test('an app with neither an index.html nor public/ is no static site', detects, {buildpack: 'static', files: ['main.go'], name: undefined});

test('each of ours is a buildpack', async t => {
  for (const buildpack of BUILT_IN_BUILDPACKS) {
    for (const script of ['detect', 'compile', 'release']) await t.notThrowsAsync(access(path.join(BUILDPACKS, buildpack, 'bin', script), constants.X_OK), `${buildpack}/bin/${script}`);
  }
});

test('buildpacks whose runtime is a Debian package have the same common functions', async t => {
  const read = async (buildpack: string) => readFile(path.join(BUILDPACKS, buildpack, 'lib', 'common.sh'), 'utf8');
  for (const buildpack of ['ruby', 'php', 'go', 'rust', 'java']) t.is(await read(buildpack), await read('python'));
});

/** Runs the run image's entry point with another home than /app. */
async function launch(words: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const script = await readFile(path.join(BUILDPACKS, 'stack', 'launch'), 'utf8');
  return withFiles(files, folder => execa('bash', ['-c', script.replaceAll('/app', folder), 'launch', ...words], {reject: false, stdin: 'ignore'}));
}

test('one word is a command line, several are the words of a command', async t => {
  t.is((await launch(['echo "a  b" | tr a c'])).stdout, 'c  b');
  t.is((await launch(['echo', 'a  b', '|'])).stdout, 'a  b |');
});

test('the launcher ends with the exit code of what it launched', async t => {
  t.is((await launch(['exit 3'])).exitCode, 3);
  t.is((await launch(['no-such-command'])).exitCode, 127);
});

test('a launcher that is told to stop before its program runs passes that on', async t => {
  // Right after the last handler is set, and before there is a program.
  const profile = 'trap() { builtin trap "$@"; if [ "$2" = USR2 ]; then kill -TERM $$; fi; }\n';
  t.is((await launch(['sleep 20'], {'.profile': profile})).exitCode, 143);
});

test('.profile of the app is read before its command', async t => {
  t.is((await launch(['echo $GREETING'], {'.profile': 'export GREETING=hello'})).stdout, 'hello');
});

test('a tag of a stack image is the same as long as its definition is', async t => {
  const images = await stackImages();
  t.deepEqual(images, await stackImages());
  for (const [name, tag] of Object.entries(images)) t.regex(tag, new RegExp(`^flynn/${name}:[0-9a-f]{12}$`));
});

test('certificates that were asked for and are not there are an error that names them', async t => {
  await t.throwsAsync(hostCertificates({NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem'}), {message: /can't read the certificates in "\/nowhere\/ca\.pem"/});
});

test('proxies are passed on in both spellings, the package manager’s one where there is no other', t => {
  t.deepEqual(proxyArguments({HTTPS_PROXY: 'http://p:1'}, 'http://apt:2'), {https_proxy: 'http://p:1', HTTPS_PROXY: 'http://p:1', http_proxy: 'http://apt:2', HTTP_PROXY: 'http://apt:2'});
  t.deepEqual(proxyArguments({}), {});
});
