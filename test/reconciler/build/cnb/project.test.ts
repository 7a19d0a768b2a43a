import test from 'ava';
import {readProject} from '../../../../reconciler/build/cnb/project.ts';

const reads = test.macro({
  exec(t, {text, ...expected}: {text: string} & Partial<ReturnType<typeof readProject>>) {
    t.deepEqual(readProject(text), {buildpacks: [], include: [], exclude: [], env: {}, warnings: [], ...expected});
  },
  title: (claim = '') => claim,
});

test('project.toml names buildpacks by URL and by path, with some before and after', reads, {
  text: `[_]
schema-version = "0.2"
[io.buildpacks]
exclude = ["docs/"]
[[io.buildpacks.group]]
uri = "bp/one"
[[io.buildpacks.group]]
uri = "https://git.example.com/two.git#v1"
[[io.buildpacks.pre.group]]
uri = "./bp/before"
[[io.buildpacks.post.group]]
id = "me/after"
[io.buildpacks.post.group.script]
api = "0.11"
inline = "touch done"
[[io.buildpacks.build.env]]
name = "X"
value = "1"
`,
  buildpacks: [
    {kind: 'reference', reference: './bp/before'},
    {kind: 'reference', reference: './bp/one'},
    {kind: 'reference', reference: 'https://git.example.com/two.git#v1'},
    {kind: 'script', id: 'me/after', api: '0.11', shell: '/bin/sh', script: 'touch done'},
  ],
  exclude: ['docs/'],
  env: {X: '1'},
});

test('the tables of version 0.1 are read too', reads, {
  text: '[project]\nid = "x"\n[build]\ninclude = ["app.sh"]\nbuilder = "some/builder"\n[[build.buildpacks]]\nuri = "my-buildpack/"\n[[build.env]]\nname = "A"\nvalue = "b"\n',
  buildpacks: [{kind: 'reference', reference: './my-buildpack/'}],
  include: ['app.sh'],
  env: {A: 'b'},
  warnings: ['project.toml: builder "some/builder" counts nothing, apps are built on the Flynn stack'],
});

test('other tables are nobody’s business here', reads, {text: '[com.example]\nx = 1\n'});

const refuses = test.macro({
  exec(t, text: string, message: RegExp) {
    t.throws(() => readProject(text), {message});
  },
  title: (claim = '') => claim,
});

test('a buildpack by its id alone is refused: there is no builder to take it from', refuses, '[[io.buildpacks.group]]\nid = "heroku/nodejs"\nversion = "1.0.0"\n', /^project\.toml: buildpack 1: "heroku\/nodejs@1\.0\.0" names a buildpack in a builder/);
test('a buildpack in an image is refused', refuses, '[[io.buildpacks.group]]\nuri = "docker://some/image"\n', /"docker:\/\/some\/image" names a buildpack in a builder, an image/);
test('include beside exclude is refused', refuses, '[io.buildpacks]\ninclude = ["a"]\nexclude = ["b"]\n', /both "include" and "exclude"/);
test('something before the buildpacks of a builder is refused', refuses, '[[io.buildpacks.pre.group]]\nuri = "./x"\n', /no builders here; expected \[\[io\.buildpacks\.group\]\]/);
