import {readFile} from 'node:fs/promises';

export interface Listener {
  /** `0.0.0.0`, `127.0.0.1`, `::` … */
  readonly address: string;
  readonly port: number;
}

/** State of a listening socket, TCP_LISTEN of the kernel. */
const LISTENING = '0A';
/** Docker's own DNS server, in every container of a network. */
const ENGINE_DNS = '127.0.0.11';

/** Where something listens in the network that a process of this machine is in, as /proc says (proc_pid_net(5)). Rejects when it has ended. */
export async function listenersOf(pid: number, signal: AbortSignal): Promise<readonly Listener[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, {encoding: 'utf8', signal})));
  return parseListeners(tables.join('\n'));
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
