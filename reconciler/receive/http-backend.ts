import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {gitEnvironment} from '../adapters/git.ts';
import {stopGroup} from './process-group.ts';

/** Most bytes of headers that are waited for. */
const HEADER_BYTES_MAX = 64 * 1024;

export interface CgiRequest {
  readonly gitdir: string;
  /** `/info/refs` or `/git-upload-pack`. Of our repositories only the first: `upload-pack.ts` and `receive-pack.ts` have ways of their own. */
  readonly path: string;
  readonly query: string;
  readonly user: string;
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Lets git's own `git http-backend` (CGI, RFC 3875) answer a request. Resolves when it has ended.
 * Aborting the signal ends git and all that it has started, so that nothing is received any more.
 */
export async function runHttpBackend(cgi: CgiRequest, {request, response}: {request: IncomingMessage; response: ServerResponse}, signal: AbortSignal): Promise<void> {
  const child = spawn('git', ['http-backend'], {env: environment(cgi, request), stdio: ['pipe', 'pipe', 'ignore'], detached: true});
  const stop = () => stopGroup(child);
  signal.addEventListener('abort', stop, {once: true});
  if (signal.aborted) stop();
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
  // Git may end before it has read everything (a refused push): that is its answer, not an error.
  child.stdin.on('error', () => request.unpipe(child.stdin).resume());
  request.on('error', () => child.stdin.destroy());
  request.pipe(child.stdin);
  // Git prints its headers first and reads afterwards. A proxy written in Go, as Caddy is, throws away what it has not passed on of a request
  // once it passes on an answer (golang/go#15527): git would get a part of the request, or nothing, and its client an empty answer.
  const received = Promise.race([once(request, 'close'), once(child, 'exit')]);
  const answering = answer(child, response, received.catch(() => {}));
  try {
    await ended;
    await answering();
  } finally {
    signal.removeEventListener('abort', stop);
    if (!response.headersSent) response.writeHead(500, {'content-type': 'text/plain'}).end('git gave no answer\n');
  }
}

function environment({gitdir, path, query, user, config, env}: CgiRequest, request: IncomingMessage): Record<string, string> {
  const header = (name: string) => String(request.headers[name] ?? '');
  return gitEnvironment({
    config: {
      'http.receivepack': 'true',
      'http.getanyfile': 'false',
      'receive.advertisePushOptions': 'true',
      ...config,
    },
    env: {
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_PROTOCOL: `HTTP/${request.httpVersion}`,
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_TRANSLATED: `${gitdir}${path}`,
      PATH_INFO: path,
      QUERY_STRING: query,
      REMOTE_USER: user,
      REMOTE_ADDR: request.socket.remoteAddress ?? '',
      GIT_HTTP_EXPORT_ALL: '1',
      CONTENT_TYPE: header('content-type'),
      // Git compresses large requests.
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      GIT_PROTOCOL: header('git-protocol'),
      ...(request.headers['content-length'] === undefined ? {} : {CONTENT_LENGTH: header('content-length')}),
      ...env,
    },
  });
}

/**
 * Passes the CGI answer on once the request is here, each piece at once. What it returns resolves when the answer has begun, or at once when git has
 * not said anything yet.
 */
function answer(child: ChildProcess, response: ServerResponse, received: Promise<unknown>): () => Promise<void> {
  const stdout = child.stdout;
  if (stdout === null) throw new Error('bug: the answer of git is not piped');
  let head = Buffer.alloc(0);
  let begun = Promise.resolve();
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) {
      if (head.length > HEADER_BYTES_MAX) stopGroup(child);
      return;
    }
    stdout.off('data', onData);
    // Not paused: when a process ends, Node lets what nobody reads of its output flow away.
    const body = new PassThrough();
    body.write(head.subarray(end + 4));
    stdout.pipe(body);
    const {status, headers} = parseHead(head.toString('latin1', 0, end));
    begun = received.then(() => {
      if (response.destroyed) return void body.resume();
      response.writeHead(status, headers);
      response.flushHeaders();
      body.pipe(response);
    });
  };
  stdout.on('data', onData);
  return () => begun;
}

function parseHead(text: string): {status: number; headers: Record<string, string>} {
  const headers = Object.fromEntries(text.split('\r\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const {status = '200', ...rest} = headers;
  return {status: Number.parseInt(status, 10), headers: rest};
}
