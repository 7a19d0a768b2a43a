import type {AppName} from '../../schemas/ids.ts';
import type {LogLine} from '../node.ts';

/** Where lines go to, complete: what a worker needs. */
export interface Drain {
  /** Absent: of all apps. */
  readonly app?: AppName;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sealed values by header, opened when a request is made. */
  readonly sealedHeaders?: Readonly<Record<string, string>>;
  readonly verify?: boolean;
  /** Certificates, PEM. */
  readonly ca?: string;
}

export interface DrainLine extends LogLine {
  readonly app: AppName;
}

/** Speaks to a receiver. Nothing is given to it before what was given last has been taken. */
export interface Sender {
  /** The connection was lost after `send` and before `settle`: whatever was sent since the last `settle` may be lost. */
  readonly isBroken: boolean;
  /** What `send` has resolved for has arrived, as far as can be known: nothing is to be settled. */
  readonly isSure: boolean;
  /** Resolves when the receiver, or the network, has taken them. @throws {Refused} when it never will */
  send(lines: readonly DrainLine[], signal: AbortSignal): Promise<void>;
  /** Resolves when the receiver has read everything, as far as that can be known. */
  settle(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** The receiver does not want these lines: sending them again is of no use. */
export class Refused extends Error {
  override name = 'Refused';
}

/** Informational and error of RFC 5424, 6.2.1. */
export function severityOf({stream}: Pick<LogLine, 'stream'>): 3 | 6 {
  return stream === 'stderr' ? 3 : 6;
}
