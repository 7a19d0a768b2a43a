import {execFileSync} from 'node:child_process';
import {createHash, generateKeyPairSync, sign} from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {parseSshSignature, problemOfSshSignature, type SshSignature} from '../../../reconciler/signatures/ssh-signature.ts';
import {parseSshKey, wireString} from '../../../schemas/ssh-key.ts';
import {temporaryFolder} from '../checkout/support.ts';
import {makeKey, publicKey} from './support.ts';

const COMMIT = Buffer.from('tree 1\n\nmessage\n');

/** What `ssh-keygen -Y sign` makes of the commit. */
async function signedBy(t: ExecutionContext, options: readonly string[], namespace = 'git'): Promise<SshSignature> {
  const folder = await temporaryFolder(t);
  makeKey(folder, 'key', ...options);
  await fs.writeFile(path.join(folder, 'commit'), COMMIT);
  execFileSync('ssh-keygen', ['-Y', 'sign', '-f', path.join(folder, 'key'), '-n', namespace, path.join(folder, 'commit')], {stdio: 'ignore'});
  const parsed = parseSshSignature(await fs.readFile(path.join(folder, 'commit.sig'), 'utf8'));
  if (parsed === undefined) throw new Error('not parsed');
  const key = parseSshKey(await publicKey(folder, 'key'));
  if (typeof key !== 'string') t.deepEqual(parsed.blob, key.blob);
  return parsed;
}

for (const options of [['-t', 'ed25519'], ['-t', 'ecdsa', '-b', '256'], ['-t', 'ecdsa', '-b', '384'], ['-t', 'ecdsa', '-b', '521'], ['-t', 'rsa', '-b', '2048']]) {
  test(`a signature by ssh-keygen ${options.join(' ')} is one of its commit, and of no other`, async (t) => {
    const signature = await signedBy(t, options);
    t.is(problemOfSshSignature(signature, COMMIT), undefined);
    t.is(problemOfSshSignature(signature, Buffer.concat([COMMIT, Buffer.from('x')])), 'is not one of this commit: it was made of something else, or changed since');
  });
}

test('a signature for another use is none of a commit', async (t) => {
  t.is(problemOfSshSignature(await signedBy(t, [], 'file'), COMMIT), 'was made for "file", not for git');
});

test('weak keys and SHA-1 are refused', async (t) => {
  t.is(problemOfSshSignature(await signedBy(t, ['-t', 'rsa', '-b', '1024']), COMMIT), 'is by an RSA key of less than 2048 bits');
  const signature = await signedBy(t, ['-t', 'rsa', '-b', '2048']);
  t.is(problemOfSshSignature({...signature, signature: Buffer.concat([wireString('ssh-rsa'), wireString(Buffer.alloc(256))])}, COMMIT), 'uses "ssh-rsa", which is SHA-1: OpenSSH from 8.2 on signs with SHA-2');
  t.is(problemOfSshSignature({...signature, hash: 'sha1'}, COMMIT), 'uses the hash "sha1", it has to be one of sha256, sha512');
});

test('a security token has to be touched', (t) => {
  const {privateKey, publicKey: point} = generateKeyPairSync('ed25519');
  const type = 'sk-ssh-ed25519@openssh.com';
  const blob = Buffer.concat([wireString(type), wireString(point.export({type: 'spki', format: 'der'}).subarray(-32)), wireString('ssh:')]);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  const signed = Buffer.concat([Buffer.from('SSHSIG'), wireString('git'), wireString(''), wireString('sha512'), wireString(createHash('sha512').update(COMMIT).digest())]);
  const by = (flags: number) => {
    const counter = Buffer.from([flags, 0, 0, 0, 7]);
    const value = sign(null, Buffer.concat([sha256(Buffer.from('ssh:')), counter, sha256(signed)]), privateKey);
    return problemOfSshSignature({blob, namespace: 'git', hash: 'sha512', signature: Buffer.concat([wireString(type), wireString(value), counter])}, COMMIT);
  };
  t.is(by(1), undefined);
  t.is(by(0), 'was made by a security token that nobody touched');
});

test('what is no signature is not taken for one', (t) => {
  for (const text of ['', '-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----', '-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----']) t.is(parseSshSignature(text), undefined);
  t.is(problemOfSshSignature({blob: wireString('ssh-dss'), namespace: 'git', hash: 'sha512', signature: Buffer.alloc(0)}, COMMIT), 'is by a key of the kind "ssh-dss", which is not accepted');
  t.is(problemOfSshSignature({blob: wireString('ssh-ed25519'), namespace: 'git', hash: 'sha512', signature: Buffer.from([0, 0, 0, 99])}, COMMIT), 'can\'t be read');
});
