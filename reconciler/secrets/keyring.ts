import {createHmac, randomBytes} from 'node:crypto';
import {chmod, mkdir, open, readFile, rename, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {OWNER_STANZA} from '../../schemas/armor.ts';
import type {AppId} from '../../schemas/ids.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import {readUsers} from '../../schemas/users.ts';
import {IDENTITIES_MAX, parseIdentities, renderIdentities, type Identity} from './identity-file.ts';

/** Results of opening that are remembered, by the sealed text: a commit to cluster.yaml has every app resolved anew. */
const REMEMBERED_MAX = 20_000;
const DIGEST_KEY_BYTES = 32;

const IDENTITY = 'identity';
const DIGEST_KEY = 'digest-key';
/** What there is in the keyring's folder. */
export const KEYRING_FILES: readonly string[] = [IDENTITY, DIGEST_KEY];

/** What is known of an opened value without it. */
export interface Inspected {
  /** Nobody can make it without this node's key. */
  readonly digest: string;
  /** Why it can't be the users of a route. Absent: it can. */
  readonly usersProblem?: string;
}

/** A secret can't be opened or sealed. The message never has a part of it. */
export class SecretFailed extends Error {
  override name = 'SecretFailed';
}

/**
 * The age identities of this node, and what can be done with them. They are in one file, in the form that `age -i` reads, newest first; it
 * is read again when it has changed, so that putting it back is enough.
 */
export class Keyring {
  readonly folder: string;
  #known: {readonly stamp: string; readonly identities: Result<readonly Identity[], string>} | undefined;
  #results = new Map<string, Result<Inspected, string>>();
  /** Changes of the file come one after the other, each to what the one before it left: of two keys at once one would be lost, with all that is sealed to it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  get #identityFile(): string {
    return path.join(this.folder, IDENTITY);
  }

  /** Makes an identity if there is none, and whatever else the folder has to hold. Resolves to the public key of the newest. */
  async ensure(): Promise<string> {
    await mkdir(this.folder, {recursive: true, mode: 0o700});
    await chmod(this.folder, 0o700);
    await this.#digestKey();
    return this.#inTurn(async () => {
      const [newest] = await this.recipients();
      return newest ?? this.#add();
    });
  }

  /** Public keys of this node's identities, newest first. None when it has no identity file. @throws {SecretFailed} when that can't be read */
  async recipients(): Promise<readonly string[]> {
    const identities = await this.#identities();
    if (identities.ok) return identities.value.map(({recipient}) => recipient);
    if (this.#known?.stamp === MISSING) return [];
    throw new SecretFailed(identities.problem);
  }

  /** Makes a new identity, the newest from now on; the oldest beyond the limit is forgotten. Resolves to its public key. */
  add(): Promise<string> {
    return this.#inTurn(() => this.#add());
  }

  async #add(): Promise<string> {
    const age = await loadAge();
    const secretKey = await age.generateX25519Identity();
    const recipient = await age.identityToRecipient(secretKey);
    const before = await this.#all();
    await this.#write([{secretKey, recipient, createdAt: new Date().toISOString()}, ...before].slice(0, IDENTITIES_MAX));
    return recipient;
  }

  /** Forgets the identities of these public keys, for ever. */
  remove(recipients: readonly string[]): Promise<void> {
    return this.#inTurn(async () => this.#write((await this.#all()).filter(({recipient}) => !recipients.includes(recipient))));
  }

  #inTurn<Value>(change: () => Promise<Value>): Promise<Value> {
    const changing = this.#last.then(change);
    this.#last = changing.catch(() => {}); // Its caller is told; the next one has its own try.
    return changing;
  }

  /** What tells one state of the identity file from another. */
  async stamp(): Promise<string> {
    const found = await stat(this.#identityFile, {bigint: true}).catch(() => undefined);
    return found === undefined ? MISSING : `${found.mtimeNs} ${found.ctimeNs} ${found.ino} ${found.size}`;
  }

  /** Opens each value and forgets it: what stays is what is known of it, or why it can't be opened. */
  async inspect(values: readonly string[]): Promise<ReadonlyMap<string, Result<Inspected, string>>> {
    const results = new Map<string, Result<Inspected, string>>();
    if (values.length === 0) return results;
    await this.#identities();
    const key = await this.#digestKey();
    for (const sealed of values) {
      const remembered = this.#results.get(sealed);
      const result = remembered ?? inspected(await this.#open(sealed), key);
      if (remembered === undefined) this.#remember(sealed, result);
      results.set(sealed, result);
    }
    return results;
  }

  /** @throws {SecretFailed} */
  async open(sealed: string): Promise<string> {
    const opened = await this.#open(sealed);
    if (!opened.ok) throw new SecretFailed(`it can't be decrypted: ${opened.problem}`);
    return opened.value;
  }

  /** A key of this node's own for one purpose: the same each time, and of no use for any other. */
  async deriveKey(purpose: string): Promise<string> {
    return createHmac('sha256', await this.#digestKey()).update(`flynn ${purpose}`).digest('hex');
  }

  /** The environment of a container that is about to be made. @throws {SecretFailed} with the name of the variable */
  async openEnv(sealed: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
    const opened: Record<string, string> = {};
    for (const [name, value] of Object.entries(sealed)) {
      const result = await this.#open(value);
      if (!result.ok) throw new SecretFailed(`the secret ${name} can't be decrypted: ${result.problem}`);
      opened[name] = result.value;
    }
    return opened;
  }

  /** How many of the values none of these keys can open. */
  async notOpenedBy(recipients: readonly string[], values: readonly string[]): Promise<number> {
    let count = 0;
    for (const value of values) if (!(await this.#open(value, recipients)).ok) count += 1;
    return count;
  }

  async #open(sealed: string, only?: readonly string[]): Promise<Result<string, string>> {
    const identities = await this.#identities();
    if (!identities.ok) return identities;
    const age = await loadAge();
    const decrypter = new age.Decrypter();
    for (const {secretKey, recipient} of identities.value) if (only?.includes(recipient) ?? true) decrypter.addIdentity(secretKey);
    try {
      const bytes = await decrypter.decrypt(age.armor.decode(sealed));
      return ok(new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes));
    } catch (error) {
      return fail(explained(error));
    }
  }

  async #identities(): Promise<Result<readonly Identity[], string>> {
    const stamp = await this.stamp();
    if (this.#known?.stamp === stamp) return this.#known.identities;
    const identities = await this.#read(stamp);
    this.#known = {stamp, identities};
    this.#results = new Map();
    return identities;
  }

  async #read(stamp: string): Promise<Result<readonly Identity[], string>> {
    if (stamp === MISSING) return fail(`this node has no identity (${this.#identityFile} is missing: put it back)`);
    try {
      return await parseIdentities(await readFile(this.#identityFile, 'utf8'), this.#identityFile);
    } catch (error) {
      return fail(`this node's identity can't be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** @throws {SecretFailed} when there is a file that can't be read: it must not be overwritten */
  async #all(): Promise<readonly Identity[]> {
    const identities = await this.#identities();
    if (identities.ok) return identities.value;
    if (this.#known?.stamp === MISSING) return [];
    throw new SecretFailed(identities.problem);
  }

  async #write(identities: readonly Identity[]): Promise<void> {
    const unfinished = `${this.#identityFile}.new`;
    await writeFile(unfinished, renderIdentities(identities), {mode: 0o600, flush: true});
    await chmod(unfinished, 0o600);
    await rename(unfinished, this.#identityFile);
    await using folder = await open(this.folder);
    await folder.sync();
  }

  /** Of this node alone: digests are compared with those that it made before. A new one deploys apps with secrets once more. */
  async #digestKey(): Promise<Buffer> {
    const file = path.join(this.folder, DIGEST_KEY);
    const made = randomBytes(DIGEST_KEY_BYTES).toString('base64');
    await writeFile(file, `${made}\n`, {mode: 0o600, flag: 'wx', flush: true}).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const key = Buffer.from(await readFile(file, 'utf8'), 'base64');
    if (key.length !== DIGEST_KEY_BYTES) throw new SecretFailed(`${file} is damaged: remove it, and apps with secrets are deployed once more`);
    return key;
  }

  #remember(sealed: string, result: Result<Inspected, string>): void {
    const oldest = this.#results.keys().next().value;
    if (this.#results.size >= REMEMBERED_MAX && oldest !== undefined) this.#results.delete(oldest);
    this.#results.set(sealed, result);
  }
}

/**
 * Encrypts a value to these public keys, as an age file in its ASCII armour. Different each time. It says in the clear whose it is, by the app's id, so that nobody who may
 * write one app's secrets gets at another's by copying them. Absent: it may be anybody's, as what is encrypted by hand.
 */
export async function seal(value: string, recipients: readonly string[], owner?: AppId | 'cluster'): Promise<string> {
  if (recipients.length === 0) throw new Error('bug: a secret for nobody');
  const age = await loadAge();
  const encrypter = new age.Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  if (owner !== undefined) encrypter.addRecipient({wrapFileKey: () => [new age.Stanza([OWNER_STANZA, owner], new Uint8Array())]});
  return `${age.armor.encode(await encrypter.encrypt(value)).trimEnd()}\n`;
}

const MISSING = 'missing';

/** Only when the first secret is met: without any, its memory is saved. */
function loadAge() {
  return import('age-encryption');
}

function inspected(opened: Result<string, string>, key: Buffer): Result<Inspected, string> {
  if (!opened.ok) return opened;
  const users = readUsers(opened.value);
  return ok({digest: createHmac('sha256', key).update(opened.value).digest('hex'), ...(!users.ok && {usersProblem: users.problem})});
}

/** What age says of a file, in words that help. None of its messages has a part of what is in it. */
function explained(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('no identity matched')) return 'it is encrypted for other keys than this node has';
  if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not text in UTF-8';
  return `it is damaged (${message})`;
}
