import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {gitEnvironment} from '../adapters/git.ts';
import {stopGroup} from './process-group.ts';

/** Most bytes of headers that are waited for. */
const HEADER_BYTES_MAX = 64 * 1024;
const HEAD_END = '\r\n\r\n';
/** Of an answer that is kept until it is complete: the list of some ten thousand refs. */
const WHOLE_BYTES_MAX = 1024 * 1024;

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
 * Passes the CGI answer on once the request is here: whole and with its length, because we may be killed, and what has been sent of one by then passes for all of it at
 * a proxy in front (Caddy 2.6 ends it properly). A long one is passed on as it comes. What it returns resolves when the answer has begun, or at once when git has
 * not said anything.
 */
function answer(child: ChildProcess, response: ServerResponse, received: Promise<unknown>): () => Promise<void> {
  const stdout = child.stdout;
  if (stdout === null) throw new Error('bug: the answer of git is not piped');
  let said = Buffer.alloc(0);
  let begun = Promise.resolve();
  const begin = (send: (head: Head, body: Buffer) => void) => {
    const end = said.indexOf(HEAD_END);
    if (end !== -1) begun = received.then(() => send(parseHead(said.toString('latin1', 0, end)), said.subarray(end + HEAD_END.length)));
  };
  const onEnd = (_status: number | null, killedBy: NodeJS.Signals | null) => {
    if (killedBy !== null) return;
    begin(({status, headers}, body) => {
      if (!response.destroyed) response.writeHead(status, {...headers, 'content-length': String(body.length)}).end(body);
    });
  };
  const onData = (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]);
    if (said.length > HEADER_BYTES_MAX && !said.includes(HEAD_END)) stopGroup(child);
    if (said.length <= WHOLE_BYTES_MAX) return;
    stdout.off('data', onData);
    child.off('close', onEnd);
    // Not paused: when a process ends, Node lets what nobody reads of its output flow away.
    const rest = new PassThrough();
    stdout.pipe(rest);
    begin(({status, headers}, body) => {
      if (response.destroyed) return void rest.resume();
      response.writeHead(status, headers);
      response.write(body);
      rest.pipe(response);
    });
  };
  stdout.on('data', onData);
  child.on('close', onEnd);
  return () => begun;
}

interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

function parseHead(text: string): Head {
  const headers = Object.fromEntries(text.split('\r\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const {status = '200', ...rest} = headers;
  return {status: Number.parseInt(status, 10), headers: rest};
}
