import test from 'ava';
import {chooseBuilder, type Chosen} from '../../../reconciler/build/choose.ts';

const ALL: Chosen = {kind: 'buildpack', candidates: ['nodejs', 'static'], isConfigured: false};

function source(files: Readonly<Record<string, string>>) {
  return {root: new Set(Object.keys(files)), text: async (name: string) => files[name]};
}

const chooses = test.macro({
  async exec(t, {files, env = {}, chosen}: {files: Readonly<Record<string, string>>; env?: Readonly<Record<string, string>>; chosen: Chosen}) {
    t.deepEqual(await chooseBuilder(source(files), env), chosen);
  },
  title: (claim = '') => claim,
});

test('without a word from the app all buildpacks are asked', chooses, {files: {'package.json': ''}, chosen: ALL});
test('a Dockerfile goes before detection', chooses, {files: {'package.json': '', Dockerfile: ''}, chosen: {kind: 'dockerfile'}});
test('a buildpack in .buildpacks goes before a Dockerfile', chooses, {
  files: {Dockerfile: '', '.buildpacks': '# ours\nheroku/nodejs\n'},
  chosen: {kind: 'buildpack', candidates: ['nodejs'], isConfigured: true},
});
test('BUILDPACK_URL goes before .buildpacks', chooses, {
  files: {'.buildpacks': 'nodejs'},
  env: {BUILDPACK_URL: 'static'},
  chosen: {kind: 'buildpack', candidates: ['static'], isConfigured: true},
});

test('a buildpack that is not known is refused with those that are', async t => {
  await t.throwsAsync(chooseBuilder(source({}), {BUILDPACK_URL: 'heroku/cobol'}), {message: 'buildpack "heroku/cobol" is not known, expected one of nodejs, static'});
});
