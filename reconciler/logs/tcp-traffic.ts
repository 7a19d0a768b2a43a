import type {AppName} from '../../schemas/ids.ts';
import type {TcpEntry} from './tcp-entry.ts';

/** What one replica has served on one port since the counting began, or what none has. */
export interface TcpFigures {
  readonly app: AppName;
  readonly service: string;
  readonly port: number;
  readonly sni?: string;
  /** `db.1`. Absent: no replica got them, or which one is not known. */
  readonly replica?: string;
  /** That are over. */
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** By code: `T14`. Only those that there were. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface CountedConnection extends Pick<TcpEntry, 'port' | 'bytesIn' | 'bytesOut' | 'ending'>, Pick<TcpFigures, 'app' | 'service' | 'sni' | 'replica'> {}

/** Beyond that, the one that is counted for the longest time is forgotten. */
const SERIES_MAX = 10_000;

/** Connections by port and replica, as HAProxy's log tells of them. In memory only: a restart begins with nothing. */
export class TcpCounters {
  readonly #series = new Map<string, TcpFigures>();

  add({app, service, port, sni, replica, bytesIn, bytesOut, ending}: CountedConnection): void {
    const key = [app, String(port).padStart(5, '0'), sni ?? '', service, replica ?? ''].join(' ');
    const before = this.#series.get(key) ?? {app, service, port, ...(sni !== undefined && {sni}), ...(replica !== undefined && {replica}), connections: 0, bytesIn: 0, bytesOut: 0, errors: {}};
    const errors = ending.kind === 'over' ? before.errors : {...before.errors, [ending.code]: (before.errors[ending.code] ?? 0) + 1};
    this.#series.set(key, {...before, connections: before.connections + 1, bytesIn: before.bytesIn + bytesIn, bytesOut: before.bytesOut + bytesOut, errors});
    for (const oldest of this.#series.keys()) if (this.#series.size > SERIES_MAX) this.#series.delete(oldest);
  }

  /** Sorted by app and port. */
  figures(): readonly TcpFigures[] {
    return [...this.#series].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, figures]) => figures);
  }
}
