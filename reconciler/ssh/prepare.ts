import {createHash, createPrivateKey, createPublicKey, generateKeyPairSync} from 'node:crypto';
import {chmod, copyFile, mkdir, readFile, rename, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {LoginKey} from '../../schemas/login-key.ts';
import type {Layout} from '../layout.ts';
import {sshFiles, type SshFiles} from './files.ts';
import {renderAuthorizedKeys, renderSshdConfig} from './sshd-config.ts';

/** What a client is to find at the other end. */
export interface HostKey {
  /** `ssh-ed25519 AAAA…`, for known_hosts. */
  readonly line: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

const ED25519 = 'ssh-ed25519';
/** Of the DER form of a public key of Ed25519 (RFC 8410 4), before its 32 bytes. */
const SPKI_HEAD_BYTES = 12;

/** Writes all that sshd starts from. Only the host's key is kept from one start to the next. */
export async function prepareSsh(settings: {readonly listen: string; readonly port: number}, layout: Pick<Layout, 'ssh'>): Promise<HostKey> {
  const files = sshFiles(layout);
  await mkdir(layout.ssh, {recursive: true, mode: 0o700});
  await chmod(layout.ssh, 0o700);
  await mkdir(files.box, {recursive: true});
  await chmod(files.box, 0o755);
  const hostKey = await ensureHostKey(files.hostKey);
  await replace(files.config, renderSshdConfig(settings, files), 0o644);
  await copyFile(path.join(import.meta.dirname, 'relay.pl'), `${files.relay}.next`);
  await chmod(`${files.relay}.next`, 0o644);
  await rename(`${files.relay}.next`, files.relay);
  return hostKey;
}

/** Who gets as far as being asked for. Read by sshd at each login. */
export async function publishKeys(keys: Iterable<LoginKey>, files: SshFiles): Promise<void> {
  await replace(files.authorizedKeys, renderAuthorizedKeys(keys, files), 0o644);
}

/** The host's key, of a node that has one. */
export async function readHostKey(file: string): Promise<HostKey | undefined> {
  const pem = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return pem === undefined ? undefined : describeHostKey(pem);
}

async function ensureHostKey(file: string): Promise<HostKey> {
  const known = await readHostKey(file);
  if (known !== undefined) {
    await chmod(file, 0o600);
    return known;
  }
  // OpenSSH reads this form since 9.6; no ssh-keygen is needed.
  const pem = generateKeyPairSync('ed25519').privateKey.export({type: 'pkcs8', format: 'pem'}).toString();
  await replace(file, pem, 0o600);
  return describeHostKey(pem);
}

function describeHostKey(pem: string): HostKey {
  const point = createPublicKey(createPrivateKey(pem)).export({type: 'spki', format: 'der'}).subarray(SPKI_HEAD_BYTES);
  const blob = Buffer.concat([ED25519, point].map((word) => {
    const bytes = Buffer.from(word);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  }));
  return {line: `${ED25519} ${blob.toString('base64')}`, fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`};
}

/** As a whole, and never with another mode than this one, whatever the umask is. */
async function replace(file: string, text: string, mode: number): Promise<void> {
  const next = `${file}.next`;
  await writeFile(next, text, {mode: 0o600});
  await chmod(next, mode);
  await rename(next, file);
}
