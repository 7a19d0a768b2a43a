import test from 'ava';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';
import {buildpackHost, type BuildpackHost} from '../support/buildpack-host.ts';

let trial: BuildTrial;
let host: BuildpackHost;

test.before(async (t) => {
  t.timeout(600_000);
  trial = await buildTrial();
  const {IPAM} = await trial.docker.getNetwork('bridge').inspect() as {IPAM: {Config: {Gateway?: string}[]}};
  host = await buildpackHost(IPAM.Config[0]?.Gateway ?? '172.17.0.1');
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

test.serial('a buildpack from git is fetched at its tag and pinned to the commit', async (t) => {
  t.timeout(120_000);
  const files = {'bin/detect': `${BASH}echo Fetched`, 'bin/compile': `${BASH}echo first version`, 'bin/release': `${BASH}`};
  const commit = await host.commit('fetched', files, 'v1');
  await host.commit('fetched', {'bin/compile': `${BASH}echo second version`});
  const built = await trial.buildWell({fixture: 'no-buildpack', env: {BUILDPACK_URL: `${host.url}/fetched.git#v1`}});
  t.deepEqual(built.buildpacks, [{name: `${host.url}/fetched.git#v1`, commit}]);
  t.true(built.lines.includes('first version'), built.lines.join('\n'));
});

test.serial('a buildpack gets Debian packages where it builds and where the app runs', async (t) => {
  t.timeout(240_000);
  const changes = {
    Procfile: 'web: hello >/tmp/said; export SAID="$(cat /tmp/said)"; perl server.pl\n',
    'server.pl': SERVER,
    '.buildpacks': './pack\n',
    'pack/bin/detect': `${BASH}echo Greeting`,
    'pack/bin/packages': `${BASH}echo both hello`,
    'pack/bin/compile': `${BASH}hello`,
  };
  const built = await trial.buildWell({fixture: 'no-buildpack', changes});
  t.true(built.lines.includes('Hello, world!'), built.lines.join('\n'));
  t.regex((await trial.serve(built)).body, /^SAID=Hello, world!$/m);
  const again = await trial.buildWell({fixture: 'no-buildpack', changes});
  t.is(again.image, built.image);
  t.false(again.lines.some((line) => line.includes('Installing Debian packages')));
});
