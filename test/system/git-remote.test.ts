import {once} from 'node:events';
import {readdir, readFile, writeFile} from 'node:fs/promises';
import http from 'node:http';
import net, {type AddressInfo} from 'node:net';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {remoteRepo} from '../../reconciler/checkout/remote.ts';
import {EditRefused} from '../../reconciler/checkout/snapshot.ts';
import {change, run, temporaryFolder} from '../reconciler/checkout/support.ts';
import {pushServer} from '../support/push-server.ts';
import {until} from '../support/until.ts';

/** Of all tests here together. */
const signal = AbortSignal.timeout(600_000);
const APP = 'apiVersion: flynn/v1\nkind: App\n';

async function follow(t: ExecutionContext, {url, token}: {url: string; token: string}) {
  const folder = await temporaryFolder(t);
  const tokenFile = path.join(folder, 'token');
  await writeFile(tokenFile, `${token}\n`);
  const repo = remoteRepo({gitdir: path.join(folder, 'mirror.git'), pollSeconds: 3600, remote: {url, tokenFile, knownHosts: path.join(folder, 'known_hosts')}});
  t.teardown(() => repo.close());
  return repo;
}

/** Looks for these in argument vectors and environments of all processes, again and again until stopped. */
function watchProcesses(patterns: Readonly<Record<string, RegExp>>) {
  const found = new Set<string>();
  const see = (text: string) => {
    for (const [name, pattern] of Object.entries(patterns)) if (pattern.test(text)) found.add(name);
  };
  let isStopped = false;
  const looking = (async () => {
    while (!isStopped) {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
        for (const file of ['cmdline', 'environ']) see(await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const stop = async () => {
    isStopped = true;
    await looking;
  };
  return {found, stop};
}

/** Passes connections on to a port of this machine, each once it may. Resolves to where it takes them. */
async function passOn(t: ExecutionContext, port: number, mayPass: () => Promise<unknown>): Promise<number> {
  const sockets = new Set<net.Socket>();
  const gate = net.createServer((client) => void mayPass().then(() => {
    const server = net.connect(port, '127.0.0.1');
    for (const [one, other] of [[client, server], [server, client]] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).pipe(other);
    }
  }, () => client.destroy())).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    gate.close();
  });
  return (gate.address() as AddressInfo).port;
}

test('a remote over HTTP is followed and written to, and its token is in no process list and no file of ours', async (t) => {
  const {port: real, layout} = await pushServer(t);
  const {found, stop} = watchProcesses({tokenFile: /FLYNN_GIT_TOKEN_FILE/, token: /secret\0|secret@|:secret/});
  // Git is over in a moment: it gets no answer before it has been looked at.
  const port = await passOn(t, real, () => until('git has been seen', () => found.has('tokenFile')));
  const folder = await temporaryFolder(t);
  const tokenFile = path.join(folder, 'token');
  await writeFile(tokenFile, 'secret\n');
  const gitdir = path.join(folder, 'mirror.git');
  const repo = remoteRepo({gitdir, pollSeconds: 3600, remote: {url: `http://127.0.0.1:${port}/cluster.git`, tokenFile, knownHosts: path.join(folder, 'known_hosts')}});
  t.teardown(() => repo.close());
  t.is((await repo.snapshot(signal)).apps.length, 1);
  const {commit} = await repo.commit(change(() => ({'apps/blog/app.yaml': APP}), 'one'), signal);
  await stop();
  t.is(await run(layout.clusterRepo, 'rev-parse', 'main'), commit as string);
  t.deepEqual([...found], ['tokenFile']);
  t.false((await readFile(path.join(gitdir, 'config'), 'utf8')).includes('secret'));
});

test('nodes that write over HTTP at once lose nothing', async (t) => {
  const {port, layout} = await pushServer(t);
  const repos = await Promise.all([1, 2].map(() => follow(t, {url: `http://127.0.0.1:${port}/cluster.git`, token: 'secret'})));
  await Promise.all(Array.from({length: 6}, (_, number) => repos[number % 2]!.commit(change(() => ({[`apps/a${number}/app.yaml`]: APP}), `w-${number}`), signal)));
  t.is((await run(layout.clusterRepo, 'ls-tree', '--name-only', 'main:apps')).split('\n').length, 7);
});

test('a server that refuses a manifest is quoted', async (t) => {
  const {port} = await pushServer(t);
  const repo = await follow(t, {url: `http://127.0.0.1:${port}/cluster.git`, token: 'secret'});
  await t.throwsAsync(repo.commit(change(() => ({'apps/blog/app.yaml': 'nonsense: 1\n'}), 'bad'), signal), {instanceOf: EditRefused, message: /apps\/blog\/app\.yaml:1:1: /});
});

test('a wrong token is an error that does not repeat it', async (t) => {
  const {port} = await pushServer(t);
  const repo = await follow(t, {url: `http://127.0.0.1:${port}/cluster.git`, token: 'not-the-right-one'});
  const error = await t.throwsAsync(repo.snapshot(signal), {message: /Authentication failed|could not read/});
  t.false(error?.message.includes('not-the-right-one'));
});

test('a redirect to another host does not get the token', async (t) => {
  const offered: string[] = [];
  const thief = http.createServer((request, response) => {
    offered.push(request.headers.authorization ?? '');
    response.writeHead(401, {'www-authenticate': 'Basic realm="other"'}).end();
  });
  const honest = http.createServer((request, response) => {
    if (request.headers.authorization === undefined) return void response.writeHead(401, {'www-authenticate': 'Basic realm="one"'}).end();
    response.writeHead(302, {location: `http://localhost:${(thief.address() as AddressInfo).port}${request.url}`}).end();
  });
  t.teardown(() => {
    thief.close();
    honest.close();
  });
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => honest.listen(0, '127.0.0.1', resolve));
  const repo = await follow(t, {url: `http://127.0.0.1:${(honest.address() as AddressInfo).port}/cluster.git`, token: 'secret'});
  await t.throwsAsync(repo.snapshot(signal));
  t.true(offered.length > 0);
  t.deepEqual(offered.filter((header) => header !== '' && Buffer.from(header.slice(6), 'base64').toString().includes('secret')), []);
});
