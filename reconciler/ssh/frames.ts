import {Transform} from 'node:stream';

/**
 * What goes over the relay's socket: a letter for what it is, the length in four bytes, the bytes. One connection has all of it, so that its end means
 * that the client is gone, and nothing else does.
 */
export type RelayFrame =
  /** The first one. */
  | {readonly kind: 'hello'; readonly bytes: Buffer}
  /** What the client sends. */
  | {readonly kind: 'in'; readonly bytes: Buffer}
  /** It sends no more. */
  | {readonly kind: 'end'; readonly bytes: Buffer};

/** Somebody with a key, as sshd and the relay say. */
export interface RelayHello {
  readonly fingerprint: string;
  /** What the client wants to be run; empty: a shell. */
  readonly command: string;
  /** `GIT_PROTOCOL`, which the client chooses. */
  readonly protocol: string;
  readonly address: string;
}

const HEAD_BYTES = 5;
const KINDS = {h: 'hello', i: 'in', e: 'end'} as const;
/** Of one frame: the relay sends 64 KiB at most, and a command is shorter. */
const FRAME_BYTES_MAX = 256 * 1024;

/** Frames as they come. Ends when the relay does; throws at what is no frame. */
export async function* relayFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<RelayFrame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEAD_BYTES) {
      const letter = rest.toString('latin1', 0, 1);
      const end = HEAD_BYTES + rest.readUInt32BE(1);
      if (!Object.hasOwn(KINDS, letter) || end > FRAME_BYTES_MAX) throw new Error('the relay of sshd sends something else than frames');
      if (rest.length < end) break;
      yield {kind: KINDS[letter as keyof typeof KINDS], bytes: rest.subarray(HEAD_BYTES, end)};
      rest = rest.subarray(end);
    }
  }
}

export function parseHello(bytes: Buffer): RelayHello {
  const [fingerprint = '', command = '', protocol = '', address = ''] = bytes.toString('utf8').split('\0');
  return {fingerprint, command, protocol, address};
}

/** For the client: what git prints, what else is to be read, and how it ended. */
export function answerFrame(kind: 'out' | 'err' | 'exit', bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(kind === 'exit' ? 'x' : kind.slice(0, 1));
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Puts each piece of git's output into a frame. */
export function framed(kind: 'out' | 'err'): Transform {
  return new Transform({transform: (chunk: Buffer, _encoding, done) => done(null, answerFrame(kind, chunk))});
}
