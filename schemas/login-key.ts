import {createHash} from 'node:crypto';
import type {Result} from './result.ts';
import {parseSshKey, SSH_KEY_TYPES, WireReader, type SshKeyType} from './ssh-key.ts';

/** A public key that somebody comes in with, as a line of `authorized_keys` has it (sshd(8)). */
export interface LoginKey {
  readonly type: SshKeyType;
  /** Base64, as it was written. */
  readonly blob: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it: what a key is known by. */
  readonly fingerprint: string;
  /** Usually where it is. May be empty. */
  readonly comment: string;
}

/** How many words of bytes follow the type (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, PROTOCOL.u2f of OpenSSH). */
const WORDS: Readonly<Record<SshKeyType, number>> = {
  'ssh-ed25519': 1, 'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2, 'ecdsa-sha2-nistp384': 2, 'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2, 'sk-ecdsa-sha2-nistp256@openssh.com': 3,
};

/** RSA of 16,384 bits has 2,800 characters. */
export const LOGIN_KEY_LENGTH_MAX = 4000;

/**
 * Reads one line as `ssh-keygen` writes it into `~/.ssh/id_ed25519.pub`. Options before the type (`command="…"`) are refused: what a key may do is
 * its owner's role. The problem follows "the SSH key ".
 */
export function readLoginKey(line: string): Result<LoginKey, string> {
  const text = line.trim();
  const refused = (problem: string): Result<never, string> => ({ok: false, problem});
  if (text.includes('PRIVATE KEY')) return refused('is a private key: never give that away. The public one is in the file beside it whose name ends in .pub');
  if (text.length > LOGIN_KEY_LENGTH_MAX || /[\u0000-\u001f\u007f]/.test(text)) return refused(`has to be one line of at most ${LOGIN_KEY_LENGTH_MAX} characters`);
  const [name = '', blob = '', ...comment] = text.split(/ +/);
  const type = SSH_KEY_TYPES.find((one) => one === name);
  if (type === undefined) return refused(`has to begin with its type (${SSH_KEY_TYPES.join(', ')}), without options before it, as the file ~/.ssh/id_ed25519.pub does`);
  const key = parseSshKey(text);
  if (typeof key === 'string') return refused(key);
  if (key.blob.toString('base64') !== blob || !isWhole(key.blob, WORDS[type])) return refused('is cut off or changed: the whole line of the .pub file is needed');
  const fingerprint = `SHA256:${createHash('sha256').update(key.blob).digest('base64').replaceAll('=', '')}`;
  return {ok: true, value: {type, blob, fingerprint, comment: comment.join(' ')}};
}

/** So many words after the type, and nothing behind them. */
function isWhole(blob: Buffer, words: number): boolean {
  const reader = new WireReader(blob);
  try {
    for (let index = 0; index <= words; index += 1) reader.string();
    return reader.isAtEnd;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
