import {randomBytes} from 'node:crypto';
import test from 'ava';
import {buildTrial, STOP_GRACE_MS, type BuildTrial} from '../support/build-trial.ts';
import {until} from '../support/until.ts';

let trial: BuildTrial;

/** The promise is 2 s; busy machines get more here. The build itself would last for ever. */
const ABORTED_MS_MAX = 10_000;

test.before(async t => {
  t.timeout(600_000);
  trial = await buildTrial();
});

test.after.always(() => trial?.clean());

test.serial('a Node.js app without packages builds, serves and stops at once though it has no handler for SIGTERM', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'node-hello', app: 'node'});
  t.deepEqual(built.commands, {web: ['npm start']});
  t.is(built.builder, 'Node.js');
  const answer = await trial.serve(built, '/x');
  t.is(answer.body, 'hello from node-hello /x\n');
  t.true(answer.stopMs < STOP_GRACE_MS, `stopped after ${answer.stopMs} ms`);
});

test.serial('a Node.js app with packages runs its build script, loses its development packages and closes gracefully', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'node-express', app: 'node'});
  t.deepEqual(Object.keys(built.commands), ['web', 'worker']);
  t.true(built.lines.includes('-----> Node.js app detected'));
  t.true(built.lines.includes('       Procfile declares types -> web, worker'));
  const answer = await trial.serve(built);
  t.deepEqual(JSON.parse(answer.body), {greeting: 'hello from node-express', isThreeOdd: true, hasDevelopmentPackages: false, nodeEnv: 'production'});
  t.is(answer.exitCode, 0);
});

test.serial('a command line that is more than one program gets the signal to stop as well', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'node-express', app: 'node', changes: {Procfile: 'web: node app.js 2>&1 | sed -u s/^/app:/\n'}});
  await trial.whileRunning(built, async ({container}) => {
    await until('the second program has passed on what the first one wrote', async () => (await container.logs({stdout: true, stderr: true})).toString().includes('app:listening'));
    const startedAt = performance.now();
    await container.stop({t: STOP_GRACE_MS / 1000});
    const stopMs = performance.now() - startedAt;
    t.true(stopMs < STOP_GRACE_MS, `stopped after ${stopMs} ms`);
  });
});

test.serial('the same source gives the same digest, from a warm cache and from none', async t => {
  t.timeout(120_000);
  const warm = await trial.buildWell({fixture: 'node-express', app: 'node'});
  t.true(warm.lines.some(line => line.includes('Using node_modules of the last build')));
  await trial.emptyCache('node');
  const cold = await trial.buildWell({fixture: 'node-express', app: 'node'});
  t.is(cold.image, warm.image);
});

test.serial('a changed line ships one small layer', async t => {
  t.timeout(120_000);
  const before = await trial.layersOf((await trial.buildWell({fixture: 'node-express', app: 'node'})).image);
  const changed = await trial.buildWell({fixture: 'node-express', app: 'node', changes: {'LICENSE': 'none'}});
  const after = await trial.layersOf(changed.image);
  t.is(after.length, before.length);
  t.deepEqual(after.slice(0, -1), before.slice(0, -1));
  t.not(after.at(-1), before.at(-1));
  const history = await trial.docker.getImage(changed.image).inspect();
  const previous = await trial.docker.getImage((await trial.buildWell({fixture: 'node-express', app: 'node'})).image).inspect();
  t.true(Math.abs(history.Size - previous.Size) < 100_000);
});

test.serial('config vars reach the build as files and are nowhere in the image', async t => {
  t.timeout(120_000);
  const secret = randomBytes(12).toString('hex');
  const changes = {'build.js': "require('node:fs').writeFileSync('built.json', JSON.stringify({isThreeOdd: process.env.CANARY.length}))"};
  const built = await trial.buildWell({fixture: 'node-express', app: 'node', changes, env: {CANARY: secret}});
  t.is((JSON.parse((await trial.serve(built)).body) as {isThreeOdd: number}).isThreeOdd, 24);
  t.false(JSON.stringify(await trial.docker.getImage(built.image).inspect()).includes(secret));
  t.false(built.lines.join('\n').includes(secret));
});

test.serial('a static site serves with an answer that browsers may keep, and hides what is not part of it', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'static-site'});
  const page = await trial.serve(built);
  t.regex(page.body, /hello from static-site/);
  t.is(page.headers['cache-control'], 'public, max-age=0, must-revalidate');
  t.is(page.headers['last-modified'], 'Fri, 02 Jan 2026 03:04:05 GMT');
  const missing = await trial.serve(built, '/notes.txt');
  t.is(missing.status, 404);
  t.regex(missing.body, /nothing here/);
});

test.serial('a static site at the root of its repository does not show its own plumbing', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'no-buildpack', app: 'static-site', changes: {'index.html': 'at the root'}});
  t.is((await trial.serve(built)).body, 'at the root');
  t.is((await trial.serve(built, '/.flynn/static/caddy.json')).status, 404);
});

test.serial('a site with static.json has clean URLs, a page for what is no file, redirects and headers of its own', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'static-spa'});
  t.true(built.lines.includes('       Serving ./dist as static.json says'), built.lines.join('\n'));
  const answers = await trial.serveAll(built, ['/', '/about', '/deep/link', '/assets/app.js', '/assets/none.js', '/old/page', '/static.json']);
  t.deepEqual(answers.map(({status, body, headers}) => `${status} ${headers.location ?? body.trim()}`), [
    '200 home', '200 about', '200 home', '200 console.log(1);', '404 gone', '301 /new/{env.PORT}', '200 home',
  ]);
  t.deepEqual(answers.slice(0, 4).map(({headers}) => headers['cache-control']), ['no-store', 'no-store', 'no-store', 'public, max-age=60']);
  t.is(answers[0]?.headers['x-literal'], '{env.PORT}');
});

test.serial('a site that Node builds is two buildpacks, one after the other', async t => {
  t.timeout(120_000);
  const changes = {
    '.buildpacks': 'nodejs\nstatic\n',
    'package.json': '{"scripts": {"build": "mkdir build && echo made by the build >build/index.html"}}',
    'static.json': '{"root": "build", "routes": {"/**": "index.html"}}',
  };
  const built = await trial.buildWell({fixture: 'static-spa', app: 'built-site', changes});
  t.is(built.builder, 'Node.js, Static site');
  t.is((await trial.serve(built, '/deep/link')).body, 'made by the build\n');
});

test.serial('a static.json with mistakes rejects the push with all of them', async t => {
  t.timeout(120_000);
  const {lines} = await trial.buildBadly({fixture: 'static-spa', changes: {'static.json': '{"root": "build", "clean_url": true, "basic_auth": true}'}});
  t.deepEqual(lines.filter((line) => line.includes('static.json:')), [
    ' !     static.json: unknown option "clean_url", expected root, clean_urls, routes, error_page, redirects, headers, https_only',
    ' !     static.json: "basic_auth" is an option of Heroku\'s that there is not here',
    ' !     static.json: root "build" is no folder of the app. If another buildpack makes it, list that one before this one',
  ]);
});

test.serial('a Dockerfile builds on the stack images and serves with its own command', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'dockerfile'});
  t.deepEqual(built.commands, {web: []});
  t.regex((await trial.serve(built)).body, /^hello from dockerfile, made by gcc/);
});

test.serial('a Dockerfile with a Procfile runs the line in a shell', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'dockerfile', changes: {Procfile: 'web: cd /srv && perl server.pl\n'}});
  t.deepEqual(built.commands, {web: ['/bin/sh', '-c', 'cd /srv && perl server.pl']});
  t.is((await trial.serve(built)).status, 200);
});

test.serial('a base image that is out of reach is named as the reason', async t => {
  t.timeout(120_000);
  const {reason, lines} = await trial.buildBadly({fixture: 'dockerfile', changes: {Dockerfile: 'FROM nowhere.invalid/base:1\n'}});
  t.is(reason, 'the base image of the Dockerfile is out of reach');
  t.true(lines.some(line => line.includes('nowhere.invalid')), lines.join('\n'));
});

test.serial('a failing step of a Dockerfile rejects the push with the engine’s words', async t => {
  t.timeout(120_000);
  const {reason, lines} = await trial.buildBadly({fixture: 'dockerfile', changes: {Dockerfile: 'FROM flynn/run\nRUN echo broken && exit 4\n'}});
  t.is(reason, 'failed to build the Dockerfile');
  t.true(lines.some(line => line.endsWith('broken')));
  t.true(lines.some(line => line.includes('returned a non-zero code: 4')));
});

test.serial('an app that no buildpack knows is refused with a hint', async t => {
  t.timeout(120_000);
  const {reason, lines} = await trial.buildBadly({fixture: 'no-buildpack'});
  t.is(reason, 'no buildpack fits the app');
  t.true(lines.includes(' !     No default language could be detected for this app.'));
});

for (const {title, changes, expected} of [
  {title: 'a build script that fails', changes: {'build.js': "throw new Error('cannot find the theme')"}, expected: /cannot find the theme/},
  {title: 'a package.json that is not JSON', changes: {'package.json': '{"name": '}, expected: /package\.json is not valid JSON/},
  {title: 'a version of Node.js that there is none of', changes: {'package.json': '{"engines": {"node": "99.x"}}'}, expected: /there is no Node\.js "99\.x" \(from engines\.node in package\.json\)/},
  {title: 'a lock file that does not fit package.json', changes: {'package.json': '{"dependencies": {"express": "5.1.0", "is-even": "1.0.0"}}'}, expected: /run npm install and commit the lock file/},
]) {
  test.serial(`${title} is the reason that the pusher sees`, async t => {
    t.timeout(120_000);
    const {reason, lines} = await trial.buildBadly({fixture: 'node-express', app: 'node', changes});
    t.is(reason, 'failed to compile Node.js app');
    t.regex(lines.join('\n'), expected);
  });
}

for (const {title, script, limits, expected} of [
  {title: 'memory', script: 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1));', limits: {memoryBytes: 300 * 1024 ** 2}, expected: 'the build used more than 300Mi of memory'},
  {title: 'time', script: 'setInterval(() => {}, 1000);', limits: {timeMs: 6000}, expected: 'the build took longer than 6 s'},
  {title: 'disk', script: "const fs = require('node:fs'); for (let i = 0; i < 40; i++) fs.writeFileSync('big' + i, Buffer.alloc(2e7, 1)); setInterval(() => {}, 1000);", limits: {diskBytes: 500 * 1024 ** 2}, expected: 'the build used more than 500Mi of disk'},
  {title: 'disk of its cache', script: "const fs = require('node:fs'); for (let i = 0; i < 40; i++) fs.writeFileSync(process.env.NPM_CONFIG_CACHE + '/../big' + i, Buffer.alloc(2e7, 1)); setInterval(() => {}, 1000);", limits: {diskBytes: 500 * 1024 ** 2}, expected: 'the build used more than 500Mi of disk'},
  {title: 'output', script: "const line = 'x'.repeat(1000) + '\\n'; const on = () => process.stdout.write(line.repeat(50), on); on();", limits: {}, expected: 'the build printed more than 16Mi'},
]) {
  test.serial(`a build that uses more than its ${title} ends with that reason and leaves no container`, async t => {
    t.timeout(120_000);
    const {reason, lines} = await trial.buildBadly({fixture: 'node-express', app: 'node', changes: {'build.js': script}, limits});
    t.is(reason, expected, lines.join('\n'));
    t.deepEqual(await trial.buildContainers('node'), []);
    if (title.endsWith('cache')) await trial.emptyCache('node');
  });
}

test.serial('what a buildpack leaves running ends with it, though it takes every place that there is', async t => {
  t.timeout(120_000);
  const fill = 'for (;;) { my $child = fork; if (!defined $child) { open my $full, ">", "/tmp/full"; select undef, undef, undef, 0.01; next } if (!$child) { sleep 1000; exit } }';
  const changes = {
    '.buildpacks': './crowd\n./look\n',
    'crowd/bin/detect': '#!/bin/sh\necho Crowd\n',
    'crowd/bin/compile': `#!/bin/bash\nexec {pipe}<> <(:)\nperl -e '${fill}' >/dev/null 2>&1 &\nuntil [ -e /tmp/full ]; do read -t 0.1 -u "$pipe"; done\nexit 0\n`,
    'look/bin/detect': '#!/bin/sh\necho Look\n',
    'look/bin/compile': '#!/bin/bash\nprocesses=(/proc/[0-9]*)\n[ "${#processes[@]}" -lt 20 ] && echo "few are left"\nexit 0\n',
  };
  const {lines} = await trial.buildWell({fixture: 'no-buildpack', app: 'crowd', changes});
  t.true(lines.includes('few are left'), lines.join('\n'));
  t.true(lines.includes(' !     Nothing is run: neither a Procfile nor a buildpack says how. Write one: web: <command>'), lines.join('\n'));
});

test.serial('an aborted build ends at once and leaves no container and no image', async t => {
  t.timeout(120_000);
  const images = async () => (await trial.docker.listImages({filters: trial.ours})).map(({Id}) => Id).sort();
  const before = await images();
  const abort = new AbortController();
  let abortedAt = 0;
  const onLine = (line: string) => {
    if (!line.includes('Running build')) return;
    abortedAt = performance.now();
    abort.abort(new Error('the pusher went away'));
  };
  const changes = {'build.js': 'setInterval(() => {}, 1000);'};
  await t.throwsAsync(trial.build({fixture: 'node-express', app: 'node', changes, signal: abort.signal, onLine}), {message: 'the pusher went away'});
  const tookMs = performance.now() - abortedAt;
  t.log(`ended after ${Math.round(tookMs)} ms`);
  t.true(tookMs < ABORTED_MS_MAX);
  t.deepEqual(await trial.buildContainers('node'), []);
  t.deepEqual(await images(), before);
});

test.serial('an aborted Dockerfile build leaves no container and no image', async t => {
  t.timeout(120_000);
  const abort = new AbortController();
  const name = randomBytes(4).toString('hex');
  const onLine = (line: string) => {
    if (line.trim() === `started ${name}`) abort.abort(new Error('the pusher went away'));
  };
  const changes = {Dockerfile: `FROM flynn/run\nENV TRIAL=${name}\nRUN echo "started $TRIAL"; sleep 1000\n`};
  await t.throwsAsync(trial.build({fixture: 'dockerfile', changes, signal: abort.signal, onLine}), {message: 'the pusher went away'});
  t.deepEqual(await trial.tracesOf(name), []);
});

test.serial('a Dockerfile build that uses more than its disk ends with that reason', async t => {
  t.timeout(120_000);
  const changes = {Dockerfile: 'FROM flynn/run\nRUN head -c 600000000 /dev/zero > /big && sleep 1000\n'};
  const {reason} = await trial.buildBadly({fixture: 'dockerfile', changes, limits: {diskBytes: 500 * 1024 ** 2}});
  t.is(reason, 'the build used more than 500Mi of disk');
});

test.serial('the steps that went well before a failing one are not repeated, and all that is kept has our labels', async t => {
  t.timeout(120_000);
  const name = randomBytes(4).toString('hex');
  const steps = (last: string) => ({Dockerfile: `FROM flynn/run\nENV TRIAL=${name}\nRUN echo well\nRUN ${last}\nCMD perl /srv/server.pl\n`});
  await trial.buildBadly({fixture: 'dockerfile', app: 'retried', changes: steps('exit 1')});
  const again = await trial.buildBadly({fixture: 'dockerfile', app: 'retried', changes: steps('exit 2')});
  t.true(again.lines.includes('        ---> Using cache'));
  await trial.buildWell({fixture: 'dockerfile', app: 'retried', changes: steps('echo also well')});
  const kept = await trial.docker.listImages({filters: {label: [...trial.ours.label, 'flynn.app=retried']}});
  t.is(kept.length, 1);
  await trial.docker.getImage(kept[0]?.Id ?? '').remove({force: true});
  t.deepEqual(await trial.tracesOf(name), []);
});

test.serial('an image store that takes no archive with layers left out gets the image from the engine’s builder', async t => {
  t.timeout(120_000);
  const built = await trial.buildWell({fixture: 'node-hello', app: 'node', assembly: 'dockerfile'});
  t.is((await trial.serve(built)).body, 'hello from node-hello /\n');
});

for (const {fixture, version} of [
  {fixture: 'node-yarn', version: /^ {7}Using yarn 1\.\d+\.\d+$/m},
  {fixture: 'node-yarn-berry', version: /^ {7}Using yarn 4\.9\.1$/m},
  {fixture: 'node-pnpm', version: /^ {7}Using pnpm 10\.11\.0$/m},
]) {
  test.serial(`${fixture}: the package manager of the lock file installs, what is for development is pruned, and the digest is the same from a warm cache`, async t => {
    t.timeout(240_000);
    const built = await trial.buildWell({fixture});
    t.regex(built.lines.join('\n'), version);
    t.deepEqual(JSON.parse((await trial.serve(built)).body), {isThreeOdd: true, built: 'with development packages', hasDevelopmentPackages: false});
    t.is((await trial.buildWell({fixture})).image, built.image);
  });
}

test.serial('a package with C++ parts compiles without Node’s headers from the internet', async t => {
  t.timeout(240_000);
  const changes = {
    'binding.gyp': '{"targets": [{"target_name": "answer", "sources": ["answer.c"]}]}',
    'answer.c': '#include <node_api.h>\nstatic napi_value init(napi_env env, napi_value exports) { napi_value n; napi_create_int32(env, 42, &n); napi_set_named_property(env, exports, "answer", n); return exports; }\nNAPI_MODULE(answer, init)\n',
    'server.js': "const {answer} = require('./build/Release/answer.node'); require('node:http').createServer((_, response) => response.end(String(answer))).listen(process.env.PORT);",
  };
  t.is((await trial.serve(await trial.buildWell({fixture: 'node-hello', app: 'native', changes}))).body, '42');
});

test.serial('an older Node.js gets an npm that runs on it', async t => {
  t.timeout(240_000);
  const built = await trial.buildWell({fixture: 'node-hello', app: 'old', changes: {'package.json': '{"engines": {"node": "18.x"}, "scripts": {"start": "node -p process.version && node server.js"}}'}});
  t.regex(built.lines.join('\n'), /Downloading Node\.js 18\.\d+\.\d+/);
  t.is((await trial.serve(built)).body, 'hello from node-hello /\n');
});

test.serial('the newest Node.js, which wants a library more than the long-term ones, runs where the app does', async t => {
  t.timeout(240_000);
  const built = await trial.buildWell({fixture: 'node-hello', app: 'newest', changes: {'package.json': '{"engines": {"node": ">=25"}, "scripts": {"start": "node server.js"}}'}});
  t.regex(built.lines.join('\n'), /Downloading Node\.js (2[5-9]|[3-9]\d)\./);
  t.is((await trial.serve(built)).body, 'hello from node-hello /\n');
});
