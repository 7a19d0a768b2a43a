import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import type {FastifyReply} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {StreamEnd} from './answers.ts';
import {goneSignal} from './gone.ts';
import {problemOf} from './problem.ts';

/** So that both ends notice when the other one has gone, and nothing on the way takes silence for the end. */
const HEARTBEAT_MS = 15_000;
const QUEUE_LINES_MAX = 10_000;
const END: StreamEnd = {end: true};

/**
 * Answers with newline-delimited JSON, a line as soon as there is one; an empty line is a heartbeat. `start` gets a signal that is aborted
 * when the client goes or the server closes. The last line is `{"end": true}`, or what `start` threw: `{"problem": …}`. Without either the
 * answer was cut off: Caddy 2.6 ends its own answer properly when we are killed in the middle of ours (tried 2026-11-23).
 */
export function sendLines(reply: FastifyReply, start: (signal: AbortSignal) => AsyncIterable<unknown>, closing: AbortSignal): FastifyReply {
  const broken = new AbortController();
  const body = new PassThrough();
  body.on('error', () => broken.abort());
  void writeLines(body, start, anySignal([goneSignal(reply), broken.signal, closing]));
  return reply.header('cache-control', 'no-store').type('application/x-ndjson').send(body);
}

/** Never rejects: whatever happens is told in the body, or to nobody when the reader has gone. */
async function writeLines(body: PassThrough, start: (signal: AbortSignal) => AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return void body.end();
  // The first bytes go out at once: the client learns that it is connected.
  body.write('\n');
  const heartbeat = setInterval(() => body.writableNeedDrain || body.write('\n'), HEARTBEAT_MS);
  // Not left to the end of the loop: what `start` waits for may take its time to notice.
  signal.addEventListener('abort', () => {
    clearInterval(heartbeat);
    body.end();
  }, {once: true});
  try {
    for await (const line of start(signal)) {
      if (signal.aborted) break;
      if (!body.write(`${JSON.stringify(line)}\n`)) await once(body, 'drain', {signal});
    }
    if (!signal.aborted) body.write(`${JSON.stringify(END)}\n`);
  } catch (error) {
    if (!signal.aborted) body.write(`${JSON.stringify({problem: problemOf(error)})}\n`);
  } finally {
    clearInterval(heartbeat);
    body.end();
  }
}

/**
 * Turns calls into something to iterate over. Ends by its signal, or when `end` is called. A reader that is `QUEUE_LINES_MAX` behind is
 * cut off with an error rather than fed with gaps.
 */
export class LineQueue<Line> implements AsyncIterable<Line> {
  readonly #lines: Line[] = [];
  #state: 'open' | 'ended' | 'overrun' = 'open';
  #wake: () => void = () => {};

  constructor(signal: AbortSignal) {
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', () => this.end(), {once: true});
  }

  push(line: Line): void {
    if (this.#state !== 'open') return;
    if (this.#lines.length < QUEUE_LINES_MAX) this.#lines.push(line);
    else this.#state = 'overrun';
    this.#wake();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Line> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield line;
      else if (this.#state === 'ended') return;
      else if (this.#state === 'overrun') throw new Error(`the reader is more than ${QUEUE_LINES_MAX} lines behind`);
      else await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }
}
