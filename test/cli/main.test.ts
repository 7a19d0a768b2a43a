import {spawnSync} from 'node:child_process';
import {createServer, type ServerResponse} from 'node:http';
import {once} from 'node:events';
import {readFile, writeFile} from 'node:fs/promises';
import type {AddressInfo} from 'node:net';
import {text as body} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import type {Command} from '../../cli/command.ts';
import {nearest} from '../../cli/nearest.ts';
import {COMMANDS, HIDDEN} from '../../cli/table.ts';
import {terminal, text} from './terminal.ts';

/** Tcpmux, which nobody has. One that was just closed may be another test's by now, or still open in a process that is just being started. */
const CLOSED_PORT = 1;
const LISTED = Object.keys(COMMANDS).filter((name) => !HIDDEN.has(name));

test('help lists every command that people type, and the global flags', async (t) => {
  const {type} = await terminal(t);
  const shown = await type('help');
  for (const name of LISTED) t.regex(shown, new RegExp(`^  ${name} +\\S`, 'm'));
  t.false(shown.includes('git-credential'));
  t.regex(shown, /-a, --app <app>/);
  t.is((await type('')).split('\n').slice(1).join('\n'), shown.split('\n').slice(1).join('\n'));
});

test('help of a command shows usage, details and examples', async (t) => {
  const {type} = await terminal(t);
  const expected = text`
    usage: flynn plan [--against <commit> [--markdown]]

    Show what the node would do now, and what it waits for, without doing it

    Exit status: 0 nothing to do, 1 there are actions, 2 it could not be found out.
    --against <commit>   in a clone of the cluster repository: what its files would change against a commit, as flynn diff says it
    --markdown           the same as the comment of a pull request: for CI jobs

    examples:
      flynn plan
      flynn plan --json | jq -r .actions[].reason
      flynn plan --against origin/main
      flynn plan --against origin/main --markdown > plan.md
    exit 0
  `;
  t.is(await type('help plan'), `$ flynn help plan\n${expected}`);
  t.is(await type('plan --help'), `$ flynn plan --help\n${expected}`);
});

test('a mistyped command is refused with the one that was meant', async (t) => {
  const {type} = await terminal(t);
  t.is(await type('statsu'), text`
    $ flynn statsu
    ! "statsu" is not a flynn command; did you mean "status"?
    ! see: flynn help
    exit 2
  `);
  t.regex(await type('toString'), /"toString" is not a flynn command\n! see: flynn help\nexit 2$/);
});

const means = test.macro({
  exec: (t, typed: string, meant: string | undefined) => t.is(nearest(typed, LISTED), meant),
  title: (_, typed, meant) => `"${typed}" may mean ${meant ?? 'nothing'}`,
});
test(means, 'log', 'logs');
test(means, 'sacle', 'scale');
test(means, 'crate', 'create');
test(means, 'comp', 'completion');
test(means, 'migrate', undefined);
test(means, 'x', undefined);

test('an unknown flag is a wrong use', async (t) => {
  const {type} = await terminal(t);
  t.is(await type('apps --wide'), text`
    $ flynn apps --wide
    ! unknown option '--wide'
    ! usage: flynn apps
    exit 2
  `);
  t.regex(await type('scale --no-wiat'), /^! unknown option '--no-wiat'; did you mean --no-wait\?$/m);
  t.regex(await type('apps -a'), /^! -a needs a name after it\n(.*\n)?exit 2$/m);
});

test('without a configuration it says how to get a cluster', async (t) => {
  const {type, folder} = await terminal(t);
  t.is(await type('status', {env: {FLYNN_CONFIG: `${folder}/none.yaml`}}), text`
    $ flynn status
    ! error: FOLDER/none.yaml names no cluster
    !        start one on this machine: flynn up
    exit 1
  `.replace('FOLDER', folder));
});

test('an unknown cluster is refused with those that are known', async (t) => {
  const {type, config} = await terminal(t);
  t.is(await type('status -c production'), `$ flynn status -c production\n! error: ${config} has no cluster "production"\n!        it has: home\nexit 1`);
  t.regex(await type('status', {env: {FLYNN_CLUSTER: 'production'}}), /has no cluster "production"/);
  t.regex(await type('apps -c home'), /exit 0$/);
});

test('cluster lists the clusters and marks the default one', async (t) => {
  const {type, port} = await terminal(t);
  t.is(await type('cluster'), `$ flynn cluster\n${[
    `NAME            URL${' '.repeat(`http://api.flynn.localhost:${port}`.length - 3)}  GIT`,
    `home (default)  http://api.flynn.localhost:${port}  http://git.flynn.localhost:8080`,
  ].join('\n')}\nexit 0`);
});

test('cluster info says where a cluster is and as whom one talks to it', async (t) => {
  const {type, port, config} = await terminal(t);
  t.is(await type('cluster info'), text`
    $ flynn cluster info
    Cluster:   home
    API URL:   http://api.flynn.localhost:PORT
    Git URL:   http://git.flynn.localhost:8080
    Domain:    flynn.localhost
    Node:      n1
    Revision:  main@sha1:COMMIT
    Apps:      0
    You are:   operator
    Kept in:   CONFIG
    SSH:       off
    exit 0
  `.replace('COMMIT', '1a2b3c4d'.repeat(5)).replace('PORT', String(port)).replace('CONFIG', config));
});

test('a cluster can be made the default one, and be forgotten', async (t) => {
  const {type, config} = await terminal(t);
  t.is(await type('cluster default nope'), `$ flynn cluster default nope\n! error: ${config} has no cluster "nope"\n!        it has: home\nexit 1`);
  t.regex(await type('cluster default home'), /^! the default cluster is now "home"\nexit 0$/m);
  t.regex(await type('cluster remove'), /which one\?.*\n.*[\s\S]*exit 2$/);
  t.regex(await type('cluster remove home'), /^! "home" is forgotten here; the cluster itself goes on\nexit 0$/m);
  t.regex(await type('cluster'), /names no cluster/);
});

test('a cluster that does not run is told apart from one that refuses', async (t) => {
  const {type, config} = await terminal(t);
  await pointTo(config, CLOSED_PORT);
  t.regex(await type('status'), /^! error: cluster "home" can't be reached \(http:\/\/api\.flynn\.localhost:\d+: nothing listens there \(ECONNREFUSED\)\)\n! {8}if it should run on this machine, start it: flynn up\nexit 1$/m);
});

test('a wrong token is told with the file that it is in', async (t) => {
  const {type, config, port} = await terminal(t);
  await writeFile(config, (await readFile(config, 'utf8')).replace('right-token', 'stale'));
  t.is(await type('status'), text`
    $ flynn status
    ! error: cluster "home" does not accept the token in CONFIG
    !        on the cluster's machine, 'flynn up' writes the right one
    !        elsewhere log in with a new one, which 'flynn token add' makes: flynn login http://api.flynn.localhost:PORT --name home < token
    exit 1
  `.replace('CONFIG', config).replace('PORT', String(port)));
});

test('the router without a reconciler behind it is no running cluster, and a stranger is no cluster', async (t) => {
  const {type, config} = await terminal(t);
  await pointTo(config, await stranger(t, 502));
  t.regex(await type('status'), /^! error: cluster "home" can't be reached \(.* answers 502\)$/m);
  await pointTo(config, await stranger(t, 404));
  t.regex(await type('status'), /^! error: http:.* answers 404 and is not the API of a cluster\n! {8}is the url of "home" in .* right\?$/m);
});

for (const [how, cut] of [['reset', (response: ServerResponse) => response.destroy()], ['ended properly by a router', (response: ServerResponse) => response.end()]] as const) {
  test(`a stream that is ${how} before its last line is an error, never a short answer`, async (t) => {
    const {type, config} = await terminal(t);
    const one = createServer((_, response) => {
      response.writeHead(200, {'content-type': 'application/x-ndjson'});
      response.write('{"at":"2026-11-23T10:12:01Z","source":"app","name":"web.1","stream":"stdout","text":"one"}\n', () => cut(response));
    }).listen(0, '127.0.0.1');
    t.teardown(() => server(one));
    await once(one, 'listening');
    await pointTo(config, (one.address() as AddressInfo).port);
    t.regex(await type('logs shop'), /app\[web\.1\]: one\n! error: the connection to .* was cut off\n.*\nexit 1$/);
  });
}

test('a write whose answer is lost is tried again and is done once', async (t) => {
  const {view, type, config, port} = await terminal(t);
  const keys: string[] = [];
  const loser = createServer(async (request, response) => {
    keys.push(String(request.headers['idempotency-key']));
    const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {authorization: String(request.headers.authorization), 'content-type': 'application/json', 'idempotency-key': keys.at(-1) ?? ''},
      body: await body(request),
    });
    const answered = await answer.text();
    if (keys.length === 1) request.socket.destroy();
    else response.writeHead(answer.status, {'content-type': 'application/json'}).end(answered);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server(loser));
  await once(loser, 'listening');
  await pointTo(config, (loser.address() as AddressInfo).port);
  t.regex(await type("create shop -r ''"), /exit 0$/);
  t.is(view.repo.commits.length, 1);
  t.is(keys.length, 2);
  t.is(new Set(keys).size, 1);
});

test('every command has a summary in one line, and shows how it is used', async (t) => {
  for (const name of LISTED) {
    const {usage, summary, examples = []} = await (COMMANDS[name] as () => Promise<Command>)(); // it is one of theirs
    t.regex(usage, new RegExp(`^${name}( |\\n|$)`), name);
    t.regex(summary, /^[A-Z].{10,120}[^.]$/, name);
    t.true(examples.length > 0 && examples.every((example) => example.includes(`flynn ${name}`) || /^(curl|flynn \S+:)/.test(example)), `examples of ${name}`);
  }
});

test('what can\'t be written to stdout is told, but for a pipe that its reader has closed', (t) => {
  const flynn = `'${process.execPath}' cli/main.ts version`;
  const full = spawnSync('sh', ['-c', `${flynn} > /dev/full`], {encoding: 'utf8'});
  t.deepEqual([full.status, full.stderr.split('\n').at(-2)], [1, 'error: can\'t write to stdout: ENOSPC: no space left on device, write']);
  const closed = spawnSync('bash', ['-c', `${flynn} | true; exit $PIPESTATUS`], {encoding: 'utf8'});
  t.deepEqual([closed.status, closed.stderr], [0, '']);
});

function server(one: ReturnType<typeof createServer>): void {
  one.closeAllConnections();
  one.close();
}

async function pointTo(config: string, port: number): Promise<void> {
  await writeFile(config, (await readFile(config, 'utf8')).replace(/(api\.flynn\.localhost:)\d+/, `$1${port}`));
}

async function stranger(t: ExecutionContext, status: number): Promise<number> {
  const one = createServer((_, response) => response.writeHead(status, {'content-type': 'text/html'}).end('<h1>hello</h1>')).listen(0, '127.0.0.1');
  t.teardown(() => server(one));
  await once(one, 'listening');
  return (one.address() as AddressInfo).port;
}
