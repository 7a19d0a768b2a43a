export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  /** Never empty; may begin and end anywhere, also within a character. */
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;

/** What the engine put into one stream: frames of one byte with the stream's number, 3 of padding, 4 of length, the bytes (API reference, "Attach to a container"). */
export async function* demultiplexed(stream: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<OutputPiece> {
  let header: Buffer = Buffer.alloc(0);
  let left = 0;
  let name: OutputPiece['stream'] = 'stdout';
  for await (const chunk of stream) {
    let rest = chunk as Buffer;
    while (rest.length > 0) {
      if (left === 0) {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (header.length < HEADER_BYTES) continue;
        left = header.readUInt32BE(4);
        name = header[0] === 2 ? 'stderr' : 'stdout';
        header = Buffer.alloc(0);
      }
      const bytes = rest.subarray(0, left);
      left -= bytes.length;
      rest = rest.subarray(bytes.length);
      if (bytes.length > 0) yield {stream: name, bytes};
    }
  }
}
