/** One request as Caddy's access log has it; see `accessLog` in router/caddy-config.ts. */
export interface AccessEntry {
  /** When it had been answered: RFC 3339 with as many digits as there are. */
  readonly at: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly clientAddress: string;
  readonly protocol: string;
  readonly requestId: string;
  /** `<address>:<port>`, or `<name>:<port>`, of the replica that it was given to last; empty when to none. */
  readonly upstream: string;
  /** The replica has answered, whatever that was. */
  readonly isAnswered: boolean;
  /** 499 when the client went away before there was one. */
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** nginx's number for it, and Flynn's. */
const CLIENT_GONE = 499;

/** Undefined for what is no line of an access log. */
export function parseAccessEntry(line: string): AccessEntry | undefined {
  try {
    const {ts, request, user_id: extra, duration, size, status} = JSON.parse(line) as Logged;
    const [upstream = '', requestId = '', protocol = '', latency = ''] = extra.split(' ');
    return {
      at: ts,
      method: request.method,
      host: request.host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase(),
      path: request.uri,
      clientAddress: request.remote_ip,
      protocol, requestId,
      upstream: upstream.replace(/^tcp\//, ''),
      isAnswered: latency !== '',
      status: status === 0 ? CLIENT_GONE : status,
      bytes: size,
      durationMs: duration * 1000,
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

/** Heroku's line of the router; `replica` stands where it has `dyno`. */
export function formatRequest(entry: AccessEntry, replica: string | undefined): string {
  const {method, path, host, requestId, clientAddress, protocol, status, bytes, durationMs, isAnswered} = entry;
  const outcome = isAnswered || status < 500 ? 'at=info' : `at=error desc=${quoted(replica === undefined ? 'no replica to give it to' : 'the replica did not answer')}`;
  return `${outcome} method=${method} path=${quoted(path)} host=${host} request_id=${requestId} fwd=${quoted(clientAddress)} replica=${replica ?? ''} service=${Math.round(durationMs)}ms status=${status} bytes=${bytes} protocol=${protocol}`;
}

/** What a client sent is never more than one word of a line. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, PATH_LENGTH_MAX));
}

/** Longer ones are cut, characters. */
const PATH_LENGTH_MAX = 2_000;
