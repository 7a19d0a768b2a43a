import {randomBytes} from 'node:crypto';
import test from 'ava';
import {packageImagesOf} from '../../reconciler/build/packages.ts';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';
import {bridgeAddress, buildpackHost, type BuildpackHost} from '../support/buildpack-host.ts';

let trial: BuildTrial;
let host: BuildpackHost;

test.before(async (t) => {
  t.timeout(600_000);
  trial = await buildTrial();
  host = await buildpackHost(await bridgeAddress(trial.docker));
});

test.after.always(async () => {
  await host?.[Symbol.asyncDispose]();
  await trial?.clean();
});

const BASH = '#!/usr/bin/env bash\n';
/** Answers with the environment that it was started with. Perl is in every image. */
const SERVER = `use IO::Socket; my $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1);
while (my $c = $s->accept) { while (<$c>) { last if /^\\r?$/ } print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", join("\\n", map {"$_=$ENV{$_}"} sort keys %ENV); close $c }`;

test.serial('several buildpacks of the app itself work one after the other, each in its own root and with what those before it exported', async (t) => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'no-buildpack', changes: {
    '.buildpacks': './packs/first\n./packs/second\n',
    'server.pl': SERVER,
    'packs/first/bin/detect': `${BASH}[ -f "$1/notes.txt" ] && echo First`,
    'packs/first/bin/compile': `${BASH}set -e
echo "in $(basename "$PWD") with $STACK, $(cat hello.txt), $(id -u)"
echo "export GREETING='from the first'" >export
mkdir -p "$1/.profile.d" && echo 'export ONE=1' >"$1/.profile.d/one.sh"
touch "$1/made-by-first"`,
    'packs/first/hello.txt': 'own file',
    // Sees only what the first one made. There is no bin/release in the first.
    'packs/second/bin/detect': `${BASH}[ -f "$1/made-by-first" ] && echo Second`,
    'packs/second/bin/compile': `${BASH}echo "greeting $GREETING"; mkdir -p "$1/.profile.d"; echo 'export TWO=2' >"$1/.profile.d/two.sh"`,
    'packs/second/bin/release': `${BASH}printf 'config_vars:\\n  LEGACY: "it%ss"\\n  ONE: no\\ndefault_process_types:\\n  web: perl server.pl\\n' "'"`,
    'packs/second/bin/report': `${BASH}echo 'second: 1.2.3 (its own)'`,
  }});
  t.is(built.builder, 'First, Second');
  t.deepEqual(built.commands, {web: ['perl server.pl']});
  t.deepEqual(built.buildpacks, [{name: './packs/first'}, {name: './packs/second', report: {second: '1.2.3 (its own)'}}]);
  t.true(built.lines.includes('in 00 with heroku-24, own file, 1000'), built.lines.join('\n'));
  t.true(built.lines.includes('greeting from the first'), built.lines.join('\n'));
  const {body} = await trial.serve(built);
  t.regex(body, /^LEGACY=it's$/m);
  t.regex(body, /^ONE=1$/m);
  t.regex(body, /^TWO=2$/m);
});

test.serial('a buildpack from git is fetched at its tag, branch or commit, and pinned to the commit', async (t) => {
  t.timeout(120_000);
  const commit = await host.commit('fetched', {'bin/detect': `${BASH}echo Fetched`, 'bin/compile': `${BASH}echo first version`, 'bin/release': BASH}, 'v1');
  const later = await host.commit('fetched', {'bin/compile': `${BASH}echo second version`});
  const last = await host.commit('fetched', {'bin/compile': `${BASH}echo third version`});
  for (const {name, said, is} of [
    {name: `${host.url}/fetched.git#v1`, said: 'first version', is: commit},
    {name: `${host.url}/fetched.git#${later.slice(0, 10)}`, said: 'second version', is: later},
    // A web server that knows nothing of git.
    {name: `${host.url}/plain/fetched.git`, said: 'third version', is: last},
  ]) {
    const built = await trial.buildWell({fixture: 'no-buildpack', env: {BUILDPACK_URL: name}});
    t.deepEqual(built.buildpacks, [{name, commit: is}]);
    t.true(built.lines.includes(said), built.lines.join('\n'));
  }
});

test.serial('a tarball is pinned to its checksum, and refused when it is not the one that was named', async (t) => {
  t.timeout(120_000);
  const sha256 = await host.archive('packed.tgz', {'bin/detect': `${BASH}echo Packed`, 'bin/compile': `${BASH}echo "packed in $PWD"`});
  const built = await trial.buildWell({fixture: 'no-buildpack', env: {BUILDPACK_URL: `${host.url}/packed.tgz`}});
  t.deepEqual(built.buildpacks, [{name: `${host.url}/packed.tgz`, sha256}]);
  t.true(built.lines.includes('packed in /tmp/buildpacks/00'), built.lines.join('\n'));
  const other = `${host.url}/packed.tgz#sha256=${'0'.repeat(64)}`;
  const {reason, lines} = await trial.buildBadly({fixture: 'no-buildpack', env: {BUILDPACK_URL: other}});
  t.is(reason, `the buildpack "${other}" could not be fetched`);
  t.true(lines.includes(` !     its sha256 is ${sha256}`), lines.join('\n'));
});

test.serial('a buildpack that is too large, or that does not come, is told', async (t) => {
  t.timeout(120_000);
  // Nothing that packs well.
  const files = {'bin/detect': `${BASH}echo Large`, 'bin/compile': BASH, 'fonts': randomBytes(2_000_000).toString('hex')};
  await host.archive('large.tgz', files);
  await host.commit('large', files);
  for (const {pack, secondsMax, reason} of [
    {pack: 'large.tgz', secondsMax: 60, reason: 'has more than 1.0M'},
    {pack: 'large.git', secondsMax: 60, reason: 'has more than 1.0M'},
    {pack: 'silent/a.tgz', secondsMax: 3, reason: 'could not be fetched within 3 s'},
    {pack: 'silent/a.git', secondsMax: 3, reason: 'could not be fetched within 3 s'},
  ]) {
    const url = `${host.url}/${pack}`;
    const {reason: told, lines} = await trial.buildBadly({fixture: 'no-buildpack', env: {BUILDPACK_URL: url}, fetchLimits: {bytesMax: 1_000_000, secondsMax}});
    t.is(told, `the buildpack "${url}" ${reason}`, lines.join('\n'));
  }
});

test.serial('what a buildpack takes all rights from is moved and packed all the same, and the digest is the same with Debian packages made anew', async (t) => {
  t.timeout(240_000);
  const build = () => trial.buildWell({fixture: 'no-buildpack', app: 'locked', limits: {cacheBytes: 20_000_000}, changes: {
    '.buildpacks': './packs/locked\n./packs/second\n',
    'packs/locked/bin/detect': `${BASH}echo Locked`,
    'packs/locked/bin/compile': `${BASH}mkdir -p "$1/locked/in" "$2/hidden" /app/locked
echo seen >"$1/locked/in/file"
head -c 30000000 /dev/zero >"$2/hidden/big"
chmod 000 "$1/locked/in/file" "$1/locked" "$2/hidden" /app/locked "$1"`,
    'packs/second/bin/detect': `${BASH}echo Second`,
    // It makes a user.
    'packs/second/bin/packages': `${BASH}echo both uuid-runtime`,
    'packs/second/bin/compile': `${BASH}cat "$1/locked/in/file"; uuidgen --version`,
    'packs/second/bin/release': `${BASH}printf 'default_process_types:\\n  web: cat locked/in/file; id uuidd; sleep 1\\n'`,
  }});
  const first = await build();
  t.true(first.lines.includes(' !     Not even their owner could read ., ./locked, ./locked/in/file and 1 more: now it can.'), first.lines.join('\n'));
  t.true(first.lines.includes('seen'), first.lines.join('\n'));
  // The second build would have been the one to do it.
  t.is(first.lines.filter((line) => line.startsWith('-----> Emptying the build cache: 30.0M of the ')).length, 1, first.lines.join('\n'));
  const packageImages = async () => (await packageImagesOf(trial.docker, trial.instance, AbortSignal.timeout(20_000))).map(({image}) => image).toSorted();
  const packages = await packageImages();
  t.is(packages.length, 2, 'one to build in and one to run on');
  for (const image of [first.image, ...packages]) await trial.docker.getImage(image).remove({force: true});
  const again = await build();
  t.deepEqual(await packageImages(), packages);
  t.is(again.image, first.image);
});

for (const {title, pack, reason, line} of [
  {title: 'a ref that is not there', pack: (url: string) => `${url}/fetched.git#nowhere`, reason: /could not be fetched$/, line: /there is no branch, tag or commit "nowhere"|couldn't find remote ref nowhere/},
  {title: 'a repository that is not there', pack: (url: string) => `${url}/absent.git`, reason: /could not be fetched$/, line: /not found|gave no answer|500|404/},
  {title: 'an archive that is not there', pack: (url: string) => `${url}/absent.tgz`, reason: /could not be fetched$/, line: /404/},
  {title: 'a folder that is not there', pack: () => './absent', reason: /^the buildpack "\.\/absent" could not be fetched$/, line: /there is no folder absent/},
  {title: 'a folder that is no buildpack', pack: () => './plain', reason: /^"\.\/plain" is no buildpack/, line: undefined},
  {title: 'a buildpack that does not see its kind of app', pack: () => './picky', reason: /^the app does not look like one for the buildpack "\.\/picky"$/, line: /^ {7}no tea here/},
  {title: 'a compile that fails', pack: () => './broken', reason: /^failed to compile Broken app$/, line: /^about to break/},
  {title: 'a release that prints what is no YAML', pack: () => './chatty', reason: /^bin\/release of the buildpack "\.\/chatty" printed what is no YAML$/, line: undefined},
  {title: 'a package that Debian does not have', pack: () => './greedy', reason: /^Debian packages could not be installed: no-such-package$/, line: /Unable to locate package no-such-package/},
]) {
  test.serial(`${title} is told, and nothing is built`, async (t) => {
    t.timeout(120_000);
    const detects = (name: string) => `${BASH}echo ${name}`;
    const {reason: told, lines} = await trial.buildBadly({fixture: 'no-buildpack', env: {BUILDPACK_URL: pack(host.url)}, changes: {
      'plain/README': 'nothing',
      'picky/bin/detect': `${BASH}echo "no tea here" >&2; exit 1`, 'picky/bin/compile': BASH,
      'broken/bin/detect': detects('Broken'), 'broken/bin/compile': `${BASH}echo about to break; exit 3`,
      'chatty/bin/detect': detects('Chatty'), 'chatty/bin/compile': BASH, 'chatty/bin/release': `${BASH}echo 'a: [b'`,
      'greedy/bin/detect': detects('Greedy'), 'greedy/bin/compile': BASH, 'greedy/bin/packages': `${BASH}echo build no-such-package`,
    }});
    t.regex(told, reason, lines.join('\n'));
    if (line !== undefined) t.true(lines.some((one) => line.test(one)), lines.join('\n'));
    t.deepEqual(await trial.buildContainers('no-buildpack'), []);
  });
}

test.serial('submodules that a build can reach are fetched at their commits, others stay empty', async (t) => {
  t.timeout(120_000);
  const commit = await host.commit('library', {'answer.txt': 'forty-two'});
  await host.commit('library', {'answer.txt': 'something else'});
  const section = (name: string, url: string) => `[submodule "${name}"]\n\tpath = ${name}\n\turl = ${url}\n`;
  const built = await trial.buildWell({fixture: 'no-buildpack', env: {BUILDPACK_URL: './pack'}, submodules: {'lib/answers': commit, 'far': commit}, changes: {
    '.gitmodules': section('lib/answers', `${host.url}/library.git`) + section('far', 'git@example.com:x.git'),
    'pack/bin/detect': `${BASH}echo Answers`,
    'pack/bin/compile': `${BASH}cat "$1/lib/answers/answer.txt"; echo; ls -A "$1/lib/answers" "$1/far"`,
  }});
  t.true(built.lines.includes('forty-two'), built.lines.join('\n'));
  t.true(built.lines.some((line) => line.includes("The submodule far stays empty: a build can't reach git@example.com:x.git")), built.lines.join('\n'));
});

test.serial('a build sees its own files, cache and variables, and nothing of the machine', async (t) => {
  t.timeout(120_000);
  const spy = (script: string) => ({
    '.buildpacks': './spy\n', '.slugignore': 'secret.txt\n/spy/notes\n', 'secret.txt': 'x', 'spy/notes': 'x',
    'spy/bin/detect': `${BASH}echo Spy`,
    'spy/bin/compile': `${BASH}${script}`,
  });
  const first = await trial.buildWell({fixture: 'no-buildpack', app: 'one', env: {CANARY: 'tweet', 'ODD-NAME': 'x'}, changes: spy(`
echo "canary file: $(cat "$3/CANARY"), variable: \${CANARY-none}, files: $(ls "$3" | tr '\\n' ' ')"
echo "kept" >"$2/kept"
echo "ignored: $(ls "$1/secret.txt" "$1/spy/notes" 2>/dev/null | wc -l)"
echo "docker: $(ls /var/run/docker.sock /run/docker.sock 2>/dev/null | wc -l)"
echo "mounts: $(grep -c ' /var/lib/flynn\\| /root\\| /home' /proc/self/mountinfo)"
echo "capabilities: $(grep CapEff /proc/self/status | tr -d '\\t')"
echo "version: $SOURCE_VERSION, home: $HOME"
touch /root-owned 2>/dev/null || echo "cannot write to /"`)});
  const said = (line: string) => t.true(first.lines.includes(line), `${line}\nis not in\n${first.lines.join('\n')}`);
  said('canary file: tweet, variable: none, files: CANARY ');
  said('ignored: 0');
  said('docker: 0');
  said('mounts: 0');
  said('capabilities: CapEff:0000000000000000');
  said('cannot write to /');
  t.true(first.lines.some((line) => /^version: [0-9a-f]{40}, home: \/app$/.test(line)));
  const other = await trial.buildWell({fixture: 'no-buildpack', app: 'two', changes: spy('echo "in the cache: $(ls "$2" | wc -l), env: $(ls "$3" | wc -l)"')});
  t.true(other.lines.includes('in the cache: 0, env: 0'), other.lines.join('\n'));
});

const GREETING = {
  Procfile: 'web: export SAID="$(hello)"; perl server.pl\n',
  'server.pl': SERVER,
  '.buildpacks': './pack\n',
  'pack/bin/detect': `${BASH}echo Greeting`,
  'pack/bin/packages': `${BASH}echo both hello`,
  'pack/bin/compile': `${BASH}hello; echo x >"$1/made-where-it-was-moved"`,
};

test.serial('a buildpack gets Debian packages where it builds and where the app runs, made once by two builds that want them at the same time', async (t) => {
  t.timeout(240_000);
  const [built, other] = await Promise.all([trial.buildWell({fixture: 'no-buildpack', app: 'one', changes: GREETING}), trial.buildWell({fixture: 'no-buildpack', app: 'two', changes: GREETING})]);
  t.true(built.lines.includes('Hello, world!'), built.lines.join('\n'));
  t.regex(built.lines.join('\n'), /^ {7}hello \d/m);
  t.regex((await trial.serve(built)).body, /^SAID=Hello, world!$/m);
  const made = [...built.lines, ...other.lines].filter((line) => line === '       Another build installs them already');
  t.true(made.length > 0, [...built.lines, ...other.lines].join('\n'));
  const again = await trial.buildWell({fixture: 'no-buildpack', app: 'one', changes: GREETING});
  t.is(again.image, built.image);
  t.false(again.lines.some((line) => line.includes('Installing Debian packages')));
});

test.serial('images with Debian packages can go: apps that run on one serve on, whatever kind of image store it is', async (t) => {
  t.timeout(240_000);
  const signal = AbortSignal.timeout(200_000);
  const engine = new DockerEngine(trial.docker);
  const layered = await trial.buildWell({fixture: 'no-buildpack', app: 'one', changes: GREETING});
  const added = await trial.buildWell({fixture: 'no-buildpack', app: 'two', changes: GREETING, assembly: 'dockerfile'});
  // Other tests have some with other packages.
  const imagesOf = async () => (await packageImagesOf(trial.docker, trial.instance, signal)).filter(({packages}) => packages === 'hello');
  const images = await imagesOf();
  t.is(images.length, 2, 'one to build in, one to run on');
  t.true(images.every(({usedAtMs}) => Date.now() - usedAtMs < 120_000));
  for (const {image} of images) await engine.removeImage(image, signal);
  // What an app's image stands on stays as long as that does, without a name: it is not found again, so that nothing tries for ever.
  t.deepEqual(await imagesOf(), []);
  for (const built of [layered, added]) t.regex((await trial.serve(built)).body, /^SAID=Hello, world!$/m);
});
