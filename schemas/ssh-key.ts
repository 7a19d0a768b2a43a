/** A public key of SSH, read from the line that `ssh-keygen` writes. */
export interface SshKey {
  readonly type: SshKeyType;
  /** As the agent and the wire have it: the type, then its numbers, RFC 4253, 6.6. */
  readonly blob: Buffer;
  /** Of RSA: how long its modulus is. Absent: as long as its type says. */
  readonly bits?: number;
}

/** DSA is not here: OpenSSH has given it up. `sk-` ones are on a security token. */
export const SSH_KEY_TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa', 'sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'] as const;
export type SshKeyType = (typeof SSH_KEY_TYPES)[number];

/** Shorter ones are not safe any more (NIST SP 800-131A). */
export const RSA_BITS_MIN = 2048;

/** Of a JSON Schema: one line, with a comment or without. What is in the key is read by `parseSshKey`. */
export const SSH_KEY_PATTERN = `^(${SSH_KEY_TYPES.map((type) => type.replaceAll('.', '\\.')).join('|')}) [A-Za-z0-9+/]{16,}={0,2}( [^\\n\\r]*)?\\s*$`;

/** What is wrong with the line, in words that follow its place; or the key. */
export function parseSshKey(line: string): SshKey | string {
  const [name = '', text = ''] = line.trim().split(/\s+/);
  const type = SSH_KEY_TYPES.find((one) => one === name);
  if (type === undefined) return `"${name}" is no kind of SSH key that is known: ${SSH_KEY_TYPES.join(', ')}`;
  const blob = Buffer.from(text, 'base64');
  const reader = new WireReader(blob);
  try {
    if (reader.text() !== type) return `is not the ${type} key that it says it is`;
    if (type !== 'ssh-rsa') return {type, blob};
    reader.string();
    const bits = bitsOf(reader.string());
    return bits < RSA_BITS_MIN ? `is an RSA key of ${bits} bits: it needs ${RSA_BITS_MIN}, or be ssh-ed25519` : {type, blob, bits};
  } catch {
    return 'is cut off: the whole line of the .pub file is needed';
  }
}

/** Reads the fields of RFC 4251, section 5. Throws at the end of the bytes. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new RangeError('the field is cut off');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE();
  }

  string(): Buffer {
    return this.bytes(this.uint32());
  }

  text(): string {
    return this.string().toString('latin1');
  }
}

/** A field of RFC 4251: its length, then its bytes. */
export function wireString(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function bitsOf(mpint: Buffer): number {
  const first = mpint.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (mpint.length - first) * 8 - Math.clz32(mpint[first] ?? 0) + 24;
}
