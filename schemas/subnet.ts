import type {SchemaObject} from 'ajv';

/** A subnet as numbers: its first address, and how many addresses it has. */
export interface Subnet {
  readonly first: number;
  readonly size: number;
}

const BITS = 32;
const OCTET = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const CIDR = new RegExp(`^${OCTET}(\\.${OCTET}){3}/(3[0-2]|[12]?\\d)$`);

export const subnetSchema: SchemaObject = {
  type: 'string',
  pattern: CIDR.source,
  errorMessage: 'must be a range of IPv4 addresses such as 10.213.0.0/16',
  examples: ['10.213.0.0/16'],
};

/** `10.213.0.0/16`; undefined for anything else. Bits beyond the prefix are not looked at. */
export function parseSubnet(text: string): Subnet | undefined {
  if (!CIDR.test(text)) return undefined;
  const [address = '', prefix = ''] = text.split('/');
  const size = 2 ** (BITS - Number(prefix));
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return {first: value - (value % size), size};
}

export function formatSubnet({first, size}: Subnet): string {
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${octets.join('.')}/${BITS - Math.log2(size)}`;
}

export function prefixOf(text: string): number {
  return Number(text.split('/')[1]);
}

export function doOverlap(a: Subnet, b: Subnet): boolean {
  return a.first < b.first + b.size && b.first < a.first + a.size;
}

/** Containers that a network has addresses for: all but the network's own, the host's and the one for everybody. */
export function containersIn(prefix: number): number {
  return 2 ** (BITS - prefix) - 3;
}
