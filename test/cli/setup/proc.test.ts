import {createServer, type AddressInfo} from 'node:net';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {lockNode, readPid, writePid} from '../../../cli/setup/pid-file.ts';
import {describeTaken, freePortFrom, portsStep} from '../../../cli/setup/ports.ts';
import {mergeSettings} from '../../../cli/setup/settings-file.ts';
import {freePorts} from '../../support/free-ports.ts';
import {until} from '../../support/until.ts';
import {holderOfPort, parseSockets, startTicksOf} from '../../../cli/setup/proc.ts';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

test('only listening sockets are read from the kernel, IPv4 and the IPv6 that means IPv4', (t) => {
  const table = [
    HEADER,
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
    '   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1',
    '   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0',
    '   3: 0000000000000000FFFF00000200000A:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0 100 0 0 10 0',
    '',
  ].join('\n');
  t.deepEqual(parseSockets(table), [
    {address: '127.0.0.1', port: 8080, inode: '4711'},
    {address: '0.0.0.0', port: 80, inode: '4713'},
    {address: '10.0.0.2', port: 443, inode: '4714'},
  ]);
  t.deepEqual(parseSockets(''), []);
});

test('the process that listens on a port is found, whatever address it listens on', async (t) => {
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const [port = 0] = await freePorts(1);
    const server = createServer().listen(port, host);
    await once(server, 'listening');
    // A process that another thread of the tests is just starting has all that we have open, for a moment.
    const isHeldBy = async (pid: number | undefined) => (await holderOfPort({address: '127.0.0.1', port, protocol: 'tcp'}))?.pid === pid;
    await t.notThrowsAsync(until('we are found', () => isHeldBy(process.pid)));
    server.close();
    await once(server, 'close');
    await t.notThrowsAsync(until('nobody listens', () => isHeldBy(undefined)));
  }
});

test('a taken port is told with what it is for and who holds it', (t) => {
  const port = {what: 'HTTP', flag: '--http-port', address: '127.0.0.1', port: 80, protocol: 'tcp'} as const;
  t.is(describeTaken({...port, holder: {pid: 812, name: 'nginx'}}), 'port 80 (HTTP) on 127.0.0.1 is taken by nginx (process 812)');
  t.regex(describeTaken(port), /taken by a process that can not be seen from here/);
});

test('a pid file means a living process, and not another one that got its number', async (t) => {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'flynn-pid-')), 'x.pid');
  t.is(await readPid(file), undefined);
  await writePid(file, process.pid);
  t.is(await readPid(file), process.pid);
  t.is(await readFile(file, 'utf8'), `${process.pid} ${await startTicksOf(process.pid)}\n`);
  await writeFile(file, `${process.pid} 1\n`);
  t.is(await readPid(file), undefined);
  await writeFile(file, 'nonsense');
  t.is(await readPid(file), undefined);
});

test('a process that has ended is no holder, also before its parent has noticed', async (t) => {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'flynn-pid-')), 'x.pid');
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  t.truthy(child.pid);
  await writePid(file, child.pid ?? 0);
  t.is(await readPid(file), child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.is(await readPid(file), undefined);
});

test('one data directory is locked by one process, and is free again after its release', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'flynn-lock-'));
  const place = {root, pidFile: path.join(root, 'run', 'reconciler.pid')};
  const lock = await lockNode(place);
  if ('holder' in lock) return t.fail();
  t.deepEqual(await lockNode(place), {holder: {pid: process.pid}});
  await lock.release();
  await t.throwsAsync(stat(place.pidFile), {code: 'ENOENT'});
  const again = await lockNode(place);
  if ('holder' in again) return t.fail();
  await again.release();
});

test('each socket of the DNS server and of the router beside it is looked at before a start', async (t) => {
  const stored = mergeSettings({data: '/nowhere', hostname: 'box', stored: undefined, flags: {}});
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    // Ports that are likely to be free, and in nobody's way if they are not: they would be named in the message too.
    const settings = {...stored, httpPort: port + 1, httpsPort: port + 2, apiPort: port + 3, dnsPort: port};
    const taken = new RegExp(`port ${port} \\(DNS for the router\\) on ${host} is taken by .* \\(process ${process.pid}\\)`);
    const refusal = async () => portsStep(settings).check(new AbortController().signal).then(() => '', (error: Error) => error.message);
    await until('it is told who has it', async () => taken.test(await refusal()));
    t.not(await freePortFrom(port), port);
    server.close();
    await once(server, 'close');
  }
});

test('a port is wanted twice only by different flags', async (t) => {
  const settings = mergeSettings({data: '/nowhere', hostname: 'box', stored: undefined, flags: {httpPort: 18_080, dnsPort: 18_080}});
  await t.throwsAsync(portsStep(settings).check(new AbortController().signal), {message: /port 18080 is wanted twice, also for DNS/});
});
