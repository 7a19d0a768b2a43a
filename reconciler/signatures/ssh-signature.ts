import {createHash, createPublicKey, sign, verify, type KeyObject} from 'node:crypto';
import {RSA_BITS_MIN, SSH_KEY_TYPES, WireReader, wireString, type SshKeyType} from '../../schemas/ssh-key.ts';

// OpenSSH's PROTOCOL.sshsig, as `git commit -S` with `gpg.format ssh` makes it (by `ssh-keygen -Y sign -n git`).

/** A signature, taken apart; nothing of it is true before `isSshSignatureOf` has said so. */
export interface SshSignature {
  /** Of the key that it says it was made with. */
  readonly blob: Buffer;
  readonly namespace: string;
  readonly hash: string;
  readonly signature: Buffer;
}

/** What git signs as; one for another use, such as a file or a login, is none of a commit. */
export const NAMESPACE = 'git';

const MAGIC = 'SSHSIG';
const VERSION = 1;
const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
const LINE_LENGTH = 70;
const HASHES = ['sha256', 'sha512'];
/** A security token that was not touched has signed without its owner. */
const USER_PRESENT = 1;

export function isSshSignature(armored: string): boolean {
  return armored.startsWith(BEGIN);
}

/** Undefined: it is none, or one of another version. */
export function parseSshSignature(armored: string): SshSignature | undefined {
  const body = new RegExp(`^${BEGIN}\\n([A-Za-z0-9+/=\\n]+)\\n${END}\\s*$`).exec(armored.replaceAll('\r', ''))?.[1];
  if (body === undefined) return undefined;
  const reader = new WireReader(Buffer.from(body, 'base64'));
  try {
    if (reader.bytes(MAGIC.length).toString('latin1') !== MAGIC || reader.uint32() !== VERSION) return undefined;
    const blob = reader.string();
    const namespace = reader.text();
    reader.string(); // Reserved.
    const parsed = {blob, namespace, hash: reader.text(), signature: reader.string()};
    return reader.isAtEnd ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** `SHA256:…`, as `ssh-keygen -l` and the logs of servers have it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Why it is not a signature of these bytes by its key, in words that follow "its signature"; undefined when it is. Never throws. */
export function problemOfSshSignature({blob, namespace, hash, signature}: SshSignature, payload: Buffer): string | undefined {
  if (namespace !== NAMESPACE) return `was made for "${namespace}", not for git`;
  if (!HASHES.includes(hash)) return `uses the hash "${hash}", it has to be one of ${HASHES.join(', ')}`;
  try {
    return isValid({blob, signature}, signedBytes(hash, payload)) ?? undefined;
  } catch {
    return 'can\'t be read';
  }
}

/** Makes one with an Ed25519 key. */
export function makeSshSignature(key: KeyObject, blob: Buffer, payload: Buffer): string {
  const hash = 'sha512';
  const made = sign(null, signedBytes(hash, payload), key);
  const version = Buffer.alloc(4);
  version.writeUInt32BE(VERSION);
  const whole = Buffer.concat([Buffer.from(MAGIC), version, wireString(blob), wireString(NAMESPACE), wireString(''), wireString(hash), wireString(Buffer.concat([wireString('ssh-ed25519'), wireString(made)]))]);
  return `${BEGIN}\n${whole.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g'))?.join('\n')}\n${END}\n`;
}

function signedBytes(hash: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(MAGIC), wireString(NAMESPACE), wireString(''), wireString(hash), wireString(createHash(hash).update(payload).digest())]);
}

const WRONG = 'is not one of this commit: it was made of something else, or changed since';

function isValid({blob, signature}: Pick<SshSignature, 'blob' | 'signature'>, signed: Buffer): string | undefined {
  const key = new WireReader(blob);
  const type = key.text() as SshKeyType; // One that is not of these ends in the last branch.
  if (!SSH_KEY_TYPES.includes(type)) return `is by a key of the kind "${type}", which is not accepted`;
  const made = new WireReader(signature);
  const algorithm = made.text();
  const value = made.string();
  const answer = (isRight: boolean) => (isRight ? undefined : WRONG);
  switch (type) {
    case 'ssh-ed25519': return answer(algorithm === type && verify(null, signed, ed25519(key.string()), value));
    case 'ssh-rsa': {
      const [exponent, modulus] = [key.string(), key.string()];
      const hash = {'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512'}[algorithm];
      if (hash === undefined) return `uses "${algorithm}", which is SHA-1: OpenSSH from 8.2 on signs with SHA-2`;
      const rsa = createPublicKey({key: {kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url')}, format: 'jwk'});
      if ((rsa.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) return `is by an RSA key of less than ${RSA_BITS_MIN} bits`;
      return answer(verify(hash, signed, rsa, value));
    }
    case 'sk-ssh-ed25519@openssh.com': {
      const point = key.string();
      const token = tokenBytes(key.string(), made, signed);
      return token === undefined ? UNTOUCHED : answer(algorithm === type && verify(null, token, ed25519(point), value));
    }
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      key.string();
      const point = key.string();
      const token = tokenBytes(key.string(), made, signed);
      return token === undefined ? UNTOUCHED : answer(algorithm === type && verifyEcdsa(CURVES['ecdsa-sha2-nistp256'], {point, value}, token));
    }
    default: {
      key.string();
      return answer(algorithm === type && verifyEcdsa(CURVES[type], {point: key.string(), value}, signed));
    }
  }
}

const UNTOUCHED = 'was made by a security token that nobody touched';

/** What a token signs, OpenSSH's PROTOCOL.u2f. */
function tokenBytes(application: Buffer, made: WireReader, signed: Buffer): Buffer | undefined {
  const flags = made.bytes(1);
  const counter = made.bytes(4);
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return ((flags[0] ?? 0) & USER_PRESENT) === 0 ? undefined : Buffer.concat([digest(application), flags, counter, digest(signed)]);
}

const CURVES = {
  'ecdsa-sha2-nistp256': {crv: 'P-256', bytes: 32, hash: 'sha256'},
  'ecdsa-sha2-nistp384': {crv: 'P-384', bytes: 48, hash: 'sha384'},
  'ecdsa-sha2-nistp521': {crv: 'P-521', bytes: 66, hash: 'sha512'},
} as const;

function verifyEcdsa({crv, bytes, hash}: (typeof CURVES)[keyof typeof CURVES], {point, value}: {readonly point: Buffer; readonly value: Buffer}, signed: Buffer): boolean {
  if (point[0] !== 4 || point.length !== 1 + 2 * bytes) return false;
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)].map((half) => half.toString('base64url'));
  const key = createPublicKey({key: {kty: 'EC', crv, x: x ?? '', y: y ?? ''}, format: 'jwk'});
  const pair = new WireReader(value);
  const signature = Buffer.concat([pair.string(), pair.string()].map((number) => padded(number, bytes)));
  return verify(hash, signed, {key, dsaEncoding: 'ieee-p1363'}, signature);
}

/** A number of RFC 4251 without its sign, as long as its curve has it. */
function padded(number: Buffer, bytes: number): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  const digits = number.subarray(first === -1 ? number.length : first);
  if (digits.length > bytes) throw new RangeError('the number is too long');
  return Buffer.concat([Buffer.alloc(bytes - digits.length), digits]);
}

function ed25519(point: Buffer): KeyObject {
  return createPublicKey({key: {kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url')}, format: 'jwk'});
}
