import {formatAt} from './record.ts';

/** One connection to a port of the node, as HAProxy's log has it when it is over; see `log-format` in router/haproxy-config.ts. */
export interface TcpEntry {
  /** When it was over, as the store has times. */
  readonly at: string;
  readonly port: number;
  readonly clientAddress: string;
  /** HAProxy's name for the replicas that it was meant for: `backendName` of router/haproxy-config.ts. Another one when it got so far for nobody. */
  readonly backend: string;
  /** Of the replica. Absent: it got to none. */
  readonly upstream?: string;
  /** Until a replica took it. Absent: none did. */
  readonly connectMs?: number;
  readonly durationMs: number;
  /** From the client, and to it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly ending: TcpEnding;
}

export type TcpEnding =
  /** `closed`: in order, by whichever side was the first. `client`, `replica`: who broke it off. `idle`: nothing was sent for too long. */
  | {readonly kind: 'over'; readonly end: 'closed' | 'client' | 'replica' | 'idle'}
  /** No replica has served it. */
  | {readonly kind: 'failed'; readonly level: 'warning' | 'error'; readonly code: TcpCode; readonly description: string};

/** The number says what it says of requests (`H14`), where there is such a number. */
export type TcpCode = 'T14' | 'T19' | 'T21' | 'T27' | 'T43' | 'T99';

const LINE = /^(\d+) (\S+) (\d+) (\S+) (\S+) (\S+) (-?\d+) (-?\d+) (\d+) (\d+) (\d+) ([A-Za-z-]{2})$/;
const ABSENT = '-';
/** Of `backendName`, and of the frontends' names. */
const PORT_OF_BACKEND = /^p(\d+)(?:_|$)/;

/** Undefined for what is no line of a connection: HAProxy writes other words to its log as well. */
export function parseTcpEntry(line: string): TcpEntry | undefined {
  const fields = LINE.exec(line);
  if (fields === null) return undefined;
  const [, acceptedMs, client = '', port, backend = '', refused = ABSENT, address = ABSENT, waited, connected, duration, bytesIn, bytesOut, state = ''] = fields;
  const upstream = address === ABSENT ? undefined : address;
  const meant = refused === ABSENT ? backend : refused;
  const connectMs = Number(waited) < 0 || Number(connected) < 0 ? undefined : Number(waited) + Number(connected);
  return {
    at: formatAt(Number(acceptedMs) + Number(duration)),
    // Not what HAProxy logs as the port: a PROXY header says the one that the load balancer was reached at.
    port: Number(PORT_OF_BACKEND.exec(meant)?.[1] ?? port),
    clientAddress: client.replace(/^::ffff:(?=\d+\.)/, ''),
    backend: meant,
    ...(upstream !== undefined && {upstream}),
    ...(connectMs !== undefined && {connectMs}),
    durationMs: Number(duration),
    bytesIn: Number(bytesIn),
    bytesOut: Number(bytesOut),
    ending: endingOf(state, {isRefused: refused !== ABSENT, hasReplica: upstream !== undefined}),
  };
}

/** HAProxy's two letters: what ended it, and what was being done then (HAProxy 3.0 configuration manual, 8.5). */
function endingOf(state: string, {isRefused, hasReplica}: {readonly isRefused: boolean; readonly hasReplica: boolean}): TcpEnding {
  const [cause = '', phase = ''] = state;
  if (isRefused) return {kind: 'failed', level: 'warning', code: 'T43', description: 'Client not allowed'};
  // While a replica was chosen (Q), or connected to (C).
  if (phase === 'Q' || phase === 'C') {
    if (cause === 'C' || cause === 'c') return {kind: 'failed', level: 'warning', code: 'T27', description: 'Client Connection Interrupted'};
    if (!hasReplica) return {kind: 'failed', level: 'error', code: 'T14', description: 'No replicas running'};
    if (cause === 's') return {kind: 'failed', level: 'error', code: 'T19', description: 'Backend connection timeout'};
    if (cause === 'S') return {kind: 'failed', level: 'error', code: 'T21', description: 'Backend connection refused'};
  }
  const end = ENDS[cause];
  return end === undefined ? {kind: 'failed', level: 'error', code: 'T99', description: 'Platform error'} : {kind: 'over', end};
}

/** `D`: the replica was taken out of the service meanwhile. */
const ENDS: Readonly<Record<string, 'closed' | 'client' | 'replica' | 'idle' | undefined>> = {'-': 'closed', C: 'client', S: 'replica', D: 'replica', c: 'idle', s: 'idle'};

/** In the words of the router's line of a request. */
export function formatConnection({port, clientAddress, connectMs, durationMs, bytesIn, bytesOut, ending}: TcpEntry, replica: string | undefined): string {
  const outcome = ending.kind === 'over' ? 'at=info' : `at=${ending.level} code=${ending.code} desc="${ending.description}"`;
  const connect = connectMs === undefined ? '' : ` connect=${connectMs}ms`;
  const end = ending.kind === 'over' ? ` end=${ending.end}` : '';
  return `${outcome} protocol=tcp port=${port} fwd="${clientAddress}" replica=${replica ?? ''}${connect} duration=${durationMs}ms in=${bytesIn} out=${bytesOut}${end}`;
}
