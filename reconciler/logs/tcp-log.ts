import type {AppName} from '../../schemas/ids.ts';
import {followFile, type FollowedFile} from './follow-file.ts';
import {linesOf, parseRecord, record} from './record.ts';
import {ROUTER, type Attribution} from './router-log.ts';
import type {LogStore} from './store.ts';
import {formatConnection, parseTcpEntry, type TcpEntry} from './tcp-entry.ts';
import type {TcpCounters} from './tcp-traffic.ts';

export interface TcpLogOptions extends Pick<FollowedFile, 'file' | 'placeFile' | 'onProblem'> {
  readonly store: LogStore;
  readonly counters: TcpCounters;
  attribute(entry: Pick<TcpEntry, 'backend' | 'upstream'>): ConnectionOwner | undefined;
}

/** Whose a connection was, and which service it was for. */
export interface ConnectionOwner extends Pick<Attribution, 'app' | 'replica' | 'release'> {
  readonly service: string;
  /** The host of TLS that it asked for, where several share a port. */
  readonly sni?: string;
}

/** Beside the requests of an app, and found with them. */
const PARTITION = `${ROUTER}.tcp`;

/** Turns HAProxy's log of connections into lines of the apps' logs, and counts. Ends by the signal. */
export async function followTcpLog({file, placeFile, store, counters, attribute, onProblem}: TcpLogOptions, signal: AbortSignal): Promise<void> {
  const told = await Told.read(store);
  const take = async (bytes: Buffer) => {
    const records = new Map<AppName, Buffer[]>();
    for (const line of bytes.toString('utf8').split('\n')) {
      const entry = parseTcpEntry(line);
      const owner = entry && attribute(entry);
      if (entry === undefined || owner === undefined) continue;
      counters.add({...entry, ...owner});
      const {app, replica, release} = owner;
      if (told.has(app, keyOf(entry.at, formatConnection(entry, replica)))) continue;
      const own = records.get(app) ?? [];
      records.set(app, own);
      own.push(record(entry.at, {source: 'flynn', name: ROUTER, ...(release !== undefined && {release})}, formatConnection(entry, replica)));
    }
    for (const [app, own] of records) await store.append(app, PARTITION, Buffer.concat(own));
  };
  await followFile({file, placeFile, take, settle: () => store.written(), onProblem}, signal);
}

/** More than a former life can have written of what it had not noted yet that it had read. */
const SEGMENTS_TOLD = 2;

/**
 * The last lines that a former life has written: those that are read again are the first of these. Their times alone would not tell, because
 * hundreds of connections may end in one millisecond.
 */
class Told {
  readonly #lines = new Map<AppName, {readonly sinceAt: string; readonly counts: Map<string, number>}>();

  static async read(store: LogStore): Promise<Told> {
    const told = new Told();
    for (const app of store.apps()) {
      const partition = store.partitions(app).get(PARTITION);
      const counts = new Map<string, number>();
      let sinceAt: string | undefined;
      for (const segment of partition?.segments.slice(-SEGMENTS_TOLD) ?? []) {
        const bytes = await partition?.readSegment(segment) ?? Buffer.alloc(0);
        for (const [start, end] of linesOf(bytes)) {
          const {at, text} = parseRecord(bytes, start, end) ?? {at: '', text: ''};
          sinceAt ??= at;
          counts.set(keyOf(at, text), (counts.get(keyOf(at, text)) ?? 0) + 1);
        }
      }
      if (sinceAt !== undefined) told.#lines.set(app, {sinceAt, counts});
    }
    return told;
  }

  /** Each line is told once. The first that was not ends it: all that come after it are new. */
  has(app: AppName, key: string): boolean {
    const known = this.#lines.get(app);
    if (known === undefined) return false;
    if (key < known.sinceAt) return true;
    const count = known.counts.get(key) ?? 0;
    if (count === 0) this.#lines.delete(app);
    else known.counts.set(key, count - 1);
    return count > 0;
  }
}

/** Without the replica: whose address it was, may not be known any more. */
function keyOf(at: string, text: string): string {
  return `${at} ${text.replace(/ replica=\S*/, '')}`;
}
