import type {LookupFunction} from 'node:net';
import type {Readable} from 'node:stream';
import type {IncomingMessage, RequestOptions} from 'node:http';

export interface Exchange {
  /** `http://api.flynn.localhost:8080`, without path. */
  readonly base: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is sent as it comes, and slows down whoever makes it. */
  readonly body?: string | Readable;
  /** Ends the exchange with ETIMEDOUT when nothing came for so long. */
  readonly silenceMsMax?: number;
  /** See `ClusterContext`. */
  readonly caFile?: string | undefined;
}

/**
 * One HTTP request, by node:http: loading undici would double the start-up time of the command. Resolves when the status is there; the
 * body is for the caller to read. Rejects as the socket does.
 */
export async function exchange({base, method, path, headers, body, silenceMsMax, caFile}: Exchange, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(path, base);
  const {request} = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const options: RequestOptions = {
    method, signal, headers: {accept: 'application/json, application/problem+json', ...headers},
    // One exchange a connection: a kept one would keep the process from ending.
    agent: false,
    ...lookupFor(url),
    ...(url.protocol === 'https:' && await trusting(caFile)),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, options, resolve);
    sent.on('error', reject);
    if (silenceMsMax !== undefined) {
      sent.setTimeout(silenceMsMax, () => sent.destroy(Object.assign(new Error(`silent for ${silenceMsMax} ms`), {code: 'ETIMEDOUT'})));
    }
    if (body === undefined || typeof body === 'string') sent.end(body);
    else body.once('error', (error) => sent.destroy(error)).pipe(sent);
  });
}

/** Whom a certificate may be signed by: whoever signs for this machine, and the one in the file. */
export async function trusting(caFile: string | undefined): Promise<{readonly ca?: string[]}> {
  if (caFile === undefined) return {};
  const [{getCACertificates}, {readFile}] = await Promise.all([import('node:tls'), import('node:fs/promises')]);
  return {ca: [...getCACertificates('default'), await readFile(caFile, 'utf8')]};
}

/** Whether others could read what is sent there: `http://`, and not to this machine. */
export function isReadable(base: string): boolean {
  const {protocol, hostname} = new URL(base);
  return protocol === 'http:' && !isLoopbackName(hostname) && !/^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** How a name is looked up, where that is not as usual. */
export function lookupFor({hostname}: URL): {readonly lookup?: LookupFunction} {
  return isLoopbackName(hostname) ? {lookup: lookupLoopback} : {};
}

/** Names below `localhost` are this machine (RFC 6761, 6.3): browsers and curl know that, Node's `dns.lookup` does not. */
function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

const lookupLoopback: LookupFunction = (_host, options, callback) => {
  if (options.all === true) callback(null, [{address: '127.0.0.1', family: 4}]);
  else callback(null, '127.0.0.1', 4);
};
