import {createHash} from 'node:crypto';
import {TAR_END, tarFile, tarPieces} from '../adapters/tar.ts';

/** Folder of a backup's tar that has the volume's files. */
export const BACKUP_FOLDER = 'volume';
/** Last entry of a backup: what it is, and the checksum of all bytes before this entry. */
export const BACKUP_SUMMARY = 'flynn-volume.json';

export interface BackupSummary {
  readonly format: 1;
  readonly app: string;
  readonly volume: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly entries: number;
  /** All bytes before the summary's own entry. */
  readonly bytes: number;
  /** Of those bytes, in hex. */
  readonly sha256: string;
}

/** Header, at most one block of text, and the end mark: always as long. */
const TRAILER_BYTES = 4 * 512;

/** The bytes of a volume's tar, as they come, and a summary at the end. */
export async function* backupOf(tar: AsyncIterable<Uint8Array>, of: Pick<BackupSummary, 'app' | 'volume' | 'createdAt'>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  let entries = 0;
  for await (const piece of tarPieces(tar)) {
    if (piece.header !== undefined && piece.header.type !== 'x') entries += 1;
    hash.update(piece.bytes);
    bytes += piece.bytes.length;
    yield piece.bytes;
  }
  const summary: BackupSummary = {format: 1, ...of, entries, bytes, sha256: hash.digest('hex')};
  yield Buffer.concat([tarFile(BACKUP_SUMMARY, `${JSON.stringify(summary)}\n`), TAR_END]);
}

/** Told at the end of a backup that is whole. */
export interface Verified {
  readonly summary: BackupSummary;
  /** The part of the backup that was held back: its summary and end mark. */
  readonly trailer: Buffer;
}

/**
 * The content of a backup as it comes, without its end. Throws there unless the summary is what was read: a backup that is cut off, damaged,
 * or none is never taken for a whole one.
 */
export async function* verified(backup: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, Verified> {
  const hash = createHash('sha256');
  let held: Buffer = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of backup) {
    const all = Buffer.concat([held, chunk]);
    const content = all.subarray(0, Math.max(0, all.length - TRAILER_BYTES));
    held = all.subarray(content.length);
    if (content.length === 0) continue;
    hash.update(content);
    bytes += content.length;
    yield content;
  }
  const summary = summaryIn(held);
  if (summary === undefined) throw new Error('this is not a whole backup of a volume: its summary is not at its end');
  const sha256 = hash.digest('hex');
  if (summary.bytes !== bytes || summary.sha256 !== sha256) throw new Error(`the backup is damaged: its ${bytes} bytes have the checksum ${sha256}, not ${summary.sha256} of ${summary.bytes} bytes`);
  return {summary, trailer: held};
}

function summaryIn(trailer: Buffer): BackupSummary | undefined {
  if (trailer.length !== TRAILER_BYTES || !trailer.toString('latin1', 0, 100).startsWith(`${BACKUP_SUMMARY}\0`)) return undefined;
  try {
    const summary = JSON.parse(trailer.toString('utf8', 512, 1024).replace(/\0.*$/s, '')) as BackupSummary;
    return summary.format === 1 ? summary : undefined;
  } catch {
    return undefined;
  }
}
