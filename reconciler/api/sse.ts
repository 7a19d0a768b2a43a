import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import type {FastifyReply, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import {goneSignal} from './gone.ts';
import {problemOf} from './problem.ts';

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const EVENT_STREAM = 'text/event-stream';

/** Proxies take silence for the end. */
const HEARTBEAT_MS = 15_000;
/** What a browser waits before it comes again, milliseconds. */
const RETRY_MS = 2_000;

export interface ServerEvent {
  /** Comes back as `Last-Event-ID`. */
  readonly id: string;
  readonly event: string;
  /** JSON, in one line. */
  readonly data: string;
}

export function wantsEvents({headers}: Pick<FastifyRequest, 'headers'>): boolean {
  return headers.accept?.split(',').some((one) => one.split(';')[0]?.trim() === EVENT_STREAM) === true;
}

/**
 * Answers with events as they come, comments as heartbeats, and at the end an event `end`, or `problem`: a client that gets neither comes again, and
 * says what it has heard last. `start` gets a signal that is aborted when the client goes or the server closes.
 */
export function sendEvents(reply: FastifyReply, start: (signal: AbortSignal) => AsyncIterable<ServerEvent>, closing: AbortSignal): FastifyReply {
  const broken = new AbortController();
  const body = new PassThrough();
  body.on('error', () => broken.abort());
  void writeEvents(body, start, anySignal([goneSignal(reply), broken.signal, closing]));
  return reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no').type(EVENT_STREAM).send(body);
}

/** Never rejects. */
async function writeEvents(body: PassThrough, start: (signal: AbortSignal) => AsyncIterable<ServerEvent>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return void body.end();
  body.write(`retry: ${RETRY_MS}\n\n`);
  const heartbeat = setInterval(() => body.writableNeedDrain || body.write(': heartbeat\n\n'), HEARTBEAT_MS);
  signal.addEventListener('abort', () => {
    clearInterval(heartbeat);
    body.end();
  }, {once: true});
  try {
    for await (const {id, event, data} of start(signal)) {
      if (signal.aborted) break;
      if (!body.write(`id: ${id}\nevent: ${event}\ndata: ${data}\n\n`)) await once(body, 'drain', {signal});
    }
    if (!signal.aborted) body.write('event: end\ndata: {}\n\n');
  } catch (error) {
    if (!signal.aborted) body.write(`event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`);
  } finally {
    clearInterval(heartbeat);
    body.end();
  }
}
