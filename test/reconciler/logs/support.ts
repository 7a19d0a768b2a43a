import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import type {LogQuery} from '../../../reconciler/node.ts';
import {readLog} from '../../../reconciler/logs/read.ts';
import {record, type Origin} from '../../../reconciler/logs/record.ts';
import {LogStore, type LogLimits} from '../../../reconciler/logs/store.ts';

export const SHOP = 'shop' as AppName;
export const NEVER = new AbortController().signal;

export async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-logs-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  return folder;
}

export async function openStore(t: ExecutionContext, {folder, ...limits}: Partial<LogLimits> & {readonly folder?: string} = {}): Promise<LogStore> {
  const closing = new AbortController();
  t.teardown(() => closing.abort());
  return LogStore.open({
    folder: folder ?? await temporary(t),
    limits: () => ({appBytesMax: 2 ** 26, ageMsMax: 2 ** 40, ...limits}),
    onProblem: (error) => t.fail(error.message),
  }, closing.signal);
}

/** `at(1.5)`: a second and a half after noon. */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 10, 25, 12) + seconds * 1000).toISOString().replace('Z', '000000Z');
}

export function line(seconds: number, name: string, text: string, origin: Partial<Origin> = {}): Buffer {
  return record(at(seconds), {source: 'app', name, ...origin}, text);
}

/** `web.1 text` of all that is read. */
export async function texts(store: LogStore, query: Partial<LogQuery> = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const {name, text} of readLog({app: SHOP, follow: false, ...query}, store, NEVER)) found.push(`${name} ${text}`);
  return found;
}
