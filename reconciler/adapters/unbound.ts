import {Resolver} from 'node:dns/promises';
import net from 'node:net';
import {anySignal} from '../any-signal.ts';

/**
 * What the pass needs of unbound, in unbound's words (unbound-control(8), unbound.conf(5)). `unbound.ts` speaks the
 * control protocol to the real one, `test/support/fake-router.ts` is one in memory.
 *
 * While one command is carried out no query is answered (with one thread, as we configure it): each call is atomic.
 */
export interface UnboundControl {
  /** Every resource record of local data, in zone file format: `name TTL IN type data`, white space as it comes. */
  listRecords(signal: AbortSignal): Promise<readonly string[]>;
  /** Adds resource records to what their names have already. */
  addRecords(records: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes all records of these names. Names that have none are fine. */
  removeRecords(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** Adds local zones, `name type` each. One that exists keeps its records. */
  addZones(zones: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes local zones and all records in them. Names that are no zones are fine. */
  removeZones(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** Asks the DNS server itself, as its clients do: the text of a TXT record, or undefined when there is none. */
  resolveText(name: string, signal: AbortSignal): Promise<string | undefined>;
}

/** 10,000 records take 200 ms. */
const COMMAND_DEADLINE_MS = 5000;
const QUERY_DEADLINE_MS = 1000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** How much of unbound's own words goes into an error. */
const ERROR_LENGTH_MAX = 500;

export function connectUnbound({socketPath, dnsPort}: {readonly socketPath: string; readonly dnsPort: number}): UnboundControl {
  const change = async (command: string, lines: readonly string[], signal: AbortSignal) => {
    if (lines.length === 0) return;
    assertAllDone(command, lines, await run(socketPath, controlRequest(command, lines), signal));
  };
  return {
    listRecords: async (signal) => recordLines(await run(socketPath, controlRequest('list_local_data', []), signal)),
    addRecords: (records, signal) => change('local_datas', records, signal),
    removeRecords: (names, signal) => change('local_datas_remove', names, signal),
    addZones: (zones, signal) => change('local_zones', zones, signal),
    removeZones: (names, signal) => change('local_zones_remove', names, signal),
    resolveText: (name, signal) => resolveText(name, dnsPort, signal),
  };
}

/** The protocol's version, the command, then one line each; the end of the input ends the list. */
export function controlRequest(command: string, lines: readonly string[]): string {
  const broken = lines.find((line) => line.includes('\n') || line.trim() === '');
  if (broken !== undefined) throw new Error(`bug: ${JSON.stringify(broken)} is not one line for unbound`);
  return [`UBCT1 ${command}`, ...lines].map((line) => `${line}\n`).join('');
}

export function recordLines(answer: string): readonly string[] {
  if (answer.startsWith('error')) throw new Error(`unbound refused to list its records: ${answer.trim().slice(0, ERROR_LENGTH_MAX)}`);
  return answer.split('\n').filter((line) => line !== '');
}

/** The list commands go on after a bad line, say so, and end with `added 2 datas` or `removed 2 zones`. */
export function assertAllDone(command: string, lines: readonly string[], answer: string): void {
  const done = /^(?:added|removed) (\d+) (?:datas|zones)$/m.exec(answer)?.[1];
  if (Number(done) === lines.length && !/^error/m.test(answer)) return;
  throw new Error(`unbound did ${done ?? 'none'} of the ${lines.length} lines of ${command}: ${answer.trim().slice(0, ERROR_LENGTH_MAX)}`);
}

async function run(socketPath: string, request: string, signal: AbortSignal): Promise<string> {
  const command = request.slice(0, request.indexOf('\n'));
  const deadline = AbortSignal.timeout(COMMAND_DEADLINE_MS);
  try {
    return await exchange(socketPath, request, anySignal([signal, deadline]));
  } catch (cause) {
    signal.throwIfAborted();
    const why = deadline.aborted ? `no answer within ${COMMAND_DEADLINE_MS} ms` : (cause as Error).message;
    throw new Error(`"${command}" on "${socketPath}" failed: ${why}`, {cause});
  }
}

function exchange(socketPath: string, request: string, signal: AbortSignal): Promise<string> {
  const {promise, resolve, reject} = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  // Half open: our end of input is how unbound knows that the list is complete; its answer comes after that.
  const socket = net.connect({path: socketPath, allowHalfOpen: true});
  const abort = () => socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, {once: true});
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) return socket.destroy(new Error(`answer is longer than ${ANSWER_BYTES_MAX} bytes`));
    chunks.push(chunk);
  });
  socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
  socket.on('error', reject);
  socket.on('close', () => {
    signal.removeEventListener('abort', abort);
    reject(new Error('unbound closed the connection'));
  });
  if (signal.aborted) abort();
  else socket.end(request);
  return promise;
}

async function resolveText(name: string, dnsPort: number, signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted();
  // A resolver of its own for each question: cancelling one must not cancel another one.
  const resolver = new Resolver({timeout: QUERY_DEADLINE_MS, tries: 1});
  resolver.setServers([`127.0.0.1:${dnsPort}`]);
  const abort = () => resolver.cancel();
  signal.addEventListener('abort', abort, {once: true});
  try {
    const [first] = await resolver.resolveTxt(name);
    return first?.join('');
  } catch (cause) {
    signal.throwIfAborted();
    const {code} = cause as NodeJS.ErrnoException;
    if (code === 'ENODATA' || code === 'ENOTFOUND') return undefined;
    throw new Error(`asking 127.0.0.1:${dnsPort} for "${name}" failed: ${code ?? String(cause)}`, {cause});
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
