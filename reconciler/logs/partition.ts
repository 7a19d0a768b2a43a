import {appendFile, mkdir, open, readdir, readFile, rm, stat, truncate} from 'node:fs/promises';
import path from 'node:path';

/** A file of a partition. Its name is the number of its first line, counted since the partition began. */
export interface Segment {
  readonly firstLine: number;
  readonly bytes: number;
  /** When its first line was written here, milliseconds since 1970. */
  readonly begunAtMs: number;
  readonly writtenAtMs: number;
}

/** Where somebody is in a partition: everything before it was read. */
export interface Position {
  /** `firstLine` of the segment. */
  readonly segment: number;
  readonly offset: number;
  /** Number of the next line. */
  readonly line: number;
}

export interface Chunk {
  /** Whole lines. Empty: there is nothing new. */
  readonly bytes: Buffer;
  readonly next: Position;
  /** Lines that were removed before they could be read. */
  readonly lost: number;
}

/** Lines are written together when so many bytes wait, or this long after the first of them. */
const WRITE_BYTES = 256 * 1024;
const WRITE_MS = 100;
/** Who writes has to wait when so much waits for the disk. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** A full disk is tried again this often. */
const RETRY_MS = 5_000;
/** A segment is one day's at most, so that age can be told by file. */
const SEGMENT_MS_MAX = 24 * 60 * 60_000;
const NEWLINE = 0x0a;
const NAME_DIGITS = 15;

export interface PartitionOptions {
  readonly folder: string;
  /** A segment that has more is full. */
  segmentBytesMax(): number;
  /** Lines are on disk: may be read. */
  onWritten(): void;
  onProblem(error: Error): void;
}

/** The lines of one replica, or of one part of the platform: files that are only ever appended to, removed from the front. */
export class Partition {
  readonly #options: PartitionOptions;
  readonly #segments: Segment[] = [];
  /** Number of the next line that is written to disk. */
  #nextLine = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  private constructor(options: PartitionOptions) {
    this.#options = options;
  }

  /** Takes away the end of a line whose writer was killed in the middle of it. */
  static async open(options: PartitionOptions): Promise<Partition> {
    const partition = new Partition(options);
    await mkdir(options.folder, {recursive: true, mode: 0o700});
    const names = (await readdir(options.folder)).filter((name) => /^\d{15}\.log$/.test(name)).toSorted();
    for (const name of names) {
      const {size, mtimeMs, birthtimeMs} = await stat(path.join(options.folder, name));
      partition.#segments.push({firstLine: Number(name.slice(0, NAME_DIGITS)), bytes: size, begunAtMs: Math.min(birthtimeMs, mtimeMs), writtenAtMs: mtimeMs});
    }
    const last = partition.#segments.at(-1);
    if (last !== undefined) {
      const bytes = await readFile(partition.#file(last.firstLine));
      const whole = bytes.lastIndexOf(NEWLINE) + 1;
      if (whole < bytes.length) await truncate(partition.#file(last.firstLine), whole);
      partition.#segments[partition.#segments.length - 1] = {...last, bytes: whole};
      partition.#nextLine = last.firstLine + countLines(bytes.subarray(0, whole));
    }
    return partition;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, {bytes}) => sum + bytes, 0);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0 && this.#waitingBytes === 0;
  }

  get isFull(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX;
  }

  /** Whole records. They are on disk within WRITE_MS, or when `written` says so. */
  append(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= WRITE_BYTES) void this.written();
    else this.#timer ??= setTimeout(() => void this.written(), WRITE_MS);
  }

  /** Resolves when all that was appended before is on disk. Never rejects: a disk that is full is tried again. */
  async written(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waitingBytes > 0 || this.#writing !== undefined) {
      this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
      await this.#writing;
    }
  }

  /** The beginning of what there is. */
  get start(): Position {
    const [first] = this.#segments;
    return {segment: first?.firstLine ?? this.#nextLine, offset: 0, line: first?.firstLine ?? this.#nextLine};
  }

  /** The end of what is on disk. */
  get end(): Position {
    const last = this.#segments.at(-1);
    return {segment: last?.firstLine ?? this.#nextLine, offset: last?.bytes ?? 0, line: this.#nextLine};
  }

  /** At most about `bytesMax`, from there on. */
  async read(from: Position, bytesMax: number): Promise<Chunk> {
    const {position, lost} = this.#valid(from);
    const index = this.#segments.findIndex(({firstLine}) => firstLine === position.segment);
    const segment = this.#segments[index];
    if (segment === undefined) return {bytes: Buffer.alloc(0), next: position, lost};
    if (position.offset >= segment.bytes) {
      const following = this.#segments[index + 1];
      if (following === undefined) return {bytes: Buffer.alloc(0), next: position, lost};
      const rest = await this.read({segment: following.firstLine, offset: 0, line: following.firstLine}, bytesMax);
      return {...rest, lost: lost + rest.lost};
    }
    const bytes = await readLines(this.#file(segment.firstLine), {from: position.offset, to: segment.bytes, bytesMax});
    // Removed since: the next read finds out what is lost.
    if (bytes === undefined) return {bytes: Buffer.alloc(0), next: position, lost};
    return {bytes, next: {segment: segment.firstLine, offset: position.offset + bytes.length, line: position.line + countLines(bytes)}, lost};
  }

  /** All of a segment; empty when it was removed. */
  async readSegment({firstLine, bytes}: Segment): Promise<Buffer> {
    return await readLines(this.#file(firstLine), {from: 0, to: bytes, bytesMax: bytes}) ?? Buffer.alloc(0);
  }

  /** Resolves to how many bytes that were. The last segment can go as well: line numbers go on after it. */
  async removeFirst(): Promise<number> {
    const first = this.#segments.shift();
    if (first === undefined) return 0;
    await rm(this.#file(first.firstLine), {force: true});
    return first.bytes;
  }

  async #write(): Promise<void> {
    const segment = this.#segmentToWrite();
    const bytes = this.#takeWaiting(this.#options.segmentBytesMax() - segment.bytes);
    const file = this.#file(segment.firstLine);
    try {
      await appendFile(file, bytes, {mode: 0o600});
    } catch (cause) {
      this.#waiting.unshift(bytes);
      await truncate(file, segment.bytes).catch(() => {});
      await mkdir(this.#options.folder, {recursive: true, mode: 0o700}).catch(() => {});
      this.#options.onProblem(new Error(`can't write the log ${file}: ${(cause as Error).message}`, {cause}));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return;
    }
    this.#waitingBytes -= bytes.length;
    this.#nextLine += countLines(bytes);
    const index = this.#segments.indexOf(segment);
    // Removed in the meantime, with its file: what was just written is lost with it.
    if (index !== -1) this.#segments[index] = {...segment, bytes: segment.bytes + bytes.length, writtenAtMs: Date.now()};
    this.#options.onWritten();
  }

  /** As much as there is room for, and at least one of the pieces. */
  #takeWaiting(roomBytes: number): Buffer {
    let bytes = 0;
    const full = this.#waiting.findIndex((piece) => (bytes += piece.length) >= roomBytes);
    return Buffer.concat(this.#waiting.splice(0, full === -1 ? this.#waiting.length : full + 1));
  }

  #segmentToWrite(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < this.#options.segmentBytesMax() && Date.now() - last.begunAtMs < SEGMENT_MS_MAX) return last;
    const next = {firstLine: this.#nextLine, bytes: 0, begunAtMs: Date.now(), writtenAtMs: Date.now()};
    this.#segments.push(next);
    return next;
  }

  /** The same place, or the first after it that is still there. */
  #valid(from: Position): {readonly position: Position; readonly lost: number} {
    const segment = this.#segments.find(({firstLine}) => firstLine === from.segment);
    if (segment !== undefined && from.offset <= segment.bytes) return {position: from, lost: 0};
    // Of another life of this partition, which began anew: from its beginning.
    if (from.line > this.#nextLine) return {position: this.start, lost: 0};
    const next = this.#segments.find(({firstLine}) => firstLine >= from.line);
    const line = next?.firstLine ?? this.#nextLine;
    return {position: {segment: line, offset: 0, line}, lost: Math.max(0, line - from.line)};
  }

  #file(firstLine: number): string {
    return path.join(this.#options.folder, `${String(firstLine).padStart(NAME_DIGITS, '0')}.log`);
  }
}

export function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

/** Whole lines from `from` on, at most `bytesMax` unless the first is longer. Undefined when there is no such file any more. */
async function readLines(file: string, {from, to, bytesMax}: {readonly from: number; readonly to: number; readonly bytesMax: number}): Promise<Buffer | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (handle === undefined) return undefined;
  try {
    for (let length = Math.min(bytesMax, to - from); ; length = Math.min(length * 2, to - from)) {
      const buffer = Buffer.allocUnsafe(length);
      const {bytesRead} = await handle.read(buffer, 0, length, from);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
      if (end > 0 || length === to - from) return buffer.subarray(0, end);
    }
  } finally {
    await handle.close();
  }
}
