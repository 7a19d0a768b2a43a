import type {WebSocket} from 'ws';
import {costOf, frame, parseFrame, pieces, type ServerMessage, type SessionStart, SILENCE_MS_MAX, Window} from '../reconciler/api/frames.ts';
import {ApiFailure, cutOff, type Client} from './client.ts';
import type {CommandContext} from './command.ts';
import type {Streams, TerminalSize} from './streams.ts';

/** What a command that was told to end gets before it is killed, in milliseconds. */
const KILL_AFTER_MS = 10_000;

export interface SessionRequest {
  readonly client: Client;
  /** Of the API. */
  readonly path: string;
  readonly start: Omit<SessionStart, 'terminal'>;
  readonly context: CommandContext;
  /** Told on a terminal when it runs: `Running bash on ⬢ shop... up, run.4821`. */
  upAs(name: string, release: number): string;
}

/**
 * Runs a command elsewhere as if it ran here: streams, size of the terminal, signals. Resolves to its exit code. Throws `Failure` when it
 * can't be run, or the connection is lost.
 */
export async function runSession({client, path, start, context, upAs}: SessionRequest, signal: AbortSignal): Promise<number> {
  const streams = context.streams();
  const over = new AbortController();
  const terminal = streams.terminalSize();
  const socket = await client.connect(path, signal);
  try {
    const term = context.env['TERM'];
    const env = {...(terminal !== undefined && term !== undefined && {TERM: term}), ...start.env};
    socket.send(JSON.stringify({...start, env, ...(terminal && {terminal})} satisfies SessionStart));
    const wire = new Wire(socket, over.signal);
    const {name, release} = await wire.started(signal);
    if (terminal !== undefined) context.err(upAs(name, release));
    const {exitCode, isOutOfMemory} = await converse({wire, streams, terminal, client}, over.signal);
    if (isOutOfMemory) context.err('error: it was killed: out of memory');
    return exitCode;
  } catch (error) {
    if (!(error instanceof SessionRefused) || error.exitCode === undefined) throw error;
    context.err(`error: ${error.message}`);
    return error.exitCode;
  } finally {
    over.abort();
    socket.terminate();
    streams.stdin.destroy(); // Waiting for input that nobody wants would keep the process from ending.
  }
}

interface Conversation {
  readonly wire: Wire;
  readonly streams: Streams;
  readonly terminal: TerminalSize | undefined;
  readonly client: Client;
}

async function converse({wire, streams, terminal}: Conversation, over: AbortSignal): Promise<{readonly exitCode: number; readonly isOutOfMemory: boolean}> {
  let kill: NodeJS.Timeout | undefined;
  streams.takeSignals((name) => {
    wire.send({signal: name});
    if (name !== 'SIGQUIT') kill ??= setTimeout(() => wire.send({signal: 'SIGKILL'}), KILL_AFTER_MS);
  }, over);
  over.addEventListener('abort', () => clearTimeout(kill), {once: true});
  if (terminal !== undefined) {
    streams.takeKeys(over);
    const passOnSize = () => {
      const size = streams.terminalSize();
      if (size !== undefined) wire.send({resize: size});
    };
    streams.onResize(passOnSize, over);
    // It may have changed while the command was being started.
    const now = streams.terminalSize();
    if (now?.columns !== terminal.columns || now.rows !== terminal.rows) passOnSize();
  }
  const input = sendInput(wire, streams, over);
  input.catch(() => {}); // It ends with the session; input that can't be read is an end of input.
  return wire.exited((stream, bytes) => streams.write(stream, bytes));
}

async function sendInput(wire: Wire, {stdin}: Streams, over: AbortSignal): Promise<void> {
  try {
    for await (const chunk of stdin) {
      for (const piece of pieces(chunk as Buffer)) await wire.sendInput(piece, over);
    }
  } finally {
    if (!over.aborted) await wire.sendInput(Buffer.alloc(0), over);
  }
}

/** The node could not begin it, or go on with it. */
class SessionRefused extends ApiFailure {
  readonly exitCode: number | undefined;

  constructor({status, detail, exitCode}: Extract<ServerMessage, {problem: unknown}>['problem']) {
    super(status, detail);
    this.exitCode = exitCode;
  }
}

/** The client's end of a session. */
class Wire {
  readonly #socket: WebSocket;
  readonly #window = new Window();
  readonly #started = Promise.withResolvers<{readonly name: string; readonly release: number}>();
  readonly #exit = Promise.withResolvers<{readonly exitCode: number; readonly isOutOfMemory: boolean}>();
  #write: ((stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>) | undefined;
  /** Output is written in order, and its end waits for it. */
  #written: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, over: AbortSignal) {
    this.#socket = socket;
    const fail = (error: unknown) => {
      this.#started.reject(error);
      this.#exit.reject(error);
    };
    this.#started.promise.catch(() => {}); // Whoever waits for it is told; nobody may wait for both.
    this.#exit.promise.catch(() => {});
    let silence: NodeJS.Timeout | undefined;
    const hear = () => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.terminate(), SILENCE_MS_MAX);
    };
    hear();
    over.addEventListener('abort', () => clearTimeout(silence), {once: true});
    socket.on('message', (message: Buffer, isBinary: boolean) => {
      hear();
      if (isBinary) this.#output(message, fail);
      else this.#control(JSON.parse(message.toString('utf8')) as ServerMessage, fail);
    });
    socket.on('ping', hear);
    socket.on('error', (error) => fail(cutOff({url: socket.url}, error)));
    socket.on('close', () => fail(cutOff({url: socket.url})));
  }

  started(signal: AbortSignal): Promise<{readonly name: string; readonly release: number}> {
    signal.addEventListener('abort', () => this.#started.reject(signal.reason), {once: true});
    return this.#started.promise;
  }

  async exited(write: (stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>): Promise<{readonly exitCode: number; readonly isOutOfMemory: boolean}> {
    this.#write = write;
    const exit = await this.#exit.promise;
    await this.#written;
    return exit;
  }

  async sendInput(piece: Buffer, over: AbortSignal): Promise<void> {
    await this.#window.take(costOf(piece), over);
    this.#socket.send(frame('stdin', piece));
  }

  send(message: {readonly signal: string} | {readonly resize: TerminalSize} | {readonly passedOn: number}): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #output(message: Buffer, fail: (error: unknown) => void): void {
    const piece = parseFrame(message);
    if (piece === undefined || piece.channel === 'stdin') return;
    const {channel, bytes} = piece;
    this.#written = this.#written.then(async () => {
      await this.#write?.(channel, bytes);
      this.send({passedOn: costOf(bytes)});
    });
    this.#written.catch(fail);
  }

  #control(message: ServerMessage, fail: (error: unknown) => void): void {
    if ('started' in message) this.#started.resolve(message.started);
    else if ('passedOn' in message) this.#window.give(message.passedOn);
    else if ('exit' in message) this.#exit.resolve(message.exit);
    else fail(new SessionRefused(message.problem));
  }
}
