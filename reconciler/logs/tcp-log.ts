import type {AppName} from '../../schemas/ids.ts';
import {followFile, type FollowedFile} from './follow-file.ts';
import {normalAt, record} from './record.ts';
import {newestOf, ROUTER, type Attribution} from './router-log.ts';
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
  const told = await newestOf(store, PARTITION);
  const take = async (bytes: Buffer) => {
    const records = new Map<AppName, Buffer[]>();
    for (const line of bytes.toString('utf8').split('\n')) {
      const entry = parseTcpEntry(line);
      const owner = entry && attribute(entry);
      if (entry === undefined || owner === undefined) continue;
      counters.add({...entry, ...owner});
      const {app, replica, release} = owner;
      const at = normalAt(entry.at);
      if (at <= (told.get(app) ?? '')) continue;
      const own = records.get(app) ?? [];
      records.set(app, own);
      own.push(record(at, {source: 'flynn', name: ROUTER, ...(release !== undefined && {release})}, formatConnection(entry, replica)));
    }
    for (const [app, own] of records) await store.append(app, PARTITION, Buffer.concat(own));
  };
  await followFile({file, placeFile, take, settle: () => store.written(), onProblem}, signal);
}
