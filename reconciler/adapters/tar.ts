const BLOCK = 512;
/** Of a header's field for it. */
const NAME_BYTES_MAX = 100;
/** An extended header says a size or a long name: more than this is none. */
const EXTENDED_BYTES_MAX = 1024 * 1024;

/** The beginning of an entry of a tar (POSIX.1-2001, pax), as far as we look at it. */
export interface TarHeader {
  readonly name: string;
  /** `0` file, `5` folder, `x` extended header of the next entry, … */
  readonly type: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly ownerId: number;
  readonly groupId: number;
}

/** A part of a tar, in the order of its bytes: `header` is there when an entry begins, with its header block as `bytes`. */
export interface TarPiece {
  readonly header?: TarHeader & {/** Since 1970. */ readonly modifiedAtSeconds: number};
  readonly bytes: Buffer;
}

/** Reads a tar as it comes, without keeping files in memory. Ends at the end mark, which is not given; throws when the tar ends without one. */
export async function* tarPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarPiece> {
  const reader = new Reader(source);
  try {
    yield* piecesOf(reader);
  } finally {
    // Nobody reads beyond the end mark: whoever gives the bytes is told, and can clean up.
    await reader.close();
  }
}

async function* piecesOf(reader: Reader): AsyncGenerator<TarPiece> {
  let announced: Announced = {};
  for (;;) {
    const block = await reader.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const header = headerOf(block, announced);
    announced = {};
    yield {header, bytes: block};
    const padded = Math.ceil(header.sizeBytes / BLOCK) * BLOCK;
    if (header.type === 'x') {
      if (header.sizeBytes > EXTENDED_BYTES_MAX) throw new Error(`the tar has an extended header of ${header.sizeBytes} bytes`);
      const bytes = await reader.exactly(padded);
      announced = announcedIn(bytes.toString('utf8', 0, header.sizeBytes));
      yield {bytes};
    } else {
      for await (const bytes of reader.upTo(padded)) yield {bytes};
    }
  }
}

/** An entry that is only a header: a folder. Or the header of a file, whose bytes and padding follow. Times are 0: the same entries give the same bytes. */
export function tarHeader({name, type, sizeBytes, mode, ownerId, groupId}: TarHeader): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error(`bug: "${name}" is too long for a tar header`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) => block.write(value.toString(8).padStart(length - 1, '0'), at);
  block.write(name, 0);
  octal(mode, 100, 8);
  octal(ownerId, 108, 8);
  octal(groupId, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\u000000', 257);
  block.write(`${sumOf(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** The same for a name of any length: one that is too long is announced by an extended header. */
export function tarHeaders(entry: TarHeader): Buffer {
  if (Buffer.byteLength(entry.name) <= NAME_BYTES_MAX) return tarHeader(entry);
  const record = recordOf('path', entry.name);
  const announced = tarHeader({...entry, name: 'name', type: 'x', sizeBytes: record.length});
  return Buffer.concat([announced, record, paddingOf(record.length), tarHeader({...entry, name: entry.name.slice(0, 20)})]);
}

/** A whole file, padded. */
export function tarFile(name: string, text: string): Buffer {
  const content = Buffer.from(text);
  const header = tarHeader({name, type: '0', sizeBytes: content.length, mode: 0o644, ownerId: 0, groupId: 0});
  return Buffer.concat([header, content, paddingOf(content.length)]);
}

/** What follows so many bytes of a file, up to the next entry. */
export function paddingOf(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** What an extended header says of the entry after it, beyond what that one's own header has room for. */
interface Announced {
  readonly sizeBytes?: number;
  readonly name?: string;
}

function headerOf(block: Buffer, announced: Announced): NonNullable<TarPiece['header']> {
  const text = (at: number, length: number) => block.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  const octal = (at: number, length: number) => Number.parseInt(text(at, length).trim() || '0', 8);
  const blank = Buffer.from(block);
  blank.write('        ', 148);
  if (sumOf(blank) !== octal(148, 8)) throw new Error('this is not a tar, or it is damaged: a header\'s checksum is wrong');
  const prefix = text(345, 155);
  const sizeBytes = announced.sizeBytes ?? octal(124, 12);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error('the tar has an entry whose size can\'t be read');
  return {
    name: announced.name ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`),
    type: text(156, 1) || '0',
    sizeBytes: hasContent(text(156, 1)) ? sizeBytes : 0,
    mode: octal(100, 8),
    ownerId: octal(108, 8),
    groupId: octal(116, 8),
    modifiedAtSeconds: octal(136, 12),
  };
}

/** Links, devices, folders and pipes have none, whatever their header says. */
function hasContent(type: string): boolean {
  return !/^[1-6]$/.test(type);
}

/** `<length> <key>=<value>\n`, whose length counts its own digits. */
function recordOf(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const digits = [1, 2, 3, 4, 5, 6].find((count) => String(bytes + count).length === count) ?? 0;
  return Buffer.from(`${bytes + digits}${rest}`);
}

/** `size` and `path` among the records of an extended header: `<length> <key>=<value>\n`, the length that of the whole record in bytes. */
function announcedIn(records: string): Announced {
  const size = /(?:^|\n)\d+ size=(\d+)\n/.exec(records)?.[1];
  const name = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(records)?.[1];
  return {...(size === undefined ? {} : {sizeBytes: Number(size)}), ...(name === undefined ? {} : {name})};
}

function sumOf(block: Buffer): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

/** Cuts a stream into the lengths that are asked for. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.upTo(length)) parts.push(part);
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async* upTo(length: number): AsyncGenerator<Buffer> {
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const {value, done} = await this.#chunks.next();
        if (done === true) throw new Error('the tar is cut off: it ends in the middle');
        this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
