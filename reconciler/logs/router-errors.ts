/** Why a request did not get a replica's whole answer, in Heroku's words (devcenter.heroku.com/articles/error-codes). */
export interface Failure {
  readonly level: 'info' | 'warning' | 'error';
  /** Absent: it is one of several. */
  readonly code?: (typeof CODES)[number];
  readonly description: string;
  /** No replica has seen the request. */
  readonly isUnconnected?: true;
}

const CODES = ['H12', 'H13', 'H14', 'H17', 'H19', 'H21', 'H27', 'H80', 'H99'] as const;

export interface Ending {
  readonly status: number;
  /** A replica's answer has begun. */
  readonly isAnswered: boolean;
  /** And did not come to its end. */
  readonly isInterrupted: boolean;
  readonly upstream: string;
  /** Caddy's (Go's) words. */
  readonly message: string;
}

/** Went to a page of the router's own, while the app is being worked on. */
export const MAINTENANCE: Failure = {level: 'info', code: 'H80', description: 'Maintenance mode'};

const CLIENT_GONE: Failure = {level: 'warning', code: 'H27', description: 'Client Request Interrupted'};
/** By whom is not known: people who leave an event stream end that way, replicas that crash too. */
const INTERRUPTED: Failure = {level: 'warning', description: 'Answer Interrupted'};
const NO_REPLICA: Failure = {level: 'error', code: 'H14', description: 'No web processes running', isUnconnected: true};
const PLATFORM: Failure = {level: 'error', code: 'H99', description: 'Platform error'};
const TIMEOUT: Failure = {level: 'error', code: 'H12', description: 'Request timeout'};
const SLOW_TO_CONNECT: Failure = {level: 'error', code: 'H19', description: 'Backend connection timeout', isUnconnected: true};
const REFUSED: Failure = {level: 'error', code: 'H21', description: 'Backend connection refused', isUnconnected: true};

/** What names without a replica lead to. */
const NOWHERE = /^_none\./;
/** A connection that was not made in time. */
const UNREACHABLE = /dial .*timeout/;
/** The first that fits counts. */
const BY_MESSAGE: readonly (readonly [RegExp, Failure])[] = [
  // The body went with the connection that could not be made: this Caddy can't send it again.
  [/connection refused|no route to host|network is unreachable|Read on closed Body/, REFUSED],
  [/\bEOF\b|connection reset|broken pipe|server closed/, {level: 'error', code: 'H13', description: 'Connection closed without response'}],
  [/malformed|invalid header|bad status line|too large|exceeded \d/, {level: 'error', code: 'H17', description: 'Poorly formatted HTTP response'}],
];
const FAILED_FROM = 500;
const CLIENT_GONE_STATUS = 499;
const GATEWAY_TIMEOUT = 504;

/** Undefined: it was answered, whatever the answer was. */
export function failureOf({status, isAnswered, isInterrupted, upstream, message}: Ending): Failure | undefined {
  if (isInterrupted) return INTERRUPTED;
  if (isAnswered) return undefined;
  if (status === CLIENT_GONE_STATUS) return CLIENT_GONE;
  if (status < FAILED_FROM) return undefined;
  if (NOWHERE.test(upstream)) return NO_REPLICA;
  if (UNREACHABLE.test(message)) return SLOW_TO_CONNECT;
  if (status === GATEWAY_TIMEOUT) return TIMEOUT;
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ?? PLATFORM;
}
