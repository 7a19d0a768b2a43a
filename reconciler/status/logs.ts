import type {Engine, EngineLogLine} from '../adapters/engine.ts';
import type {LogLine, LogQuery} from '../node.ts';
import type {ObservedContainer} from '../observed/state.ts';

/** Lines that wait for a slow reader; beyond it the oldest are dropped, so that a follower never grows the memory. */
const QUEUE_LINES_MAX = 10_000;

export interface LogSource {
  readonly engine: Engine;
  /** The containers of the app, as last seen. */
  containers(): readonly ObservedContainer[];
  /** Calls back after each pass, until the signal: there may be new containers. */
  onPass(listener: () => void, signal: AbortSignal): void;
}

/** The logs of an app's replicas as one, in time order; those of exited containers too, as long as they are kept. */
export async function* mergedLogs(query: LogQuery, source: LogSource, signal: AbortSignal): AsyncIterable<LogLine> {
  const chosen = () => source.containers().filter(({service}) => query.service === undefined || service === query.service);
  const first = chosen();
  const histories = await Promise.all(first.map(async (container) => collect(container, query.lines, source.engine, signal)));
  const past = histories.flat().toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(-query.lines);
  yield* past;
  if (query.follow) yield* follow({known: first, shown: histories, chosen, source}, signal);
}

async function collect(container: ObservedContainer, tail: number, engine: Engine, signal: AbortSignal): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of engine.logs(container.id, {tail, follow: false}, signal)) lines.push(toLine(container, line));
  return lines;
}

interface Following {
  readonly known: readonly ObservedContainer[];
  readonly shown: readonly (readonly LogLine[])[];
  readonly source: LogSource;
  chosen(): readonly ObservedContainer[];
}

async function* follow({known, shown, chosen, source}: Following, signal: AbortSignal): AsyncIterable<LogLine> {
  const queue: LogLine[] = [];
  let wake = () => {};
  const push = (line: LogLine) => {
    queue.push(line);
    if (queue.length > QUEUE_LINES_MAX) queue.splice(0, queue.length - QUEUE_LINES_MAX);
    wake();
  };
  const followed = new Set<string>();
  const join = (container: ObservedContainer, lastAt: string) => {
    if (followed.has(container.id)) return;
    followed.add(container.id);
    void (async () => {
      try {
        // Lines that came between the history and the stream are in both: what is not newer was shown.
        const lines = source.engine.logs(container.id, {tail: lastAt === '' ? QUEUE_LINES_MAX : 100, follow: true}, signal);
        for await (const line of lines) if (line.at > lastAt) push(toLine(container, line));
      } catch (error) {
        if (!signal.aborted) push({at: new Date().toISOString(), replica: `${container.service}.${container.slot}`, stream: 'stderr', text: `(log ended: ${String(error)})`});
      }
    })();
  };
  known.forEach((container, index) => {
    if (container.state === 'running') join(container, shown[index]?.at(-1)?.at ?? ' ');
    else followed.add(container.id);
  });
  source.onPass(() => chosen().filter(({state}) => state !== 'created').forEach((container) => join(container, '')), signal);
  signal.addEventListener('abort', () => wake(), {once: true});
  while (!signal.aborted) {
    const line = queue.shift();
    if (line !== undefined) yield line;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

function toLine(container: ObservedContainer, {at, stream, text}: EngineLogLine): LogLine {
  return {at, replica: `${container.service}.${container.slot}`, stream, text};
}
