import {readdir, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {Keyring, seal, SecretFailed} from '../../../reconciler/secrets/keyring.ts';
import type {AppId} from '../../../schemas/ids.ts';
import {readArmor} from '../../../schemas/armor.ts';
import {keyring} from '../../support/sealed.ts';

const CANARY = 'canary-1f0a79e2';

test('what was sealed is opened again, whatever characters it has', async (t) => {
  const {keys, recipient} = await keyring(t);
  for (const value of [CANARY, '', ' ', 'a\nb\n', 'ünï ☃ 𝄞', '\uFEFFbom', '"\'$`\\', 'x'.repeat(100_000)]) {
    t.is(await keys.open(await seal(value, [recipient])), value);
  }
});

test('a sealed value is a standard age file in armour, different each time, for each of its recipients', async (t) => {
  const {keys, recipient} = await keyring(t);
  const other = await keyring(t);
  const [one, two] = [await seal(CANARY, [recipient, other.recipient]), await seal(CANARY, [recipient, other.recipient])];
  t.not(one, two);
  t.deepEqual(readArmor(one), {ok: true, value: {recipientCount: 2}});
  t.is(await keys.open(one), CANARY);
  t.is(await other.keys.open(one), CANARY);
});

test('a value says whose it is, and cannot be made to say something else', async (t) => {
  const {keys, recipient} = await keyring(t);
  const sealed = await seal(CANARY, [recipient], 'shop' as AppId);
  t.deepEqual(readArmor(sealed), {ok: true, value: {recipientCount: 1, owner: 'shop'}});
  t.is(await keys.open(sealed), CANARY);
  const [begin = '', ...body] = sealed.trimEnd().split('\n');
  const bytes = Buffer.from(body.slice(0, -1).join(''), 'base64').toString('latin1');
  for (const forged of [bytes.replace('flynn-owner shop', 'flynn-owner blog'), bytes.replace('-> flynn-owner shop\n\n', '')]) {
    t.not(forged, bytes);
    const text = [begin, ...(Buffer.from(forged, 'latin1').toString('base64').match(/.{1,64}/g) ?? []), body.at(-1) ?? '', ''].join('\n');
    t.true(readArmor(text).ok);
    await t.throwsAsync(keys.open(text), {instanceOf: SecretFailed});
  }
});

test('the files of the keyring are only for their owner, and are made once', async (t) => {
  const {keys, folder, recipient} = await keyring(t);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.deepEqual((await readdir(folder)).toSorted(), ['digest-key', 'identity']);
  for (const file of await readdir(folder)) t.is((await stat(path.join(folder, file))).mode & 0o777, 0o600, file);
  const before = await readFile(path.join(folder, 'identity'), 'utf8');
  t.regex(before, /^# created: \S+\n# public key: age1\S+\nAGE-SECRET-KEY-1\S+\n$/);
  t.is(await keys.ensure(), recipient);
  t.is(await readFile(path.join(folder, 'identity'), 'utf8'), before);
});

test('a digest is the same for the same value however it is sealed, and another one on another node', async (t) => {
  const {keys, recipient} = await keyring(t);
  const other = await keyring(t);
  const recipients = [recipient, other.recipient];
  const values = [await seal(CANARY, recipients), await seal(CANARY, recipients), await seal('other', recipients)];
  const digests = [...(await keys.inspect(values)).values()].map((result) => (result.ok ? result.value.digest : t.fail(result.problem)));
  t.is(digests[0], digests[1]);
  t.not(digests[0], digests[2]);
  t.notDeepEqual((await other.keys.inspect(values)).get(values[0] ?? ''), (await keys.inspect(values)).get(values[0] ?? ''));
});

test('a new identity opens what is sealed to it, the old one what was sealed before, until it is removed', async (t) => {
  const {keys, recipient: old} = await keyring(t);
  const before = await seal('before', [old]);
  const now = await keys.add();
  t.deepEqual(await keys.recipients(), [now, old]);
  t.is(await keys.open(await seal('after', [now])), 'after');
  t.is(await keys.open(before), 'before');
  await keys.remove([old]);
  t.deepEqual(await keys.recipients(), [now]);
  await t.throwsAsync(keys.open(before), {instanceOf: SecretFailed, message: "it can't be decrypted: it is encrypted for other keys than this node has"});
});

test('an identity that is gone is told, and helps again as soon as it is back', async (t) => {
  const {keys, folder, recipient} = await keyring(t);
  const sealed = await seal(CANARY, [recipient]);
  const stamp = await keys.stamp();
  await rename(path.join(folder, 'identity'), path.join(folder, 'aside'));
  t.not(await keys.stamp(), stamp);
  const gone = (await keys.inspect([sealed])).get(sealed);
  t.regex(gone?.ok === false ? gone.problem : '', /^this node has no identity \(.*\/age\/identity is missing: put it back\)$/);
  t.deepEqual(await keys.recipients(), []);
  await rename(path.join(folder, 'aside'), path.join(folder, 'identity'));
  t.true((await keys.inspect([sealed])).get(sealed)?.ok);
});

test('a damaged identity file is told by its line, is not overwritten, and none of it is repeated', async (t) => {
  const {keys, folder, recipient} = await keyring(t);
  const file = path.join(folder, 'identity');
  const broken = (await readFile(file, 'utf8')).replace(/(AGE-SECRET-KEY-1.{20})./, '$1!');
  await writeFile(file, broken);
  const error = await t.throwsAsync(keys.openEnv({DATABASE_URL: await seal(CANARY, [recipient])}), {instanceOf: SecretFailed});
  t.regex(error.message, /^the secret DATABASE_URL can't be decrypted: this node's identity is damaged \(.*\/identity:3: no private key of age\)$/);
  await t.throwsAsync(keys.add(), {instanceOf: SecretFailed, message: /is damaged/});
  t.is(await readFile(file, 'utf8'), broken);
});

test('a damaged value is told without a part of it', async (t) => {
  const {keys, recipient} = await keyring(t);
  const lines = (await seal(CANARY.repeat(10), [recipient])).split('\n');
  lines[5] = (lines[5] ?? '').split('').reverse().join('');
  const error = await t.throwsAsync(keys.open(lines.join('\n')), {instanceOf: SecretFailed});
  t.regex(error.message, /^it can't be decrypted: it is damaged \(/);
  t.false(error.message.includes('canary'));
  const bytes = await new Keyring('/nonexistent').inspect([]);
  t.is(bytes.size, 0);
});

test('what no environment can hold is no secret', async (t) => {
  const {keys, recipient} = await keyring(t);
  const age = await import('age-encryption');
  const encrypter = new age.Encrypter();
  encrypter.addRecipient(recipient);
  const sealed = age.armor.encode(await encrypter.encrypt(new Uint8Array([0xff, 0xfe])));
  await t.throwsAsync(keys.open(sealed), {message: "it can't be decrypted: it is not text in UTF-8"});
});

test('without its folder there is nothing to open with, and nothing breaks', async (t) => {
  const {keys, folder, recipient} = await keyring(t);
  const sealed = await seal(CANARY, [recipient]);
  await rm(folder, {recursive: true});
  await t.throwsAsync(keys.open(sealed), {message: /this node has no identity/});
});

test('of identities that are made at the same time none is lost', async (t) => {
  const {keys, recipient} = await keyring(t);
  const made = await Promise.all([keys.add(), keys.add(), keys.remove(['age1nobody']), keys.add(), keys.ensure()]);
  t.deepEqual(await keys.recipients(), [made[3], made[1], made[0], recipient]);
});
