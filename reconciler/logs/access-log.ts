import {failureOf, type Failure} from './router-errors.ts';

/** One request as Caddy's access log has it; see `accessLog` in router/caddy/config.ts. */
export interface AccessEntry {
  /** When it was over: RFC 3339 with as many digits as there are. */
  readonly at: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly clientAddress: string;
  readonly protocol: string;
  readonly requestId: string;
  /** `<address>:<port>`, or `<name>:<port>`, of the replica that it was given to last; empty when to none. */
  readonly upstream: string;
  /** 499 when the client went away before there was one, 101 when the connection was upgraded. */
  readonly status: number;
  /** Of the answer's body. Nothing is known of what goes through an upgraded connection. */
  readonly bytes: number;
  /** Of the request's body, as its header says; 0 when it came in chunks. */
  readonly bytesIn: number;
  readonly durationMs: number;
  /** Until a replica took it, or none did: waiting for one, and tries with others. Absent: not known, because the last one never answered. */
  readonly connectMs?: number;
  /** Until the answer began, or until it was clear that there would be none. */
  readonly answerMs: number;
  /** Absent: it was answered, whatever the answer was. */
  readonly failure?: Failure;
}

/** nginx's number for it, and Flynn's. */
const CLIENT_GONE = 499;
export const UPGRADED = 101;

/** Undefined for what is no line of an access log. */
export function parseAccessEntry(line: string): AccessEntry | undefined {
  try {
    const {ts, request, user_id: written, duration, size, status: logged} = JSON.parse(line) as Logged;
    const note = parseNote(written);
    const durationMs = duration * 1000;
    const {latencyMs, attemptMs, proxyMs} = note;
    // A route that asks for a password has asked another server before: its answer is none of a replica.
    const isAnswered = latencyMs !== undefined && (note.message === '' || logged < 500);
    // Caddy has seen no status of an upgraded connection: it was written past it.
    const status = logged !== 0 ? logged : isAnswered ? UPGRADED : CLIENT_GONE;
    const waitedMs = attemptMs === undefined || proxyMs === undefined ? undefined : Math.max(0, proxyMs - attemptMs);
    const failure = failureOf({
      status, isAnswered, upstream: note.upstream, message: note.message,
      // With a message it was the router that answered: 401, 403, 413.
      isInterrupted: isAnswered && note.message === '' && status !== UPGRADED && attemptMs === undefined,
    });
    const connectMs = waitedMs ?? (failure?.isUnconnected === true ? proxyMs : undefined);
    return {
      at: ts,
      method: request.method,
      host: request.host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase(),
      path: request.uri,
      // The last of them is who the proxy itself has seen; what stands before, a client may have made up.
      clientAddress: note.forwardedFor.split(',').at(-1)?.trim() || request.remote_ip,
      protocol: note.scheme,
      requestId: note.requestId,
      upstream: note.upstream,
      status,
      bytes: size,
      bytesIn: note.bytesIn,
      durationMs,
      ...(connectMs !== undefined && {connectMs}),
      answerMs: isAnswered ? Math.min(durationMs, (waitedMs ?? 0) + latencyMs) : durationMs,
      ...(failure && {failure}),
    };
  } catch {
    return undefined;
  }
}

interface Logged {
  readonly ts: string;
  readonly request: {readonly method: string; readonly host: string; readonly uri: string; readonly remote_ip: string};
  readonly user_id: string;
  /** Seconds. */
  readonly duration: number;
  readonly size: number;
  readonly status: number;
}

interface Note {
  readonly scheme: string;
  readonly upstream: string;
  /** From the last try's begin until the replica's answer began. Absent: it did not. */
  readonly latencyMs?: number;
  /** The last try, until the answer was complete. Absent: it never was, or the connection was upgraded. */
  readonly attemptMs?: number;
  /** All tries. */
  readonly proxyMs?: number;
  readonly bytesIn: number;
  readonly requestId: string;
  /** Why there is no answer of a replica, in Caddy's words. */
  readonly message: string;
  /** `X-Forwarded-For`, of proxies that are trusted: what others claim is taken away before. Empty: none. */
  readonly forwardedFor: string;
}

/** `noteForAccessLog` of router/caddy/config.ts. What a client may have chosen stands after all that it may not. */
const NOTE = /^(https?) (\S*) ([\d.e+-]*) ([\d.e+-]*) ([\d.e+-]*) (\d*) ([A-Za-z0-9_-]*) ([^\t]*)(?:\t(.*))?$/s;

/** Where somebody has logged in at the router his name is in the field instead: then nothing of it is known. */
function parseNote(text: string): Note {
  const [, scheme, upstream = '', latency, attempt, proxy, length, requestId = '', message = '', forwardedFor = ''] = NOTE.exec(text) ?? [];
  if (scheme === undefined) return {scheme: '', upstream: '', bytesIn: 0, requestId: '', message: '', forwardedFor: ''};
  const [latencyMs, attemptMs, proxyMs] = [latency, attempt, proxy].map((one) => (one === '' ? undefined : Number(one)));
  return {
    scheme,
    upstream: upstream.replace(/^tcp\//, ''),
    ...(latencyMs !== undefined && {latencyMs}),
    ...(attemptMs !== undefined && {attemptMs}),
    ...(proxyMs !== undefined && {proxyMs}),
    bytesIn: Number(length),
    requestId,
    message,
    forwardedFor,
  };
}

/** Heroku's line of the router; `replica` stands where it has `dyno`. */
export function formatRequest(entry: AccessEntry, replica: string | undefined): string {
  const {method, path, host, requestId, clientAddress, protocol, status, bytes, connectMs, durationMs, failure} = entry;
  const outcome = failure === undefined ? 'at=info' : `at=${failure.level}${failure.code === undefined ? '' : ` code=${failure.code}`} desc="${failure.description}"`;
  const connect = connectMs === undefined ? '' : ` connect=${Math.round(connectMs)}ms`;
  return `${outcome} method=${method} path=${quoted(path)} host=${host} request_id=${requestId} fwd=${quoted(clientAddress)} replica=${replica ?? ''}${connect} service=${Math.round(durationMs - (connectMs ?? 0))}ms status=${status} bytes=${bytes} protocol=${protocol}`;
}

/** What a client sent is never more than one word of a line. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, PATH_LENGTH_MAX));
}

/** Longer ones are cut, characters. */
const PATH_LENGTH_MAX = 2_000;
