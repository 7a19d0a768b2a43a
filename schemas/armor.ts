import {fail, ok, type Result} from './result.ts';

/** What can be said of a sealed value without any key. */
export interface Armored {
  /** How many it was encrypted for; who they are can't be seen. */
  readonly recipientCount: number;
  /** Whose it is: an app, or `cluster`. Absent: nobody said so when it was sealed. */
  readonly owner?: string;
}

/**
 * Type of the stanza that says whose a value is. Everybody who decrypts passes over stanzas that he does not know, and the header's MAC, which takes the
 * file's key to make, keeps it where it is (age-encryption.org/v1): a value that is copied elsewhere still says whose it was.
 */
export const OWNER_STANZA = 'flynn-owner';

const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----';
const END = '-----END AGE ENCRYPTED FILE-----';
const COLUMNS = 64;
const VERSION_LINE = 'age-encryption.org/v1';
/** Anything shorter can't hold a nonce (16 bytes) and the tag of the last chunk (16 bytes). */
const PAYLOAD_BYTES_MIN = 32;

/**
 * Looks at an armoured age file (age-encryption.org/v1: PEM of RFC 7468, strict, around a header of text lines and a binary payload) as
 * far as that goes without decrypting it. Fails with what is wrong, in words that follow the name of the value.
 */
export function readArmor(text: string): Result<Armored, string> {
  const lines = text.trim().split(/\r?\n/);
  if (lines[0] !== BEGIN) return fail(`has to begin with "${BEGIN}": it is no value that age has encrypted`);
  if (lines.length < 3 || lines.at(-1) !== END) return fail(`has to end with "${END}": its end is missing`);
  const body = lines.slice(1, -1);
  const isWhole = body.every((line, index) => (index === body.length - 1 ? line.length <= COLUMNS : line.length === COLUMNS));
  const bytes = Buffer.from(body.join(''), 'base64');
  if (!isWhole || bytes.toString('base64') !== body.join('')) return fail('is damaged: its lines are no longer what age wrote');
  return readHeader(bytes);
}

function readHeader(bytes: Buffer): Result<Armored, string> {
  const damaged = fail('is damaged: its header is not that of an age file (age-encryption.org/v1)');
  const macStart = bytes.indexOf('\n--- ');
  const headerEnd = macStart === -1 ? -1 : bytes.indexOf('\n', macStart + 1);
  if (headerEnd === -1 || bytes.length - headerEnd - 1 < PAYLOAD_BYTES_MIN) return damaged;
  const header = bytes.toString('latin1', 0, macStart).split('\n');
  const stanzas = header.filter((line) => line.startsWith('-> ')).map((line) => line.split(' '));
  const owner = stanzas.find(([, type]) => type === OWNER_STANZA)?.[2];
  const recipientCount = stanzas.filter(([, type]) => type !== OWNER_STANZA).length;
  return header[0] === VERSION_LINE && recipientCount > 0 ? ok({recipientCount, ...(owner !== undefined && {owner})}) : damaged;
}
