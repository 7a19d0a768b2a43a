import type {AppName} from '../../schemas/ids.ts';
import {formatRequest, parseAccessEntry, UPGRADED, type AccessEntry} from './access-log.ts';
import {followFile} from './follow-file.ts';
import {headOf, linesOf, msOf, normalAt, record} from './record.ts';
import type {RequestCounters} from './requests.ts';
import {MAINTENANCE} from './router-errors.ts';
import type {LogStore} from './store.ts';
import type {Traffic} from './traffic.ts';

/** Which replica a request was given to, or whose host it was for. */
export interface Attribution {
  readonly app: AppName;
  /** `web.1` */
  readonly replica?: string;
  readonly release?: number;
  /** Hash of what the replica was made from. */
  readonly spec?: string;
  /** It went to the page for apps in maintenance. */
  readonly isInMaintenance?: boolean;
}

export interface RouterLogOptions {
  /** Caddy's access log, and where is written down how far it was read. */
  readonly file: string;
  readonly placeFile: string;
  readonly store: LogStore;
  /** Of each app the last line that was written before anything was read. Absent: what is there now. */
  readonly told?: ReadonlyMap<AppName, string>;
  /** What the last minutes of each spec were like, and what has come for each replica. */
  readonly counters: RequestCounters;
  readonly traffic: Traffic;
  attribute(entry: Pick<AccessEntry, 'upstream' | 'host' | 'path'>): Attribution | undefined;
  onProblem(error: Error): void;
}

export const ROUTER = 'router';

/** Turns the router's access log into lines of the apps' logs, and counts. Ends by the signal. */
export async function followRouterLog(options: RouterLogOptions, signal: AbortSignal): Promise<void> {
  const {file, placeFile, store, counters, traffic, onProblem} = options;
  const told = options.told ?? await newestOf(store);
  const settle = async () => {
    await store.written();
    counters.forgetOld(Date.now());
    traffic.forgetOld(Date.now());
  };
  await followFile({file, placeFile, take: (bytes) => take(bytes, told, options), settle, onProblem}, signal);
}

/** The last line of each app that a former life has written: up to it, the access log is known. */
export async function newestOf(store: LogStore): Promise<Map<AppName, string>> {
  const newest = new Map<AppName, string>();
  for (const app of store.apps()) {
    const partition = store.partitions(app).get(ROUTER);
    const segment = partition?.segments.at(-1);
    if (partition === undefined || segment === undefined) continue;
    const bytes = await partition.readSegment(segment);
    for (const [start] of linesOf(bytes)) {
      const {at} = headOf(bytes, start);
      if (at > (newest.get(app) ?? '')) newest.set(app, at);
    }
  }
  return newest;
}

async function take(bytes: Buffer, told: ReadonlyMap<AppName, string>, {store, counters, traffic, attribute}: RouterLogOptions): Promise<void> {
  const records = new Map<AppName, Buffer[]>();
  for (const line of bytes.toString('utf8').split('\n')) {
    const parsed = line === '' ? undefined : parseAccessEntry(line);
    const whose = parsed && attribute(parsed);
    if (parsed === undefined || whose === undefined) continue;
    const {app, replica, release, spec, isInMaintenance = false} = whose;
    const entry = isInMaintenance ? {...parsed, failure: MAINTENANCE} : parsed;
    const at = normalAt(entry.at);
    const atMs = msOf(at);
    // How long a websocket was open says nothing about how fast the app is.
    if (spec !== undefined) counters.add({app, spec, status: entry.status, durationMs: entry.status === UPGRADED ? entry.answerMs : entry.durationMs, atMs});
    traffic.add({...entry, app, atMs, ...(replica !== undefined && {replica})});
    if (at <= (told.get(app) ?? '')) continue;
    const own = records.get(app) ?? [];
    records.set(app, own);
    own.push(record(at, {source: 'flynn', name: ROUTER, ...(release !== undefined && {release})}, formatRequest(entry, replica)));
  }
  for (const [app, own] of records) await store.append(app, ROUTER, Buffer.concat(own));
}
