import {once} from 'node:events';
import type {WebSocket} from '@fastify/websocket';
import {anySignal} from '../any-signal.ts';
import {type CommandSignal, Refused, type Session} from '../oneshot/oneshot.ts';
import {costOf, frame, HEARTBEAT_MS, parseFrame, pieces, type ServerMessage, SILENCE_MS_MAX, Window, WINDOW_COST} from './frames.ts';
import {ApiError, problemOf} from './problem.ts';
import {readClientMessage} from './read-session.ts';
import {LineQueue} from './stream.ts';

/** The client says what it wants right after it has connected. */
const START_MS_MAX = 10_000;
/** A command of a node that stops is told so, within this time, in milliseconds; the next start sees to the rest. */
const FAREWELL_MS_MAX = 2_000;
/** Signals that wait until the engine has passed on those before them. */
const SIGNALS_WAITING_MAX = 100;

/** Close codes of RFC 6455, 7.4.1. */
const CLOSE = {done: 1000, nodeStops: 1001, notUnderstood: 1008, failed: 1011} as const;

export interface SessionParts {
  /** Begins what the client's first message asks for. */
  open(start: unknown, signal: AbortSignal): Promise<Session>;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  log(message: string, error: unknown): void;
}

/** Connects a websocket with a command, from its first message to the exit code. Never rejects: what goes wrong is told to the client. */
export async function serveSession(socket: WebSocket, {open, closing, log}: SessionParts): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort(new Error('the client has gone')));
  socket.on('error', () => socket.terminate());
  const signal = anySignal([gone.signal, closing]);
  const send = (message: ServerMessage) => socket.send(JSON.stringify(message));
  const stopBeating = keepBeating(socket);
  let session: Session | undefined;
  try {
    session = await open(await firstMessage(socket, signal), signal);
    // Nothing else may come before this: whoever sends it has to know that somebody listens.
    const conversation = converse({session, socket, send}, signal);
    send({started: {name: session.name, release: session.release}});
    send({exit: await conversation});
    socket.close(CLOSE.done);
  } catch (error) {
    if (!gone.signal.aborted) {
      const {status, detail} = problemOf(closing.aborted ? new ApiError(503, 'the node is stopping') : error);
      if (status >= 500 && !closing.aborted) log('a session failed', error);
      const exitCode = error instanceof Refused ? error.exitCode : undefined;
      send({problem: {status, detail, ...(exitCode !== undefined && {exitCode})}});
      socket.close(closing.aborted ? CLOSE.nodeStops : CLOSE.failed);
    }
    if (closing.aborted) await session?.send('SIGTERM', AbortSignal.timeout(FAREWELL_MS_MAX)).catch(() => {});
  } finally {
    stopBeating();
    await session?.close();
  }
}

interface Conversation {
  readonly session: Session;
  readonly socket: WebSocket;
  send(message: ServerMessage): void;
}

/** Passes everything on, both ways. Resolves to how the command ended. */
async function converse({session, socket, send}: Conversation, signal: AbortSignal): Promise<{readonly exitCode: number; readonly isOutOfMemory: boolean}> {
  const over = new AbortController();
  const until = anySignal([signal, over.signal]);
  const window = new Window();
  const stdin = new LineQueue<Buffer>(until);
  let waitingCost = 0;
  let waitingSignals = 0;
  let signalled: Promise<void> = Promise.resolve();
  /** One after the other: of two that are under way at once the later one may arrive first. */
  const pass = (name: CommandSignal) => {
    waitingSignals += 1;
    // What comes too late is no failure of the command.
    signalled = signalled.then(() => session.send(name, until)).catch(() => {}).finally(() => (waitingSignals -= 1));
  };
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    if (isBinary) {
      const piece = parseFrame(message);
      waitingCost += costOf(message.subarray(1));
      if (piece?.channel === 'stdin' && waitingCost <= WINDOW_COST) return stdin.push(piece.bytes);
      return socket.close(CLOSE.notUnderstood, 'not a piece of stdin, or too many at once');
    }
    const control = readClientMessage(message.toString('utf8'));
    if (control === undefined) return socket.close(CLOSE.notUnderstood, 'not a message of a session');
    if ('passedOn' in control) window.give(control.passedOn);
    else if ('resize' in control) void session.resize(control.resize, until).catch(() => {});
    else if (waitingSignals < SIGNALS_WAITING_MAX) pass(control.signal);
    else socket.close(CLOSE.notUnderstood, 'too many signals at once');
  });
  const input = async () => {
    for await (const bytes of stdin) {
      if (bytes.length === 0) session.endInput();
      else await session.write(bytes);
      waitingCost -= costOf(bytes);
      if (!until.aborted) send({passedOn: costOf(bytes)});
    }
  };
  // Output that nobody is there for any more is not waited for: without its streams it ends.
  signal.addEventListener('abort', () => void session.close(), {once: true});
  try {
    const reading = input();
    reading.catch(() => {}); // Too far behind: the socket was closed for that.
    for await (const {stream, bytes} of session.output) {
      for (const piece of pieces(bytes)) {
        await window.take(costOf(piece), signal);
        socket.send(frame(stream, piece));
      }
    }
    signal.throwIfAborted();
    return await session.outcome(signal);
  } finally {
    over.abort();
  }
}

async function firstMessage(socket: WebSocket, signal: AbortSignal): Promise<unknown> {
  const late = AbortSignal.timeout(START_MS_MAX);
  try {
    const [message, isBinary] = await once(socket, 'message', {signal: anySignal([signal, late])}) as [Buffer, boolean];
    if (!isBinary) return JSON.parse(message.toString('utf8')) as unknown;
  } catch (error) {
    if (signal.aborted) throw signal.reason as Error;
    if (!(error instanceof SyntaxError) && !late.aborted) throw error;
  }
  throw new ApiError(400, 'a session begins with a JSON object such as {"command": ["ls"]}');
}

/** A connection whose other end has vanished does not say so: it is asked. */
function keepBeating(socket: WebSocket): () => void {
  let heardAtMs = performance.now();
  const hear = () => {
    heardAtMs = performance.now();
  };
  socket.on('pong', hear).on('message', hear);
  const timer = setInterval(() => {
    if (performance.now() - heardAtMs > SILENCE_MS_MAX) socket.terminate();
    else socket.ping();
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
