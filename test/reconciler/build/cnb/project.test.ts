import test from 'ava';
import {readProject} from '../../../../reconciler/build/cnb/project.ts';

const reads = test.macro({
  exec(t, {text, ...expected}: {text: string} & Partial<ReturnType<typeof readProject>>) {
    t.deepEqual(readProject(text), {buildpacks: [], include: [], exclude: [], env: {}, warnings: [], ...expected});
  },
  title: (claim = '') => claim,
});

test('project.toml names buildpacks by URL and by path, with some before and after, and Heroku’s are ours', reads, {
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
id = "heroku/nodejs"
version = "3.2.1"
[[io.buildpacks.build.env]]
name = "X"
value = "1"
`,
  buildpacks: ['./bp/before', './bp/one', 'https://git.example.com/two.git#v1', 'nodejs'],
  exclude: ['docs/'],
  env: {X: '1'},
});

test('the tables of version 0.1 are read too', reads, {
  text: '[project]\nid = "x"\n[build]\ninclude = ["app.sh"]\nbuilder = "some/builder"\n[[build.buildpacks]]\nuri = "my-buildpack/"\n[[build.env]]\nname = "A"\nvalue = "b"\n',
  buildpacks: ['./my-buildpack/'],
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

test('a buildpack by its id alone is refused: there is no builder to take it from', refuses, '[[io.buildpacks.group]]\nid = "paketo/nodejs"\nversion = "1.0.0"\n', /^project\.toml: buildpack 1: "paketo\/nodejs@1\.0\.0" names a buildpack in a builder/);
test('a buildpack in an image is refused', refuses, '[[io.buildpacks.group]]\nuri = "docker://some/image"\n', /"docker:\/\/some\/image" names a buildpack in a builder, an image/);
test('include beside exclude is refused', refuses, '[io.buildpacks]\ninclude = ["a"]\nexclude = ["b"]\n', /both "include" and "exclude"/);
test('a script in the file is refused', refuses, '[[io.buildpacks.group]]\nid = "x"\n[io.buildpacks.group.script]\napi = "0.11"\ninline = "true"\n', /buildpack 1 is a script in the file itself/);
test('something before the buildpacks of a builder is refused', refuses, '[[io.buildpacks.pre.group]]\nuri = "./x"\n', /no builders here; expected \[\[io\.buildpacks\.group\]\]/);
