import {cp, mkdir, mkdtemp, open, rm, utimes, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {CertificateObserver} from '../../../reconciler/observed/certificates.ts';
import {issuerKey} from '../../../reconciler/router/caddy/tls.ts';
import {routerFiles} from '../../../reconciler/router/files.ts';
import {EXAMPLE_CHAIN} from '../../support/example-chain.ts';

const DIRECTORY = 'https://acme.example.com/dir';
const signal = new AbortController().signal;

async function subject(t: ExecutionContext) {
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-certificates-'));
  t.teardown(() => rm(home, {recursive: true, force: true}));
  const layout = layoutOf(home);
  const files = routerFiles(layout);
  const storage = path.join(files.caddyStorage, 'certificates', issuerKey(DIRECTORY));
  const issue = async (host: string) => {
    await mkdir(path.join(storage, host), {recursive: true});
    await writeFile(path.join(storage, host, `${host}.crt`), EXAMPLE_CHAIN);
  };
  /** Folders' times have the grain of the kernel's clock. */
  const touch = async (atMs: number) => utimes(storage, atMs / 1000, atMs / 1000);
  return {observer: new CertificateObserver({layout, directory: () => DIRECTORY}), files, storage, issue, touch};
}

test('where there is nothing yet there is nothing, and what can\'t be read is unknown', async (t) => {
  const {observer, files} = await subject(t);
  t.deepEqual(await observer.observe(1000, signal), {own: new Set(), redirected: new Set(), failures: new Map(), issued: new Map()});
  await mkdir(path.dirname(files.redirects), {recursive: true});
  await writeFile(files.redirects, 'a file where a folder belongs');
  t.is(await observer.observe(2000, signal), undefined);
});

test('certificates of Caddy\'s storage are told by host, new ones, gone ones and renewed ones too', async (t) => {
  const {observer, storage, issue, touch} = await subject(t);
  const hosts = async () => [...(await observer.observe(1000, signal))?.issued.keys() ?? []];
  await issue('a.example.com');
  await touch(1000);
  const found = (await observer.observe(1000, signal))?.issued.get('a.example.com');
  t.is(found?.issuer, 'Example Authority');
  await issue('b.example.com');
  await touch(2000);
  t.deepEqual(await hosts(), ['a.example.com', 'b.example.com']);
  await rm(path.join(storage, 'a.example.com'), {recursive: true});
  await touch(3000);
  t.deepEqual(await hosts(), ['b.example.com']);
  const damaged = path.join(storage, 'b.example.com', 'b.example.com.crt');
  await cp(damaged, `${damaged}.old`);
  await writeFile(damaged, 'half of it');
  t.deepEqual(await hosts(), ['b.example.com'], 'nobody said that it is another one');
  observer.forget('b.example.com');
  t.deepEqual(await hosts(), []);
});

test('what is issued while another one is being read is read by the next look', async (t) => {
  const {observer, storage, issue, touch} = await subject(t);
  const fileOf = (host: string) => path.join(storage, host, `${host}.crt`);
  for (const host of ['a.example.com', 'b.example.com']) await issue(host);
  await touch(1000);
  await observer.observe(1000, signal);
  await rm(fileOf('a.example.com'));
  await execa('mkfifo', [fileOf('a.example.com')]);
  observer.forget('a.example.com');
  const looking = observer.observe(1000, signal);
  {
    // It is open when somebody reads at the other end, who waits until it is closed.
    await using pipe = await open(fileOf('a.example.com'), 'w');
    await writeFile(fileOf('b.example.com'), 'another one');
    observer.forget('b.example.com');
    await pipe.writeFile(EXAMPLE_CHAIN);
  }
  t.deepEqual([...(await looking)?.issued.keys() ?? []], ['a.example.com', 'b.example.com']);
  t.deepEqual([...(await observer.observe(1000, signal))?.issued.keys() ?? []], ['a.example.com']);
});

test('a certificate of one\'s own is there when both of its files are', async (t) => {
  const {observer, files} = await subject(t);
  await mkdir(files.ownCertificates, {recursive: true});
  await writeFile(path.join(files.ownCertificates, 'one.crt'), '');
  t.deepEqual((await observer.observe(1000, signal))?.own, new Set());
  await writeFile(path.join(files.ownCertificates, 'one.key'), '');
  t.deepEqual((await observer.observe(1000, signal))?.own, new Set(['one']));
});

test('failures are read when they are written, and a damaged one says nothing', async (t) => {
  const {observer, files} = await subject(t);
  await mkdir(files.orders, {recursive: true});
  const file = path.join(files.orders, 'shop.example.com.failed');
  const failure = {failures: 1, atMs: 1000, cause: 'no such host', directory: DIRECTORY};
  await writeFile(file, JSON.stringify(failure));
  await utimes(file, 1, 1);
  t.deepEqual((await observer.observe(1000, signal))?.failures, new Map([['shop.example.com', failure]]));
  await writeFile(file, '{');
  await utimes(file, 2, 2);
  t.deepEqual((await observer.observe(1000, signal))?.failures, new Map());
});

test('a name that comes or goes is noticed', async (t) => {
  const {observer, files} = await subject(t);
  await mkdir(files.redirects, {recursive: true});
  await observer.observe(1000, signal);
  t.true(await observer.isAsLeft());
  await writeFile(path.join(files.redirects, 'shop.example.com'), '');
  await utimes(files.redirects, 5, 5);
  t.false(await observer.isAsLeft());
});
