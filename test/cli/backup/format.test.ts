import {mkdtemp, rm, writeFile, readdir} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {placeOf} from '../../../cli/backup/contents.ts';
import {type About, backupTar, BackupBroken, type Member, readBackup} from '../../../cli/backup/format.ts';
import {headOf, writeWhole} from '../../../cli/backup/target.ts';
import {locked, unlocked, type Lock} from '../../../cli/backup/locks.ts';
import {TAR_END, tarHeader, tarPieces} from '../../../reconciler/adapters/tar.ts';

const ABOUT: About = {format: 1, createdAt: '2026-11-26T06:00:00Z', flynn: '0.0.0', node: 'vm', domain: 'flynn.localhost', volumes: []};
const LONG = `caddy/storage/certificates/${'a'.repeat(60)}/${'b'.repeat(60)}/host.crt`;

function member(name: string, ...chunks: readonly (string | Buffer)[]): Member {
  return {name, mode: 0o640, ownerId: 7, groupId: 8, content: (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  })()};
}

async function* each(...members: readonly Member[]): AsyncGenerator<Member> {
  yield* members;
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** In pieces of an odd size, as a stream may bring them. */
async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function read(bytes: Buffer, isMember = (name: string) => placeOf(name) !== undefined): Promise<Readonly<Record<string, string>>> {
  const seen: Record<string, string> = {};
  await readBackup(pieces(bytes), {isMember, take: async ({name, content, mode, ownerId}) => {
    seen[`${name} ${mode.toString(8)} ${ownerId}`] = (await bytesOf(content)).toString();
  }});
  return seen;
}

const DIGITS = /[0-9a-f]{64}/g;
const problemOf = async (bytes: Buffer) => read(bytes).then(() => 'none', (error: Error) => (error instanceof BackupBroken ? '' : 'unexpected: ') + error.message.replaceAll(DIGITS, '…'));

test('what was put in comes out, however long its name and its content are', async (t) => {
  const large = Buffer.alloc(9 * 2 ** 20, 'x');
  const bytes = await bytesOf(backupTar(ABOUT, each(member('settings.yaml', 'a: 1\n'), member('token'), member(LONG, 'CERT'), member('audit.log.2', 'old\n'), member('volumes/shop/data.tar', large.subarray(0, 5), large.subarray(5)))));
  t.deepEqual(Object.entries(await read(bytes)).map(([name, text]) => [name, text.length > 100 ? text.length : text]), [
    ['settings.yaml 640 7', 'a: 1\n'], ['token 640 7', ''], [`${LONG} 640 7`, 'CERT'], ['audit.log.2 640 7', 'old\n'], ['volumes/shop/data.tar 640 7', large.length],
  ]);
});

test('what nobody takes is checked all the same', async (t) => {
  const bytes = await bytesOf(backupTar(ABOUT, each(member('settings.yaml', 'a: 1\n'), member('token', 'x'.repeat(3000)))));
  const {members} = await readBackup(pieces(bytes), {isMember: () => true, take: async () => {}});
  t.is(members, 3);
  bytes[bytes.indexOf('xxx') + 2000] = 0;
  await t.throwsAsync(() => readBackup(pieces(bytes), {isMember: () => true, take: async () => {}}), {message: /"token" is damaged/});
});

test('a backup that is cut off anywhere is none', async (t) => {
  const bytes = await bytesOf(backupTar(ABOUT, each(member('settings.yaml', 'a: 1\n'), member('token', 't'))));
  for (let end = 0; end <= bytes.length - TAR_END.length; end += 256) await t.throwsAsync(() => read(bytes.subarray(0, end)), undefined, `${end} bytes`);
  t.is(Object.keys(await read(bytes)).length, 2);
});

test('what is damaged, missing or more is named', async (t) => {
  const good = await bytesOf(backupTar(ABOUT, each(member('settings.yaml', 'a: 1\n'), member('token', 't'))));
  const changed = Buffer.from(good);
  changed[changed.indexOf('a: 1')] = 98;
  t.is(await problemOf(changed), '"settings.yaml" is damaged: its 5 bytes have the checksum …, not … of 5 bytes');

  t.is(await problemOf(await without(good, 'token')), '"token" is missing: checksums.json has it');
  t.is(await problemOf(await without(good, 'checksums.json')), 'it is not whole: its checksums are not at its end');
  t.is(await problemOf(await without(good, 'flynn-backup.json')), 'it does not begin with flynn-backup.json: it is no backup of a cluster');
  const newer = await bytesOf(backupTar({...ABOUT, format: 2 as 1}, each()));
  t.is(await problemOf(newer), 'it was made by a newer version of Flynn (format 2; this one reads 1): use that one');
});

test('nothing but files at the places of a data directory is taken', async (t) => {
  for (const name of ['../evil', 'age/../../evil', '/etc/passwd', 'hooks/pre-receive', 'sources/../../x.bundle', 'caddy/storage/locks/x', 'caddy/1/config.json', 'cluster.git/hooks/x', 'volumes/shop/../x.tar', 'settings.yaml.1', 'audit.log.x']) {
    t.is(await problemOf(await bytesOf(backupTar(ABOUT, each(member(name, 'x'))))), `"${name}" is nothing that a backup has`);
  }
  const about = await bytesOf(backupTar(ABOUT, each()));
  const link = tarHeader({name: 'token', type: '2', sizeBytes: 0, mode: 0o777, ownerId: 0, groupId: 0});
  const first = about.indexOf('checksums.json');
  t.is(await problemOf(Buffer.concat([about.subarray(0, first), link, TAR_END])), '"token" is no plain file (type 2): a backup has nothing else');
});

const LOCKS: Readonly<Record<string, Lock>> = {'nothing': {kind: 'plain'}, 'a passphrase': {kind: 'passphrase', passphrase: 'four words are enough'}};
for (const [how, lock] of Object.entries(LOCKS)) {
  test(`a backup that is encrypted with ${how} is opened with it alone`, async (t) => {
    const file = await bytesOf(await locked(backupTar(ABOUT, each(member('token', 'SECRET-CANARY'.repeat(10)))), lock));
    t.false(file.includes('SECRET-CANARY'));
    const open = (keys: Parameters<typeof unlocked>[2]) => unlocked(pieces(file), file.subarray(0, 512), keys);
    const keys = {identities: [], ...(lock.kind === 'passphrase' && {passphrase: lock.passphrase})};
    t.is(Object.values(await read(await bytesOf(await open(keys))))[0], 'SECRET-CANARY'.repeat(10));
    if (lock.kind === 'plain') return;
    await t.throwsAsync(() => open({identities: []}), {message: 'the backup is encrypted with a passphrase'});
    await t.throwsAsync(() => open({identities: [], passphrase: 'wrong'}), {message: 'the passphrase does not open the backup'});
  });
}

test('a backup to a key of age is opened with its private key, and not when it is cut off', async (t) => {
  const {generateX25519Identity, identityToRecipient} = await import('age-encryption');
  const [mine, other] = [await generateX25519Identity(), await generateX25519Identity()];
  const file = await bytesOf(await locked(backupTar(ABOUT, each(member('token', 'x'.repeat(200_000)))), {kind: 'recipients', recipients: [await identityToRecipient(mine)]}));
  const open = (bytes: Buffer, identities: readonly string[]) => unlocked(pieces(bytes), bytes.subarray(0, 512), {identities});
  t.is(Object.keys(await read(await bytesOf(await open(file, [other, mine])))).length, 1);
  await t.throwsAsync(() => open(file, [other]), {message: 'none of these keys opens the backup'});
  await t.throwsAsync(() => open(file, []), {message: 'the backup is encrypted to a key of age'});
  await t.throwsAsync(async () => bytesOf(await open(file.subarray(0, -20), [mine])), {name: 'BackupBroken', message: /^it is damaged or cut off \(/});
  await t.throwsAsync(() => open(Buffer.from('hello'), [mine]), {message: 'this is no backup of a cluster'});
});

test('a backup that is not encrypted says what is wrong with it when it is damaged or cut off', async (t) => {
  const file = await bytesOf(await locked(backupTar(ABOUT, each(member('token', 'x'.repeat(200_000)))), {kind: 'plain'}));
  const bytesFrom = async (bytes: Buffer) => bytesOf(await unlocked(pieces(bytes), bytes.subarray(0, 512), {identities: []}));
  t.true((await bytesFrom(file)).length > 200_000);
  const damaged = Buffer.from(file);
  damaged.fill(0xff, 100, 120);
  for (const wrong of [file.subarray(0, -20), damaged]) await t.throwsAsync(() => bytesFrom(wrong), {name: 'BackupBroken', message: /^it is damaged or cut off \([\w ]+\)$/});
});

test('a file is whole, or not there, and replaces none', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-backup-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'a.age');
  await t.throwsAsync(() => writeWhole(file, (async function* () {
    yield Buffer.from('half');
    throw new Error('the disk is gone');
  })()), {message: 'the disk is gone'});
  t.deepEqual(await readdir(folder), []);
  t.is((await writeWhole(file, pieces(Buffer.from('all')))).bytes, 3);
  t.is((await headOf(file)).toString(), 'all');
  await writeFile(file, 'mine');
  await t.throwsAsync(() => writeWhole(file, pieces(Buffer.from('all'))), {message: /is there already/});
});

/** The same tar without one of its entries. */
async function without(tar: Buffer, name: string): Promise<Buffer> {
  const kept: Buffer[] = [];
  let isKept = true;
  for await (const {header, bytes} of tarPieces(pieces(tar))) {
    if (header !== undefined) isKept = header.name !== name;
    if (isKept) kept.push(bytes);
  }
  return Buffer.concat([...kept, TAR_END]);
}
