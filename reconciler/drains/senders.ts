import {createSocket} from 'node:dgram';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import {DRAIN_SCHEMES, isScheme} from '../../schemas/drains.ts';
import {anySignal} from '../any-signal.ts';
import {Refused, type Drain, type DrainLine, type Sender} from './drain.ts';
import {gelfDatagrams, gelfFrame, lokiBody, ndjsonBody, syslogDatagram, syslogFrame} from './formats.ts';

export interface SenderContext {
  readonly node: string;
  /** Opens a sealed value. */
  open(sealed: string): Promise<string>;
  /** The connection was lost. */
  onBroken(): void;
}

const CONNECT_MS_MAX = 10_000;
/** A receiver that takes nothing for so long is not there. */
const TAKE_MS_MAX = 30_000;
const LOKI_PATH = '/loki/api/v1/push';
/** Shorter values of headers are words, and no secrets. */
const SECRET_LENGTH_MIN = 4;
/** A receiver's words of why not, in bytes. */
const ANSWER_BYTES_MAX = 2_000;

export function createSender(drain: Drain, context: SenderContext): Sender {
  const url = new URL(drain.url);
  const scheme = url.protocol.slice(0, -1);
  if (!isScheme(scheme)) throw new Error(`bug: "${scheme}" is no scheme of a drain`);
  const {format, transport, port} = DRAIN_SCHEMES[scheme];
  const {node} = context;
  const place = {host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || port};
  switch (transport) {
    case 'udp': return new DatagramSender(place, (line) => (format === 'gelf' ? gelfDatagrams(line, node) : [syslogDatagram(line, node)]));
    case 'tcp':
    case 'tls': return new StreamSender({...place, isTls: transport === 'tls', verify: drain.verify !== false, ca: drain.ca, frame: (line) => (format === 'gelf' ? gelfFrame(line, node) : syslogFrame(line, node))}, context);
    case 'http':
    case 'https': {
      const path = url.pathname.length > 1 ? url.pathname : format === 'loki' ? LOKI_PATH : '/';
      return new HttpSender({drain, ...place, path: `${path}${url.search}`, credentials: credentialsOf(url), isTls: transport === 'https', ...(format === 'loki' ? {body: lokiBody, type: 'application/json'} : {body: ndjsonBody, type: 'application/x-ndjson'})}, context);
    }
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Nobody answers a datagram: sent is all that can be known. */
class DatagramSender implements Sender {
  readonly isBroken = false;
  readonly isSure = true;
  readonly #place: Place;
  readonly #messages: (line: DrainLine) => readonly Buffer[];
  readonly #socket;

  constructor(place: Place, messages: (line: DrainLine) => readonly Buffer[]) {
    this.#place = place;
    this.#messages = messages;
    this.#socket = createSocket(net.isIPv6(place.host) ? 'udp6' : 'udp4').on('error', () => {}).unref();
  }

  async send(lines: readonly DrainLine[]): Promise<void> {
    for (const message of lines.flatMap((line) => this.#messages(line))) {
      await new Promise<void>((resolve, reject) => this.#socket.send(message, this.#place.port, this.#place.host, (error) => (error === null ? resolve() : reject(error))));
    }
  }

  async settle(): Promise<void> {}

  close(): void {
    this.#socket.close();
  }
}

interface StreamOptions extends Place {
  readonly isTls: boolean;
  readonly verify: boolean;
  readonly ca: string | undefined;
  frame(line: DrainLine): Buffer;
}

/**
 * Lines over a connection whose receiver never says that it has them: what the kernel took may be lost with the other end. So they count as
 * received only when the connection was ended in order: the receiver reads to the end that we announce, and then ends its own side.
 */
class StreamSender implements Sender {
  readonly #options: StreamOptions;
  readonly #onBroken: () => void;
  #socket: net.Socket | undefined;
  #error: Error | undefined;
  isBroken = false;
  readonly isSure = false;

  constructor(options: StreamOptions, {onBroken}: Pick<SenderContext, 'onBroken'>) {
    this.#options = options;
    this.#onBroken = onBroken;
  }

  async send(lines: readonly DrainLine[], signal: AbortSignal): Promise<void> {
    if (this.isBroken) this.close();
    const socket = this.#socket ?? await this.#connect(signal);
    if (!socket.write(Buffer.concat(lines.map((line) => this.#options.frame(line))))) await this.#event(socket, 'drain', {ms: TAKE_MS_MAX, signal});
    if (this.isBroken) throw this.#error ?? new Error('the receiver has ended the connection');
  }

  async settle(signal: AbortSignal): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.isBroken) throw this.#error ?? new Error('the receiver has ended the connection');
    this.#socket = undefined;
    socket.end();
    try {
      await this.#event(socket, 'end', {ms: CONNECT_MS_MAX, signal});
    } catch (error) {
      // Some never end their side. What they have is theirs.
      if (!(error instanceof TooLong)) throw error;
    } finally {
      socket.destroy();
    }
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  async #connect(signal: AbortSignal): Promise<net.Socket> {
    const {host, port, isTls, verify, ca} = this.#options;
    this.isBroken = false;
    this.#error = undefined;
    const socket = isTls
      ? tls.connect({host, port, rejectUnauthorized: verify, allowHalfOpen: true, ...(net.isIP(host) === 0 && {servername: host}), ...trusted(ca)} as tls.ConnectionOptions)
      : net.connect({host, port, allowHalfOpen: true});
    socket.setKeepAlive(true, CONNECT_MS_MAX);
    const broken = (error?: Error) => {
      // Of one that we have ended ourselves.
      if (this.#socket !== socket) return;
      this.#error ??= error;
      if (this.isBroken) return;
      this.isBroken = true;
      this.#onBroken();
    };
    try {
      await this.#event(socket, isTls ? 'secureConnect' : 'connect', {ms: CONNECT_MS_MAX, signal});
    } catch (error) {
      socket.on('error', () => {}).destroy();
      throw error;
    }
    this.#socket = socket;
    socket.on('error', broken).on('end', () => broken()).resume();
    return socket;
  }

  async #event(socket: net.Socket, name: string, {ms, signal}: {readonly ms: number; readonly signal: AbortSignal}): Promise<void> {
    const heard = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (error: Error) => reject(error);
        const ended = () => reject(new Error('the receiver has ended the connection'));
        const aborted = () => reject(signal.reason as Error);
        const timer = setTimeout(() => reject(new TooLong(`the receiver did nothing for ${ms / 1000} s`)), ms);
        const done = () => resolve();
        socket.once(name, done).once('error', fail).once('close', ended);
        signal.addEventListener('abort', aborted, {once: true, signal: heard.signal});
        heard.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          socket.off(name, done).off('error', fail).off('close', ended);
        });
        if (signal.aborted) aborted();
      });
    } finally {
      heard.abort();
    }
  }
}

class TooLong extends Error {}

interface HttpOptions extends Place {
  readonly drain: Drain;
  readonly path: string;
  readonly credentials: string | undefined;
  readonly isTls: boolean;
  readonly type: string;
  readonly body: (lines: readonly DrainLine[], node: string) => string;
}

/** A batch a request: an answer 2xx means that the receiver has it. */
class HttpSender implements Sender {
  readonly isBroken = false;
  readonly isSure = true;
  readonly #options: HttpOptions;
  readonly #context: SenderContext;

  constructor(options: HttpOptions, context: SenderContext) {
    this.#options = options;
    this.#context = context;
  }

  async send(lines: readonly DrainLine[], signal: AbortSignal): Promise<void> {
    const {status, text, secrets} = await this.#post(this.#options.body(lines, this.#context.node), anySignal([signal, AbortSignal.timeout(TAKE_MS_MAX)]));
    if (status >= 200 && status < 300) return;
    // Some receivers repeat what they were sent.
    const words = secrets.reduce((left, secret) => left.replaceAll(secret, '…'), text.split('\n', 1)[0] ?? '').slice(0, 200);
    const message = `the receiver answers ${status}${words === '' ? '' : `: ${words}`}`;
    // Others may be mended: a wrong token, a path that is not there yet, too many requests.
    throw status === 400 || status === 413 || status === 422 ? new Refused(message) : new Error(message);
  }

  async settle(): Promise<void> {}

  close(): void {}

  async #post(body: string, signal: AbortSignal): Promise<{readonly status: number; readonly text: string; readonly secrets: readonly string[]}> {
    const {drain, host, port, path, credentials, isTls, type} = this.#options;
    const sealed = await Promise.all(Object.entries(drain.sealedHeaders ?? {}).map(async ([name, value]) => [name, await this.#context.open(value)] as const));
    const headers = {'content-type': type, 'content-length': Buffer.byteLength(body), 'user-agent': 'flynn', ...(credentials !== undefined && {authorization: credentials}), ...drain.headers, ...Object.fromEntries(sealed)};
    const secrets = [...sealed.map(([, value]) => value), ...Object.values(drain.headers ?? {}), ...(credentials === undefined ? [] : [credentials])].filter((value) => value.length >= SECRET_LENGTH_MIN);
    return new Promise((resolve, reject) => {
      const options = {method: 'POST', host, port, path, headers, signal, agent: false} as const;
      const request = isTls ? https.request({...options, rejectUnauthorized: drain.verify !== false, ...trusted(drain.ca)}) : http.request(options);
      request.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(0, ANSWER_BYTES_MAX))).on('error', reject).on('end', () => resolve({status: response.statusCode ?? 0, text, secrets}));
      });
      request.end(body);
    });
  }
}

function credentialsOf({username, password}: URL): string | undefined {
  return username === '' ? undefined : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
}

/** The drain's own authority, and no other, where it has one; else Node's and this machine's: a company's may be known to the machine only. */
function trusted(ca: string | undefined): {readonly ca: string[]} {
  return {ca: ca !== undefined ? [ca] : [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]};
}
