import {readdir, readFile, readlink} from 'node:fs/promises';

/** A socket that waits for connections (TCP) or is bound (UDP), as the kernel lists it. */
interface Socket {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

export interface ProcessName {
  readonly pid: number;
  readonly name: string;
}

const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

/**
 * Parses `/proc/net/tcp`, `tcp6`, `udp` or `udp6` (proc(5)): listening or unconnected sockets only. IPv6 addresses are left as
 * 32 hex digits in the kernel's order, but for the wildcard and IPv4-mapped ones, which are given as IPv4.
 */
export function parseSockets(text: string): readonly Socket[] {
  return text.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state !== TCP_LISTEN && state !== UDP_UNCONNECTED) return [];
    const [address = '', port = ''] = local.split(':');
    return [{address: readable(address), port: Number.parseInt(port, 16), inode}];
  });
}

/** Who would keep us from listening on `address:port`; undefined when nobody does or the kernel does not say. */
export async function holderOfPort({address, port, protocol}: {readonly address: string; readonly port: number; readonly protocol: 'tcp' | 'udp'}): Promise<ProcessName | undefined> {
  const texts = await Promise.all([`/proc/net/${protocol}`, `/proc/net/${protocol}6`].map((file) => readFile(file, 'utf8').catch(() => '')));
  const inodes = new Set(texts.flatMap(parseSockets).filter((socket) => socket.port === port && overlap(socket.address, address)).map(({inode}) => inode));
  return inodes.size === 0 ? undefined : ownerOf(inodes);
}

/** Clock ticks between the machine's boot and the process's start: with the pid, the name of one process for ever. */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // Field 2 may hold anything, also spaces and brackets: count from behind it. A zombie is dead.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

export async function nameOf(pid: number): Promise<string | undefined> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined))?.trim();
}

/** Of all that run now. */
export async function namesOfProcesses(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  return (await Promise.all(pids.map((pid) => nameOf(Number(pid))))).filter((name) => name !== undefined);
}

/** Empty for a process that is gone. */
export async function argumentsOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter((argument) => argument !== '');
}

async function ownerOf(inodes: ReadonlySet<string>): Promise<ProcessName | undefined> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Processes come and go while we look, and not all are ours to look into.
    const descriptors = await readdir(`/proc/${entry}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${entry}/fd/${descriptor}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return {pid: Number(entry), name: (await nameOf(Number(entry))) ?? 'unknown'};
    }
  }
  return undefined;
}

function readable(hex: string): string {
  if (hex.length === 8) return ipv4(hex);
  if (/^0{32}$/.test(hex)) return '0.0.0.0';
  return hex.startsWith('0000000000000000FFFF0000') ? ipv4(hex.slice(24)) : hex;
}

/** The kernel prints the four bytes as one number of the machine's own order, which is little-endian wherever Flynn runs. */
function ipv4(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)).join('.');
}

function overlap(one: string, other: string): boolean {
  return one === other || one === '0.0.0.0' || other === '0.0.0.0';
}
