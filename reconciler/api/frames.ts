/**
 * What goes over the websocket of a session (`flynn run`, `flynn exec`), for both ends.
 *
 * Binary messages are bytes of a stream, after one byte that names it; an empty one of stdin is its end. Text messages are JSON. The first one,
 * from the client, is what to run (`SessionStart`).
 *
 * No end is ever made to stop reading, so that a signal arrives however much input waits before it: each sender may only be `WINDOW_COST`
 * ahead of what the receiver has passed on.
 */
export const CHANNELS = {stdin: 0, stdout: 1, stderr: 2} as const;

export type Channel = keyof typeof CHANNELS;

/** Bytes of one message's payload. */
export const PIECE_BYTES_MAX = 64 * 1024;

/** What a message may have beyond its payload: a start with a long command line, quoted as JSON. */
export const MESSAGE_BYTES_MAX = 4 * PIECE_BYTES_MAX;

/** Cost of the pieces that are under way in one direction, at most. Memory of a session is twice this, and the engine's own buffers. */
export const WINDOW_COST = 1024 * 1024;

/** A ping is sent by the server, and something comes back. */
export const HEARTBEAT_MS = 15_000;

/** An end from which nothing came for so long is gone. */
export const SILENCE_MS_MAX = 60_000;

/** A piece costs its bytes, and what keeping it costs: a million pieces of one byte are more than a megabyte. */
const PIECE_COST = 128;

export interface SessionStart {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly service?: string;
  readonly terminal?: TerminalSize;
}

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export type ClientMessage =
  | {readonly resize: TerminalSize}
  | {readonly signal: string}
  | {readonly passedOn: number};

export type ServerMessage =
  | {readonly started: {readonly name: string; readonly release: number}}
  | {readonly passedOn: number}
  | {readonly exit: {readonly exitCode: number; readonly isOutOfMemory: boolean}}
  /** `exitCode`: the command itself is the problem, and a shell would say so. */
  | {readonly problem: {readonly status: number; readonly detail: string; readonly exitCode?: number}};

export function frame(channel: Channel, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([CHANNELS[channel]]), bytes]);
}

/** Undefined when it is none. */
export function parseFrame(message: Buffer): {readonly channel: Channel; readonly bytes: Buffer} | undefined {
  const found = Object.entries(CHANNELS).find(([, number]) => number === message[0]);
  return found === undefined ? undefined : {channel: found[0] as Channel, bytes: message.subarray(1)};
}

export function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES_MAX) yield bytes.subarray(start, start + PIECE_BYTES_MAX);
}

export function costOf(bytes: Uint8Array): number {
  return bytes.length + PIECE_COST;
}

/** How far a sender may be ahead. One at a time may wait for it. */
export class Window {
  #left = WINDOW_COST;
  #wake = () => {};

  /** Resolves when so much more may be sent. Rejects when the signal is aborted. */
  async take(cost: number, signal: AbortSignal): Promise<void> {
    while (this.#left < cost) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', onAbort, {once: true});
        this.#wake = () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      });
    }
    this.#left -= cost;
  }

  /** The receiver has passed so much on. */
  give(cost: number): void {
    this.#left = Math.min(WINDOW_COST, this.#left + cost);
    this.#wake();
  }
}
