import {spawn} from 'node:child_process';
import type {FileHandle} from 'node:fs/promises';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {pipeline} from 'node:stream/promises';
import {gitEnvironment} from '../adapters/git.ts';
import {anySignal} from '../any-signal.ts';
import {answered, startAnsweringGit} from './answering-git.ts';
import type {GitCall} from './git-door.ts';
import {stopGroup} from './process-group.ts';
import {receivedBody} from './request-body.ts';

/** Largest request for objects, in bytes: as git's own server has it (git-http-backend(1), `http.maxRequestBuffer`). */
const REQUEST_BYTES_MAX = 10 * 1024 * 1024;

/** A request for objects, in whatever version of the protocol. Others are for lists of refs, which git (2.39) writes in a way that a slow client's connection does not bear. */
const FETCH = /^[0-9a-f]{4}(?:command=fetch|want )/;
const FETCH_BYTES_MAX = 32;

/**
 * Answers a clone or a fetch. Git writes the objects on the client's connection itself: a large clone goes on while we are stopped, or killed, and started again.
 * Resolves when git has ended or goes on without us, to what went wrong with it if it did not come to its end by itself.
 */
export async function runUploadPack({gitdir, scratch, user, config, env}: GitCall, {request, response}: {request: IncomingMessage; response: ServerResponse}, {gone, closing}: {readonly gone: AbortSignal; readonly closing: AbortSignal}): Promise<string | undefined> {
  if (request.headers['content-type'] !== 'application/x-git-upload-pack-request') {
    response.writeHead(415, {'content-type': 'text/plain'}).end('this is no request of git\n');
    return undefined;
  }
  const signal = anySignal([gone, closing]);
  await using body = await receivedBody(request, {scratch, bytesMax: REQUEST_BYTES_MAX}, signal);
  if (body === undefined) return undefined;
  const isFetch = FETCH.test(await beginningOf(body));
  if (signal.aborted) return undefined;
  const protocol = request.headers['git-protocol'];
  const git = {gitdir, body, env: gitEnvironment({config, env: {REMOTE_USER: user, ...(protocol !== undefined && {GIT_PROTOCOL: String(protocol)}), ...env}})};
  if (!isFetch) {
    await passOn(git, response, signal);
    return undefined;
  }
  const child = startAnsweringGit({program: 'upload-pack', ...git}, request);
  // When we stop, all connections are closed on our side: nobody is gone because of that.
  const stop = () => closing.aborted || stopGroup(child);
  gone.addEventListener('abort', stop, {once: true});
  const left = Promise.withResolvers<undefined>();
  const leave = () => {
    child.unref();
    left.resolve(undefined);
  };
  closing.addEventListener('abort', leave, {once: true});
  try {
    return await Promise.race([left.promise, answered(child, {program: 'upload-pack', whatNext: 'Try again.', wasStopped: () => signal.aborted}, request)]);
  } finally {
    gone.removeEventListener('abort', stop);
    closing.removeEventListener('abort', leave);
  }
}

async function beginningOf(body: FileHandle): Promise<string> {
  const {buffer, bytesRead} = await body.read(Buffer.alloc(FETCH_BYTES_MAX), {position: 0});
  return buffer.toString('latin1', 0, bytesRead);
}

async function passOn({gitdir, body, env}: {readonly gitdir: string; readonly body: FileHandle; readonly env: Record<string, string>}, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const child = spawn('git', ['upload-pack', '--stateless-rpc', gitdir], {env, stdio: [body.fd, 'pipe', 'ignore'], detached: true});
  if (child.stdout === null) throw new Error('bug: the answer of git is not piped');
  const stop = () => stopGroup(child);
  signal.addEventListener('abort', stop, {once: true});
  response.writeHead(200, {'content-type': 'application/x-git-upload-pack-result', 'cache-control': 'no-cache, max-age=0, must-revalidate'});
  // A client that goes ends both; a git that does not start ends the answer.
  child.on('error', () => response.destroy());
  await pipeline(child.stdout, response).catch(() => {});
  signal.removeEventListener('abort', stop);
}
