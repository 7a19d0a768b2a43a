import type {Problem} from './schema.ts';
import {parseSshKey, SSH_KEY_PATTERN} from './ssh-key.ts';

const KEYS_MAX = 20;
/** Of one key: an OpenPGP key with some subkeys and user ids. */
const KEY_CHARACTERS_MAX = 32 * 1024;

const PGP_BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const PGP_PATTERN = `^\\s*${PGP_BEGIN}\\r?\\n[\\s\\S]*-----END PGP PUBLIC KEY BLOCK-----\\s*$`;

const errorMessage = 'must be a line of an SSH .pub file, or an OpenPGP public key: gpg --armor --export <key>';

/** Keys that somebody signs commits with. */
export const signingKeysSchema = {
  type: 'array',
  maxItems: KEYS_MAX,
  uniqueItems: true,
  items: {type: 'string', maxLength: KEY_CHARACTERS_MAX, pattern: `(${SSH_KEY_PATTERN})|(${PGP_PATTERN})`, errorMessage},
} as const;

/** The key of a machine is always of this kind. */
export const nodeKeySchema = {type: 'string', maxLength: 200, pattern: '^ssh-ed25519 [A-Za-z0-9+/]{16,}={0,2}( [^\\n\\r]*)?$', errorMessage: 'must be an ssh-ed25519 key: flynn doctor on that machine shows it'} as const;

export function isPgpKey(key: string): boolean {
  return key.trimStart().startsWith(PGP_BEGIN);
}

/** Of OpenPGP keys only the shape is looked at here: what is in them is read when a commit is checked. */
export function checkSigningKeys(keys: readonly string[] = [], path: Problem['path']): readonly Problem[] {
  return keys.flatMap((key, index) => {
    const read = isPgpKey(key) ? undefined : parseSshKey(key);
    return typeof read === 'string' ? [{path: [...path, index], message: `the key ${read}`}] : [];
  });
}
