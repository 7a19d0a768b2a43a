import {readFile} from 'node:fs/promises';

export interface Listener {
  /** `0.0.0.0`, `127.0.0.1`, `::` … */
  readonly address: string;
  readonly port: number;
}

/** State of a listening socket, TCP_LISTEN of the kernel. */
const LISTENING = '0A';
/** TCP_ESTABLISHED. */
const ESTABLISHED = '01';
/** Docker's own DNS server, in every container of a network. */
const ENGINE_DNS = '127.0.0.11';

/** Where something listens in the network that a process of this machine is in. Rejects when the process has ended. */
export async function listenersOf(pid: number, signal: AbortSignal): Promise<readonly Listener[]> {
  return parseListeners(await tablesOf(pid, signal));
}

/** TCP sockets of the network that a process is in, whoever made them: where something listens, and open connections by their other end (`10.0.0.7:5432`). */
export async function socketsOf(pid: number | 'self', signal: AbortSignal): Promise<{readonly listeners: readonly Listener[]; readonly connections: ReadonlyMap<string, number>}> {
  const tables = await tablesOf(pid, signal);
  return {listeners: parseListeners(tables), connections: parseConnections(tables)};
}

/** The kernel's own words (proc_pid_net(5)). */
async function tablesOf(pid: number | 'self', signal: AbortSignal): Promise<string> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, {encoding: 'utf8', signal})));
  return tables.join('\n');
}

export function parseConnections(table: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of table.split('\n')) {
    const [, hexAddress, hexPort, state] = /^\s*\d+: \S+ ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line) ?? [];
    if (hexAddress === undefined || hexPort === undefined || state !== ESTABLISHED) continue;
    const key = `${addressOf(hexAddress)}:${Number.parseInt(hexPort, 16)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** `0: 0100007F:1F90 00000000:0000 0A …`: words of an address have the machine's own order of bytes. */
export function parseListeners(table: string): readonly Listener[] {
  return table.split('\n').flatMap((line): Listener[] => {
    const [, hexAddress, hexPort, state] = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line) ?? [];
    if (hexAddress === undefined || hexPort === undefined || state !== LISTENING) return [];
    const address = addressOf(hexAddress);
    return address === ENGINE_DNS ? [] : [{address, port: Number.parseInt(hexPort, 16)}];
  });
}

function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const dotted = (four: readonly string[]) => four.map((byte) => Number.parseInt(byte, 16)).join('.');
  if (bytes.length === 4) return dotted(bytes);
  const text = bytes.join('').toLowerCase();
  if (text === '0'.repeat(32)) return '::';
  if (text === `${'0'.repeat(31)}1`) return '::1';
  return text.startsWith(`${'0'.repeat(20)}ffff`) ? dotted(bytes.slice(12)) : (text.match(/.{4}/g) ?? []).join(':');
}
