import {createHash} from 'node:crypto';
import {paddingOf, TAR_END, tarHeaders, tarPieces, type TarPiece} from '../../reconciler/adapters/tar.ts';

/** First entry of a backup: what it is of. Its format is looked at before anything else is. */
export const ABOUT = 'flynn-backup.json';
/** Last entry: the length and the checksum of every other one. */
export const CHECKSUMS = 'checksums.json';
/** A higher one can't be read by this version of Flynn. */
export const FORMAT = 1;
/** Lengths of streams are not known beforehand, and a header says one: a member comes in pieces of at most so many bytes, each an entry. */
const PART_BYTES_MAX = 8 * 1024 * 1024;
const ABOUT_BYTES_MAX = 1024 * 1024;
const CHECKSUMS_BYTES_MAX = 64 * 1024 * 1024;

export interface About {
  readonly format: typeof FORMAT;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Version of Flynn. */
  readonly flynn: string;
  readonly node: string;
  readonly domain: string;
  /** The newest commit of the cluster repository; absent where there was none. */
  readonly commit?: string;
  /** `shop/data` of each volume that is in it. */
  readonly volumes: readonly string[];
}

/** One thing that is kept, such as a file or all of a repository. */
export interface Member {
  /** A relative path. */
  readonly name: string;
  readonly mode: number;
  readonly ownerId: number;
  readonly groupId: number;
  readonly content: AsyncIterable<Uint8Array>;
}

interface Checksum {
  readonly name: string;
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

export interface BackupContents {
  readonly about: About;
  readonly members: number;
  /** Of all members together, unpacked. */
  readonly bytes: number;
}

/** Something that calls itself a backup is damaged, cut off, of a newer version, or none. The message is for people. */
export class BackupBroken extends Error {
  override name = 'BackupBroken';
}

/** A backup as a tar, as it comes. Rejects when a member can't be read: what was given until then has no checksums at its end, and is no backup. */
export async function* backupTar(about: About, members: AsyncIterable<Member>): AsyncGenerator<Buffer, BackupContents> {
  const sums: Checksum[] = [];
  for await (const member of withAbout(about, members)) {
    const hash = createHash('sha256');
    let bytes = 0;
    let part = 0;
    for await (const piece of inParts(member.content)) {
      part += 1;
      bytes += piece.length;
      hash.update(piece);
      yield tarHeaders({...member, name: partName(member.name, part), type: '0', sizeBytes: piece.length});
      yield piece;
      yield paddingOf(piece.length);
    }
    sums.push({name: member.name, bytes, sha256: hash.digest('hex')});
  }
  const text = Buffer.from(`${JSON.stringify({members: sums}, null, 1)}\n`);
  yield tarHeaders({name: CHECKSUMS, type: '0', sizeBytes: text.length, mode: 0o600, ownerId: 0, groupId: 0});
  yield text;
  yield paddingOf(text.length);
  yield TAR_END;
  return {about, members: sums.length, bytes: sums.reduce((sum, {bytes}) => sum + bytes, 0)};
}

/**
 * Reads a backup from its begin to its end, and gives each member to `take` when its turn has come. What `take` has got is right only when this resolves:
 * a checksum comes after what it is of.
 *
 * @throws {BackupBroken} and whatever `take` throws
 */
export async function readBackup(tar: AsyncIterable<Uint8Array>, {isMember, take}: {
  /** Whether a backup can have a member of this name. */
  readonly isMember: (name: string) => boolean;
  readonly take: (member: Member, about: About) => Promise<void>;
}): Promise<BackupContents> {
  const seen = new Map<string, Checksum>();
  let about: About | undefined;
  for await (const member of membersIn(tar)) {
    const {name} = member;
    if (seen.has(CHECKSUMS)) throw new BackupBroken(`"${name}" comes after the checksums: nothing may`);
    if (seen.has(name)) throw new BackupBroken(`"${name}" is in it twice`);
    const sum = summed(name, member.content);
    if (about === undefined) {
      if (name !== ABOUT) throw new BackupBroken(`it does not begin with ${ABOUT}: it is no backup of a cluster`);
      about = aboutIn(await textOf(sum.content, ABOUT_BYTES_MAX, name));
    } else if (name === CHECKSUMS) {
      mustAgree(await textOf(sum.content, CHECKSUMS_BYTES_MAX, name), seen);
    } else {
      if (!isMember(name)) throw new BackupBroken(`"${name}" is nothing that a backup has`);
      await take({...member, content: sum.content}, about);
      for await (const _ of sum.content); // What was not taken counts all the same.
    }
    seen.set(name, sum.result());
  }
  if (about === undefined || !seen.delete(CHECKSUMS)) throw new BackupBroken('it is not whole: its checksums are not at its end');
  return {about, members: seen.size, bytes: [...seen.values()].reduce((sum, {bytes}) => sum + bytes, 0)};
}

async function* withAbout(about: About, members: AsyncIterable<Member>): AsyncGenerator<Member> {
  yield {name: ABOUT, mode: 0o600, ownerId: 0, groupId: 0, content: once(`${JSON.stringify(about, null, 1)}\n`)};
  yield* members;
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** At least one, which may be empty. */
async function* inParts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let count = 0;
  for await (const chunk of content) {
    for (let rest = chunk; rest.length > 0;) {
      const piece = rest.subarray(0, PART_BYTES_MAX - bytes);
      held.push(piece);
      bytes += piece.length;
      rest = rest.subarray(piece.length);
      if (bytes < PART_BYTES_MAX) continue;
      count += 1;
      yield Buffer.concat(held);
      [held, bytes] = [[], 0];
    }
  }
  if (bytes > 0 || count === 0) yield Buffer.concat(held);
}

/** Names in a data directory have no `#`. */
function partName(name: string, part: number): string {
  return part === 1 ? name : `${name}#${part}`;
}

/** Members one after the other, their parts put together. The content of one has to be read before the next is asked for. */
async function* membersIn(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Member> {
  const pieces = tarPieces(tar);
  let next = await nextOf(pieces);
  // The entry after a member has been read, and is not looked at yet.
  let isRead = false;
  try {
    while (next?.header !== undefined) {
      isRead = false;
      const {type, name, mode, ownerId, groupId, sizeBytes} = next.header;
      // Links, above all: what they point to is not in the backup, and writing through them would leave the folder.
      if (type !== '0') throw new BackupBroken(`"${name}" is no plain file (type ${type}): a backup has nothing else`);
      let [part, left] = [1, sizeBytes];
      const read = async (): Promise<Buffer | undefined> => {
        for (;;) {
          if (!isRead) next = await nextOf(pieces);
          isRead = false;
          if (next === undefined) return undefined;
          if (next.header === undefined) {
            const bytes = next.bytes.subarray(0, left);
            left -= bytes.length;
            return bytes;
          }
          if (next.header.name !== partName(name, part + 1)) {
            isRead = true;
            return undefined;
          }
          [part, left] = [part + 1, next.header.sizeBytes];
        }
      };
      yield {name, mode, ownerId, groupId, content: untilUndefined(read)};
      while (await read() !== undefined); // Whoever did not want it is at the next member then.
    }
  } finally {
    await pieces.return(undefined);
  }
}

async function* untilUndefined(read: () => Promise<Buffer | undefined>): AsyncGenerator<Buffer> {
  for (let bytes = await read(); bytes !== undefined; bytes = await read()) yield bytes;
}

/** Without extended headers: what they announce is in the header after them. Undefined at the end. */
async function nextOf(pieces: AsyncGenerator<TarPiece>): Promise<TarPiece | undefined> {
  for (let isExtended = false; ;) {
    const {value, done} = await pieces.next();
    if (done === true) return undefined;
    if (value.header !== undefined) isExtended = value.header.type === 'x';
    if (!isExtended) return value;
  }
}

/** Adds up what goes through. `result` is of all that has until then. */
function summed(name: string, content: AsyncIterable<Uint8Array>): {readonly content: AsyncGenerator<Uint8Array>; result(): Checksum} {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    content: (async function* () {
      for await (const chunk of content) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    })(),
    result: () => ({name, bytes, sha256: hash.digest('hex')}),
  };
}

async function textOf(content: AsyncIterable<Uint8Array>, bytesMax: number, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new BackupBroken(`"${name}" has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function aboutIn(text: string): About {
  const about = parsed(ABOUT, text) as Partial<About>;
  if (typeof about.format === 'number' && about.format > FORMAT) throw new BackupBroken(`it was made by a newer version of Flynn (format ${about.format}; this one reads ${FORMAT}): use that one`);
  const isWhole = about.format === FORMAT && typeof about.node === 'string' && typeof about.domain === 'string' && Array.isArray(about.volumes) && about.volumes.every((one) => typeof one === 'string');
  if (!isWhole) throw new BackupBroken(`${ABOUT} makes no sense`);
  // The fields that anything depends on were looked at.
  return about as About;
}

function mustAgree(text: string, seen: ReadonlyMap<string, Checksum>): void {
  const {members} = parsed(CHECKSUMS, text) as {readonly members?: readonly Checksum[]};
  if (!Array.isArray(members)) throw new BackupBroken(`${CHECKSUMS} makes no sense`);
  const left = new Map(seen);
  for (const {name, bytes, sha256} of members as readonly Checksum[]) {
    const found = left.get(name);
    if (found === undefined) throw new BackupBroken(`"${name}" is missing: ${CHECKSUMS} has it`);
    if (found.bytes !== bytes || found.sha256 !== sha256) throw new BackupBroken(`"${name}" is damaged: its ${found.bytes} bytes have the checksum ${found.sha256}, not ${sha256} of ${bytes} bytes`);
    left.delete(name);
  }
  const [extra] = left.keys();
  if (extra !== undefined) throw new BackupBroken(`"${extra}" is not among the checksums`);
}

function parsed(name: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // It is told of below.
  }
  throw new BackupBroken(`${name} is no JSON`);
}
