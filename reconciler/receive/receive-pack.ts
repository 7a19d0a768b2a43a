import type {IncomingMessage, ServerResponse} from 'node:http';
import {gitEnvironment} from '../adapters/git.ts';
import {answered, startAnsweringGit} from './answering-git.ts';
import type {GitCall} from './git-door.ts';
import {stopGroup} from './process-group.ts';
import {receivedBody} from './request-body.ts';

/** Largest push that is taken, in bytes. */
export const PUSH_BYTES_MAX = 1024 * 1024 * 1024;

/** How long the hook of a push that is not wanted any more may take to refuse it, in milliseconds: a build is cleared away meanwhile. */
export const REFUSE_MS_MAX = 10_000;

/**
 * Receives a push. Git answers the client itself: when we are killed, its hook notices that, and the pusher is told. An answer that went through us would be cut off
 * then, and `git push` would wait for the rest for ever.
 *
 * Resolves when git has ended, to what went wrong with it if it did not come to its end by itself. When the signal is aborted, its hook is expected to refuse the push: then git removes what it received. Ended by a
 * signal it does not (since 2.39), so that comes last.
 */
export async function runReceivePack({gitdir, scratch, user, config, env}: GitCall, {request, response}: {request: IncomingMessage; response: ServerResponse}, signal: AbortSignal): Promise<string | undefined> {
  if (request.headers['content-type'] !== 'application/x-git-receive-pack-request') {
    response.writeHead(415, {'content-type': 'text/plain'}).end('this is no push of git\n');
    return undefined;
  }
  await using body = await receivedBody(request, {scratch, bytesMax: PUSH_BYTES_MAX}, signal);
  if (body === undefined || signal.aborted) return undefined;
  const child = startAnsweringGit({
    program: 'receive-pack', gitdir, body,
    env: gitEnvironment({
      config: {'receive.maxInputSize': String(PUSH_BYTES_MAX), ...config},
      env: {REMOTE_USER: user, ...(request.headers['git-protocol'] === undefined ? {} : {GIT_PROTOCOL: String(request.headers['git-protocol'])}), ...env},
    }),
  }, request);
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    killing = setTimeout(() => stopGroup(child), REFUSE_MS_MAX);
  };
  signal.addEventListener('abort', stop, {once: true});
  try {
    return await answered(child, {program: 'receive-pack', whatNext: 'See what became of it with: flynn status, then push again.', wasStopped: () => signal.aborted}, request);
  } finally {
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
  }
}
