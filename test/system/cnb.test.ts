import test from 'ava';
import {bridgeAddress, buildpackHost} from '../support/buildpack-host.ts';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';

let trial: BuildTrial;

test.before(async t => {
  t.timeout(600_000);
  trial = await buildTrial();
});

test.after.always(() => trial?.clean());

const FIXTURE = {fixture: 'cloud-native', env: {BP_MOOD: 'sunny'}};

test.serial('Cloud Native Buildpacks detect, plan and build in order, and what they left serves with the environment of its layers', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell(FIXTURE);
  t.deepEqual(built.commands, {web: ['env', '--chdir=notes', 'perl', '../server.pl', '/layers/test_site/pages/page'], 'sys-info': ['greet']});
  t.is(built.builder, 'Greeting, Tools, Site');
  t.deepEqual(built.buildpacks, [
    {name: './buildpacks/greeting', report: {'test/greeting': '1.0.0'}},
    {name: './buildpacks/tools', report: {'test/tools': '1.0.0'}},
    {name: './buildpacks/site', report: {'test/site': '2.1.0'}},
  ]);
  t.true(built.lines.includes('plan of greeting: [[entries]] name = "greeting"  [entries.metadata] words = [ "good", "morning" ] '), built.lines.join('\n'));
  t.true(built.lines.includes('BP_MOOD is sunny, its file says sunny'));
  t.true(built.lines.includes('tools see BP_MOOD as not set'));
  t.true(built.lines.includes(' !     process type "sys_info" is service "sys-info"'));
  const env = (await trial.serve(built, '/env')).body.split('\n');
  for (const line of ['GREETING=good morning', "FOR_WEB=it's for $web only", 'NOON=greet at noon']) t.true(env.includes(line), line);
  t.true(env.some(line => line.startsWith('PATH=/layers/test_greeting/words/bin:')));
  t.deepEqual(env.filter(line => /^(PAGE_TITLE|BP_MOOD|CNB_)/.test(line)), []);
  const {Config} = await trial.docker.getImage(built.image).inspect();
  t.regex(Config.Labels['com.example.site'] ?? '', /^[0-9a-f]{16}$/);
  t.not(Config.Labels['flynn.app'], 'somebody-else');
});

test.serial('the next build finds its cached layers, its notes and its store, and gives the same image', async t => {
  t.timeout(120_000);
  const cold = await trial.buildWell({...FIXTURE, app: 'again'});
  t.true(cold.lines.includes('making tools') && cold.lines.includes('making the page'));
  const warm = await trial.buildWell({...FIXTURE, app: 'again'});
  t.true(warm.lines.includes('-----> Restoring layers of the last build: test/greeting:words, test/tools:maker, test/site:pages'), warm.lines.join('\n'));
  t.true(warm.lines.some(line => line.startsWith('tools of the last build, used [metadata]')));
  t.true(warm.lines.includes('page of the last build'));
  t.is(warm.image, cold.image);
  const before = await trial.layersOf(warm.image);
  const changed = await trial.buildWell({...FIXTURE, app: 'again', changes: {'page.txt': 'another page\n'}});
  const after = await trial.layersOf(changed.image);
  t.is(after.filter(layer => !before.includes(layer)).length, 2, 'the page and the app are new, the greeting and what starts the app are not');
  t.is((await trial.serve(changed)).body, 'made: another page\n');
});

test.serial('orders are resolved, in the app and in a repository of several buildpacks, with what project.toml leaves out and sets', async t => {
  t.timeout(120_000);
  await using host = await buildpackHost(await bridgeAddress(trial.docker));
  const commit = await host.commit('several', {
    'buildpack.toml': 'api = "0.12"\n[buildpack]\nid = "test/several"\nversion = "1.0.0"\n[[order]]\n[[order.group]]\nid = "test/inner"\nversion = "0.1.0"\n',
    'parts/inner/buildpack.toml': 'api = "0.12"\n[buildpack]\nid = "test/inner"\nversion = "0.1.0"\nname = "Inner"\n',
    'parts/inner/bin/detect': '#!/bin/sh\nexit 0\n',
    'parts/inner/bin/build': '#!/bin/sh\nmkdir -p "$CNB_LAYERS_DIR/l/env" && printf %s "$CNB_EXEC_ENV" >"$CNB_LAYERS_DIR/l/env/INNER"\nprintf "[types]\\nlaunch = true\\n" >"$CNB_LAYERS_DIR/l.toml"\n',
  }, 'v1');
  const uris = ['buildpacks/greeting', './buildpacks/all', `${host.url}/several.git#v1`];
  const changes = {
    '.buildpacks': '',
    'project.toml': `[_]
schema-version = "0.2"
[io.buildpacks]
exclude = ["notes/why.txt", "/buildpacks/"]
${uris.map(uri => `[[io.buildpacks.group]]\nuri = "${uri}"\n`).join('')}
[[io.buildpacks.build.env]]
name = "BP_MOOD"
value = "rainy"
`,
    'notes/kept.txt': '',
  };
  const built = await trial.buildWell({fixture: 'cloud-native', app: 'project', changes});
  t.is(built.builder, 'Greeting, Tools, Site, Inner');
  t.deepEqual(built.buildpacks?.slice(1), [{name: './buildpacks/all'}, {name: uris[2], commit, report: {'test/inner': '0.1.0'}}]);
  t.true(built.lines.includes('BP_MOOD is rainy, its file says rainy'));
  t.true(built.lines.some(line => /^-----> Leaving out \d+ files, as project\.toml says$/.test(line)));
  t.true((await trial.serve(built, '/env')).body.includes('\nINNER=production\n'));
});

test.serial('what a buildpack takes all rights from is kept and packed all the same, twice', async t => {
  t.timeout(120_000);
  const changes = {
    '.buildpacks': './locked\n',
    'locked/buildpack.toml': 'api = "0.10"\n[buildpack]\nid = "test/locked"\nversion = "1"\n[[stacks]]\nid = "*"\n',
    'locked/bin/detect': '#!/bin/sh\n',
    'locked/bin/build': `#!/bin/bash
layer=$CNB_LAYERS_DIR/one
[ ! -d "$layer" ] || chmod -R u+rwX "$layer"
mkdir -p "$layer/in" closed && echo text >"$layer/in/file"
printf '[types]\\nlaunch = true\\ncache = true\\n' >"$layer.toml"
chmod 000 "$layer/in/file" "$layer/in" "$layer" closed "$CNB_LAYERS_DIR"
`,
  };
  const first = await trial.buildWell({fixture: 'no-buildpack', app: 'locked', changes});
  t.true(first.lines.includes(' !     Not even their owner could read /layers/test_locked, /layers/test_locked/one, /layers/test_locked/one/in and 2 more: now it can.'), first.lines.join('\n'));
  const again = await trial.buildWell({fixture: 'no-buildpack', app: 'locked', changes});
  t.true(again.lines.includes('-----> Restoring layers of the last build: test/locked:one'), again.lines.join('\n'));
  t.is(again.image, first.image);
});

const refuses = test.macro({
  async exec(t, changes: Readonly<Record<string, string>>, reason: string | RegExp) {
    t.timeout(120_000);
    const bad = await trial.buildBadly({fixture: 'cloud-native', app: 'bad', changes});
    if (typeof reason === 'string') t.is(bad.reason, reason, bad.lines.join('\n'));
    else t.regex(bad.reason, reason, bad.lines.join('\n'));
  },
  title: (claim = '') => claim,
});

test.serial('an app that a buildpack does not want is refused', refuses, {'.buildpacks': './buildpacks/never\n'}, 'buildpack "test/never" is not for this app');
test.serial('a detect that fails is told apart from one that does not fit', refuses, {'buildpacks/never/bin/detect': '#!/bin/sh\necho no space\nexit 3\n', '.buildpacks': './buildpacks/never\n'}, 'bin/detect of "test/never" failed with 3 (100 would say that it is not for this app)');
test.serial('a plan that does not come out refuses the build', refuses, {'.buildpacks': './buildpacks/site\n'}, '"test/site" requires "page-maker", which neither it nor a buildpack before it provides');
test.serial('a build that fails is named', refuses, {'buildpacks/greeting/bin/build': '#!/bin/sh\nexit 5\n'}, 'bin/build of "test/greeting" failed with 5');
test.serial('an API that is not understood is refused', refuses, {'buildpacks/never/buildpack.toml': 'api = "0.9"\n[buildpack]\nid = "test/never"\n', '.buildpacks': './buildpacks/never\n'}, 'buildpack "test/never" is for Buildpack API 0.9, understood are 0.10 to 0.12');
test.serial('a buildpack for another distribution says so', refuses, {'buildpacks/never/buildpack.toml': 'api = "0.11"\n[buildpack]\nid = "test/never"\n[[targets]]\nos = "linux"\n[[targets.distros]]\nname = "ubuntu"\n', '.buildpacks': './buildpacks/never\n'}, /^buildpack "test\/never" is made for linux\/any ubuntu, this is linux\/\w+ debian 13$/);
test.serial('classic buildpacks beside them are refused', refuses, {'.buildpacks': './buildpacks/greeting\nstatic\n'}, '"./buildpacks/greeting" and "static" can\'t build one app together: Cloud Native Buildpacks (with a buildpack.toml) and classic ones do not mix');
