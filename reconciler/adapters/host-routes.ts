import {readFile} from 'node:fs/promises';

/** The kernel's table of IPv4 routes (proc_pid_net(5)): addresses are 32 bits in hex, lowest byte first. */
const ROUTES = '/proc/net/route';

/** The subnets that this host has a route to, but for the default one: `192.168.1.0/24`. */
export async function hostSubnets(): Promise<readonly string[]> {
  return subnetsOf(await readFile(ROUTES, 'utf8'));
}

export function subnetsOf(table: string): readonly string[] {
  const [, ...rows] = table.trim().split('\n');
  const subnets = rows.flatMap((row) => {
    const [, destination = '', , , , , , mask = ''] = row.split(/\s+/);
    const prefix = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
    return prefix === 0 ? [] : [`${bytesOf(destination).join('.')}/${prefix}`];
  });
  return [...new Set(subnets)];
}

function bytesOf(hex: string): readonly number[] {
  return [...Buffer.from(hex, 'hex')].toReversed();
}
