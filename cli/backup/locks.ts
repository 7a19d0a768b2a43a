import {Failure} from '../command.ts';
import {BackupBroken} from './format.ts';

/** How a backup is closed: it holds the key of all secrets. */
export type Lock =
  | {readonly kind: 'plain'}
  | {readonly kind: 'passphrase'; readonly passphrase: string}
  /** Public keys of age. */
  | {readonly kind: 'recipients'; readonly recipients: readonly string[]};

export interface Keys {
  readonly passphrase?: string;
  /** Private keys of age. */
  readonly identities: readonly string[];
}

/** What age writes at the begin of a file, C2SP age specification. */
const AGE = 'age-encryption.org/v1\n';
const GZIP = Buffer.from([0x1f, 0x8b]);
/** Of the stanza that says that a passphrase opens the file. */
const SCRYPT = '-> scrypt ';

/** The bytes of a tar, packed and encrypted, as they come: `age -d | tar xz` opens it. */
export async function locked(tar: AsyncIterable<Uint8Array>, lock: Lock): Promise<AsyncIterable<Uint8Array>> {
  const packed = ReadableStream.from(tar).pipeThrough(new CompressionStream('gzip') as TransformStream<Uint8Array, Uint8Array>);
  if (lock.kind === 'plain') return packed;
  const {Encrypter} = await import('age-encryption');
  const encrypter = new Encrypter();
  if (lock.kind === 'passphrase') encrypter.setPassphrase(lock.passphrase);
  else for (const recipient of lock.recipients) addRecipient(encrypter, recipient);
  return encrypter.encrypt(packed as never) as Promise<unknown> as Promise<AsyncIterable<Uint8Array>>;
}

/** The tar in a backup. `head`: its first bytes, at least 200 where it has as many. Throws `Failure` when the keys don't open it, later `BackupBroken`. */
export async function unlocked(bytes: AsyncIterable<Uint8Array>, head: Buffer, keys: Keys): Promise<AsyncIterable<Uint8Array>> {
  return undamaged(await opened(bytes, head, keys));
}

/** What age and gzip say of a file that is not as it was made is no sentence for people. */
async function* undamaged(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* tar;
  } catch (cause) {
    throw new BackupBroken(`it is damaged or cut off (${wordsOf(cause)})`, {cause});
  }
}

/** What a stream fails with may be an error without a message, around the one that has it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error ?? 'it makes no sense');
  return error.message === '' ? wordsOf(error.cause) : error.message;
}

async function opened(bytes: AsyncIterable<Uint8Array>, head: Buffer, keys: Keys): Promise<AsyncIterable<Uint8Array>> {
  const stream = ReadableStream.from(bytes);
  const unpacked = (packed: ReadableStream) => packed.pipeThrough(new DecompressionStream('gzip') as TransformStream<Uint8Array, Uint8Array>);
  if (head.subarray(0, GZIP.length).equals(GZIP)) return unpacked(stream);
  if (!head.toString('latin1').startsWith(AGE)) throw new Failure('this is no backup of a cluster', {advice: ['a backup is what flynn cluster backup has written']});
  const takesPassphrase = head.toString('latin1').includes(SCRYPT);
  if (takesPassphrase && keys.passphrase === undefined) throw new Failure('the backup is encrypted with a passphrase', {advice: ['say it with --passphrase-file <file> (- for stdin)']});
  if (!takesPassphrase && keys.identities.length === 0) throw new Failure('the backup is encrypted to a key of age', {advice: ['say where the private one is with --identity <file>']});
  const {Decrypter} = await import('age-encryption');
  const decrypter = new Decrypter();
  if (takesPassphrase && keys.passphrase !== undefined) decrypter.addPassphrase(keys.passphrase);
  else for (const identity of keys.identities) decrypter.addIdentity(identity);
  try {
    return unpacked(await decrypter.decrypt(stream as never) as never);
  } catch (cause) {
    await stream.cancel().catch(() => {}); // It may be locked: then its reader has failed.
    throw new Failure(takesPassphrase ? 'the passphrase does not open the backup' : 'none of these keys opens the backup', {cause, advice: [cause instanceof Error ? cause.message : String(cause)]});
  }
}

function addRecipient(encrypter: {addRecipient(recipient: string): void}, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new Failure(`"${recipient}" is no public key of age`, {cause, advice: ['age-keygen makes a pair: the public key begins with age1']});
  }
}
