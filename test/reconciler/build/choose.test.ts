import test from 'ava';
import {chooseBuilder, type Choice, type Chosen} from '../../../reconciler/build/choose.ts';

interface Case extends Partial<Choice> {
  readonly files?: Readonly<Record<string, string>>;
}

function choose({files = {}, env = {}, buildpacks}: Case): Promise<Chosen> {
  const source = {root: new Set(Object.keys(files)), text: async (name: string) => files[name]};
  return chooseBuilder(source, {env, ...(buildpacks !== undefined && {buildpacks})});
}

/** `.buildpacks: nodejs, static`, `Dockerfile`, `detection`. */
function inWords(chosen: Chosen): string {
  return chosen.kind === 'configured' ? `${chosen.by}: ${chosen.buildpacks.map(({name}) => name).join(', ')}` : {dockerfile: 'Dockerfile', detect: 'detection'}[chosen.kind];
}

const chooses = test.macro({
  async exec(t, {chosen, ...given}: Case & {chosen: string}) {
    t.is(inWords(await choose(given)), chosen);
  },
  title: (claim = '') => claim,
});

const ALL = {Dockerfile: '', '.buildpacks': '# ours\n\nheroku/nodejs\nstatic\n', 'app.json': '{"buildpacks": [{"url": "heroku/ruby"}]}'};

test('without a word from the app ours are asked', chooses, {files: {'package.json': ''}, chosen: 'detection'});
test('a Dockerfile goes before detection', chooses, {files: {'package.json': '', Dockerfile: ''}, chosen: 'Dockerfile'});
test('project.toml goes before a Dockerfile', chooses, {files: {Dockerfile: '', 'project.toml': '[[io.buildpacks.group]]\nuri = "tools/one"\n'}, chosen: 'project.toml: ./tools/one'});
test('a project.toml that names no buildpacks says nothing', chooses, {files: {'project.toml': '[io.buildpacks]\nexclude = ["docs"]\n'}, chosen: 'detection'});
test('app.json goes before project.toml', chooses, {files: {'project.toml': '[[io.buildpacks.group]]\nuri = "tools/one"\n', 'app.json': ALL['app.json']}, chosen: 'app.json: ruby'});
test('app.json goes before a Dockerfile', chooses, {files: {Dockerfile: '', 'app.json': ALL['app.json']}, chosen: 'app.json: ruby'});
test('.buildpacks goes before app.json', chooses, {files: ALL, chosen: '.buildpacks: nodejs, static'});
test('BUILDPACK_URL goes before .buildpacks', chooses, {files: ALL, env: {BUILDPACK_URL: 'static'}, chosen: 'BUILDPACK_URL: static'});
test('app.yaml goes before all', chooses, {files: ALL, env: {BUILDPACK_URL: 'static'}, buildpacks: ['./tools', 'python'], chosen: 'app.yaml: ./tools, python'});
test('an app.json without buildpacks says nothing', chooses, {files: {'app.json': '{"name": "shop"}'}, chosen: 'detection'});

const refuses = test.macro({
  async exec(t, {message, ...given}: Case & {message: string}) {
    await t.throwsAsync(choose(given), {name: 'BuildRefused', message});
  },
  title: (claim = '') => `refused: ${claim}`,
});

test('a buildpack that is not known, with those that are', refuses, {
  env: {BUILDPACK_URL: 'cobol'},
  message: 'buildpack "cobol" in BUILDPACK_URL is not known; ours are ruby, nodejs, java, python, php, go, rust, static, procfile, others are named by URL or ./folder',
});
test('an app.json that is not JSON', refuses, {files: {'app.json': '{,'}, message: 'app.json is not valid JSON: Expected property name or \'}\' in JSON at position 1 (line 1 column 2)'});
test('a buildpack in app.json without a URL', refuses, {files: {'app.json': '{"buildpacks": [{}]}'}, message: 'app.json has a buildpack without a "url"'});
test('a password, which is not repeated', refuses, {
  files: {'.buildpacks': 'https://ann:hunter2@git.example.com/x.git'},
  message: 'buildpack "https://git.example.com/x.git" in .buildpacks has a password in its URL, which everybody could read: bring the buildpack into the app\'s repository and name it ./folder',
});
test('more than can be meant', refuses, {files: {'.buildpacks': 'static\n'.repeat(21)}, message: '.buildpacks names 21 buildpacks, at most 20 can be used'});
