import type Docker from 'dockerode';
import {createDocker} from './dockerode.ts';

/** Deadline of a call that answers at once, in milliseconds. An engine that takes longer is as good as gone (moby#42545 hangs for ever). */
export const ENGINE_CALL_MS_MAX = 20_000;

/** The engine that `DOCKER_HOST` names, or the one on this machine's usual socket. */
export function connectDocker(): Docker {
  return createDocker();
}

/**
 * Rejects with what was being done when the engine does not answer within `ms`, or the signal is aborted. `ask` gets a signal for its
 * request: one that nobody waits for any more is aborted, or an engine that hangs would be left with a connection for each.
 */
export async function engineCall<Value>(what: string, ask: (abortSignal: AbortSignal) => Promise<Value>, {ms, signal}: {ms: number; signal: AbortSignal}): Promise<Value> {
  signal.throwIfAborted();
  const {promise: gaveUp, reject} = Promise.withResolvers<never>();
  const request = new AbortController();
  const giveUp = (reason: unknown) => {
    reject(reason);
    request.abort(reason);
  };
  const onAbort = () => giveUp(signal.reason);
  const timer = setTimeout(() => giveUp(new Error(`the engine did not answer within ${ms / 1000} s`)), ms);
  signal.addEventListener('abort', onAbort, {once: true});
  const work = ask(request.signal);
  try {
    return await Promise.race([work, gaveUp]);
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Error(`${what}: ${messageOf(cause)}`, {cause});
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    work.catch(() => {}); // Whoever loses the race may still fail later; nobody is left to be told.
  }
}

/** The engine's own words: dockerode puts `(HTTP code 404) no such container - ` before them. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fromEngine = (error as {json?: {message?: string}}).json?.message;
  return fromEngine ?? error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

export function hasStatus(error: unknown, ...codes: readonly number[]): boolean {
  const code = (error as {statusCode?: number}).statusCode ?? ((error as {cause?: {statusCode?: number}}).cause?.statusCode);
  return code !== undefined && codes.includes(code);
}
