import type {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {anySignal} from '../any-signal.ts';
import {ENGINE_CALL_MS_MAX, engineCall} from './docker-client.ts';
import type {EngineEvent} from './engine.ts';
import {splitLines} from './lines.ts';

/** Events that wait for whoever reads them. Beyond it they are worth less than a new look at everything. */
export const EVENTS_QUEUED_MAX = 10_000;

/** See `Engine.events`. Ends when one of the engine's streams ends, or too much is queued: then all has to be listed anew. */
export async function* dockerEvents(docker: Docker, labels: readonly string[], signal: AbortSignal): AsyncGenerator<EngineEvent> {
  const streams = await openStreams(docker, labels, signal);
  const queue: EngineEvent[] = [];
  let wake = () => {};
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
    for (const stream of streams) stream.destroy();
    wake();
  };
  const read = async (stream: Readable) => {
    for await (const line of splitLines(stream)) {
      if (line.trim() === '') continue;
      if (queue.length === EVENTS_QUEUED_MAX) {
        queue.length = 0;
        return;
      }
      queue.push(toEvent(line));
      wake();
    }
  };
  // How a stream ended does not matter: whoever listens has to look anew and listen again.
  for (const stream of streams) void read(stream).catch(() => {}).finally(end);
  signal.addEventListener('abort', end, {once: true});
  try {
    yield {type: 'listening', action: '', id: ''};
    while (!hasEnded || queue.length > 0) {
      const event = queue.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

/** All of them, or none. */
async function openStreams(docker: Docker, labels: readonly string[], signal: AbortSignal): Promise<readonly Readable[]> {
  // Network events carry no labels of the container: they are asked for without a filter of ours, and few.
  const filters = [
    {type: ['container'], label: [...labels]},
    {type: ['image'], event: ['load', 'tag', 'untag', 'delete', 'import', 'pull']},
    {type: ['network'], event: ['disconnect', 'destroy']},
  ];
  const oneFailed = new AbortController();
  const open = async (filter: object): Promise<Readable> => {
    const ask = (abortSignal: AbortSignal) => docker.getEvents({filters: JSON.stringify(filter) as never, abortSignal});
    try {
      return (await engineCall('listen to events', ask, {ms: ENGINE_CALL_MS_MAX, signal: anySignal([signal, oneFailed.signal])})) as Readable;
    } catch (error) {
      oneFailed.abort(error);
      throw error;
    }
  };
  const opened = await Promise.allSettled(filters.map(open));
  const streams = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (streams.length === filters.length) return streams;
  for (const stream of streams) stream.destroy();
  signal.throwIfAborted();
  throw oneFailed.signal.reason;
}

function toEvent(line: string): EngineEvent {
  const event = JSON.parse(line) as {Type: string; Action: string; Actor: {ID: string; Attributes?: Record<string, string>}};
  const type = event.Type === 'image' || event.Type === 'network' ? event.Type : 'container';
  return {type, action: event.Action, id: type === 'network' ? (event.Actor.Attributes?.['container'] ?? '') : event.Actor.ID};
}
