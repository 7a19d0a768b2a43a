import test, {type ExecutionContext} from 'ava';
import * as openpgp from 'openpgp';
import {ownerOfPgpSignature} from '../../../reconciler/signatures/pgp-signature.ts';

// Keys as gpg makes them; `test/system/signed.test.ts` has gpg itself.

const COMMIT = Buffer.from('tree 1\n\nmessage\n');
const DAY_MS = 24 * 60 * 60_000;
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;

async function keyOf(options: Partial<openpgp.KeyOptions> = {}) {
  return openpgp.generateKey({type: 'ecc', userIDs: [{name: 'Ann', email: 'ann@example.com'}], format: 'object', date: new Date(NOW_MS - 10 * DAY_MS), ...options} as openpgp.KeyOptions & {format: 'object'});
}

/** Of the commit, made `ageMs` ago. */
async function signatureBy(privateKey: openpgp.PrivateKey, {ageMs = 1000, config = {}}: {ageMs?: number; config?: openpgp.PartialConfig} = {}): Promise<string> {
  const message = await openpgp.createMessage({binary: new Uint8Array(COMMIT)});
  return String(await openpgp.sign({message, signingKeys: privateKey, detached: true, date: new Date(NOW_MS - ageMs), config}));
}

async function said(t: ExecutionContext, armored: string, key: string, payload = COMMIT): Promise<string> {
  const found = await ownerOfPgpSignature(armored, payload, {keys: [{armored: key, owner: 'ann'}], nowMs: NOW_MS});
  t.log(found);
  return 'owner' in found ? found.owner : found.problem.replaceAll(/[0-9A-F]{16}/g, '<id>');
}

test('a signature is that of its key\'s owner, and of its commit only', async (t) => {
  const {privateKey, publicKey} = await keyOf();
  const signature = await signatureBy(privateKey);
  t.is(await said(t, signature, publicKey.armor()), 'ann');
  t.regex(await said(t, signature, publicKey.armor(), Buffer.from('other')), /^by the OpenPGP key <id> does not count: .*[Ss]igned digest did not match/);
  t.is(await said(t, signature, (await keyOf()).publicKey.armor()), 'is by the OpenPGP key <id>, which nobody has in signingKeys');
  t.is(await said(t, 'nonsense', publicKey.armor()), 'can\'t be read, or is more than one');
});

test('an expired key does not count, whatever the signature says of its time', async (t) => {
  const {privateKey, publicKey} = await keyOf({keyExpirationTime: 5 * DAY_MS / 1000});
  t.regex(await said(t, await signatureBy(privateKey, {ageMs: 6 * DAY_MS}), publicKey.armor()), /does not count: .*expired/);
});

test('a revoked key does not count', async (t) => {
  const {privateKey, publicKey} = await keyOf();
  const signature = await signatureBy(privateKey);
  t.is(await said(t, signature, publicKey.armor()), 'ann');
  const revoked = await openpgp.revokeKey({key: privateKey, format: 'object'});
  t.regex(await said(t, signature, revoked.publicKey.armor()), /does not count: .*revoked/);
});

test('a weak key does not count', async (t) => {
  const weak = await keyOf({type: 'rsa', rsaBits: 1024, config: {minRSABits: 1024}});
  const signature = await signatureBy(weak.privateKey, {config: {minRSABits: 1024}});
  t.regex(await said(t, signature, weak.publicKey.armor()), /does not count: .*RSA keys shorter than 2048 bits/);
  const {privateKey, publicKey} = await keyOf({type: 'rsa', rsaBits: 2048});
  t.is(await said(t, await signatureBy(privateKey), publicKey.armor()), 'ann');
});
