import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {createWriteStream} from 'node:fs';
import {mkdir, open, rm, type FileHandle} from 'node:fs/promises';
import type {IncomingMessage, ServerResponse} from 'node:http';
import type {Socket} from 'node:net';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import {gitEnvironment} from '../adapters/git.ts';
import {stopGroup} from './process-group.ts';

/** Largest push that is taken, in bytes. */
export const PUSH_BYTES_MAX = 1024 * 1024 * 1024;

/** How long the hook of a push that is not wanted any more may take to refuse it, in milliseconds: a build is cleared away meanwhile. */
export const REFUSE_MS_MAX = 10_000;

/** gitprotocol-http(5), "Smart Service git-receive-pack". The body ends when the connection does: nothing has to be added to what git writes. */
const HEAD = [
  'HTTP/1.1 200 OK',
  'Content-Type: application/x-git-receive-pack-result',
  'Cache-Control: no-cache, max-age=0, must-revalidate',
  'Connection: close',
  '', '',
].join('\r\n');

/**
 * File descriptor 3 is the client's connection. A shell, because Node would make a socket that is stdout a blocking one, for us too (libuv,
 * `uv__process_child_init`). It sends the head as well: nothing is sent that only we could finish.
 */
const SCRIPT = 'printf %s "$2" >&3 && exec git receive-pack --stateless-rpc "$1" >&3 3>&-';

export interface ReceivePack {
  readonly gitdir: string;
  /** Folder for the push until it is complete. */
  readonly scratch: string;
  readonly user: string;
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Receives a push. Git writes its answer on the client's connection itself, which it goes on doing when we are killed: its hook notices that,
 * and the pusher is told. An answer that went through us would be cut off then, which Caddy 2.6 passes on as a whole one (it logs "aborting with
 * incomplete response" and ends it properly), and at which `git push` waits for the rest for ever.
 *
 * Resolves when git has ended. When the signal is aborted, its hook is expected to refuse the push: then git removes what it received. Ended by a
 * signal it does not (since 2.39), so that comes last.
 */
export async function runReceivePack({gitdir, scratch, user, config, env}: ReceivePack, {request, response}: {request: IncomingMessage; response: ServerResponse}, signal: AbortSignal): Promise<void> {
  if (request.headers['content-type'] !== 'application/x-git-receive-pack-request') {
    response.writeHead(415, {'content-type': 'text/plain'}).end('this is no push of git\n');
    return;
  }
  await using body = await received(request, scratch, signal);
  if (body === undefined || signal.aborted) return;
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'receive-pack', gitdir, HEAD], {
    env: gitEnvironment({
      config: {'receive.maxInputSize': String(PUSH_BYTES_MAX), ...config},
      env: {REMOTE_USER: user, ...(request.headers['git-protocol'] === undefined ? {} : {GIT_PROTOCOL: String(request.headers['git-protocol'])}), ...env},
    }),
    stdio: [body.fd, 'ignore', 'ignore', descriptorOf(request.socket)],
    detached: true,
  });
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    killing = setTimeout(() => stopGroup(child), REFUSE_MS_MAX);
  };
  signal.addEventListener('abort', stop, {once: true});
  try {
    await once(child, 'close');
  } finally {
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
    // Not `response`, which has sent nothing.
    request.socket.end();
  }
}

/**
 * The whole request, in a file that has no name any more. Undefined: the pusher went away. Not passed on as it comes: once there is an answer, a
 * proxy written in Go, as Caddy is, throws away what it has not passed on of the request (golang/go#15527), and git may answer while it reads.
 */
async function received(request: IncomingMessage, scratch: string, signal: AbortSignal): Promise<FileHandle | undefined> {
  await mkdir(scratch, {recursive: true, mode: 0o700});
  const file = path.join(scratch, `push-${randomUUID()}`);
  try {
    await pipeline(unpacked(request), upToTheLimit, createWriteStream(file, {mode: 0o600, flags: 'wx'}), {signal});
    return await open(file);
  } catch (error) {
    if (signal.aborted || request.readableAborted) return undefined;
    throw error;
  } finally {
    await rm(file, {force: true});
  }
}

/** What is beyond is read, not kept: git refuses it for its size, and says so. */
async function* upToTheLimit(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    if (sizeBytes <= PUSH_BYTES_MAX) yield chunk;
    sizeBytes += chunk.length;
  }
}

/** Git compresses large requests. */
function unpacked(request: IncomingMessage): Readable {
  if (request.headers['content-encoding'] !== 'gzip') return request;
  const unpacking = createGunzip();
  request.on('error', (error) => unpacking.destroy(error));
  return request.pipe(unpacking);
}

/** Node has no public name for it. A socket that is handed over to `spawn` as a stream is not read any more: the rest of the push would not arrive. */
function descriptorOf(socket: Socket): number {
  const {fd} = (socket as unknown as {readonly _handle: {readonly fd: number} | null})._handle ?? {fd: -1};
  if (fd < 0) throw new Error('the pusher went away');
  return fd;
}
