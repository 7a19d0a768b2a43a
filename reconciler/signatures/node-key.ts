import {createPrivateKey, createPublicKey, generateKeyPairSync} from 'node:crypto';
import {chmod, readFile, writeFile} from 'node:fs/promises';
import {wireString} from '../../schemas/ssh-key.ts';
import {withSignature} from './commit-signature.ts';
import {makeSshSignature} from './ssh-signature.ts';

/** What this node signs the commits with that it makes. */
export interface NodeKey {
  /** As it stands in `nodes/<node>.yaml`. */
  readonly publicKey: string;
  /** A commit object with its signature. */
  sign(commit: Buffer): Buffer;
}

const TYPE = 'ssh-ed25519';
/** Of a SubjectPublicKeyInfo of Ed25519 (RFC 8410) the key is the end. */
const POINT_BYTES = 32;

/** Makes the key, if there is none, and reads it. @throws when the file can't be read, or is no key */
export async function ensureNodeKey(file: string): Promise<NodeKey> {
  const made = generateKeyPairSync('ed25519').privateKey.export({type: 'pkcs8', format: 'pem'});
  // Never written over: whoever trusts the old key would not trust the new one.
  await writeFile(file, made, {mode: 0o600, flag: 'wx'}).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await chmod(file, 0o600);
  return nodeKey(await readFile(file, 'utf8'));
}

/** Exported for its test. */
export function nodeKey(pem: string): NodeKey {
  const key = createPrivateKey(pem);
  const point = createPublicKey(key).export({type: 'spki', format: 'der'}).subarray(-POINT_BYTES);
  const blob = Buffer.concat([wireString(TYPE), wireString(point)]);
  return {publicKey: `${TYPE} ${blob.toString('base64')}`, sign: (commit) => withSignature(commit, makeSshSignature(key, blob, commit))};
}
