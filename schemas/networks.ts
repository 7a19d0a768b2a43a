import type {Problem} from './schema.ts';

const NETWORKS_MAX = 1000;

/** Networks that people come from. What the pattern lets through, `checkNetworks` looks at. */
export const networksSchema = {
  type: 'array',
  minItems: 1,
  maxItems: NETWORKS_MAX,
  items: {
    type: 'string',
    pattern: '^[0-9a-fA-F.:]{2,45}/[0-9]{1,3}$',
    errorMessage: 'must be a network such as 10.0.0.0/8 or 2001:db8::/32, or one address such as 203.0.113.7/32',
  },
} as const;

export function checkNetworks(networks: readonly string[] | undefined, path: Problem['path']): readonly Problem[] {
  return (networks ?? []).flatMap((network, index) => (isNetwork(network) ? [] : [{path: [...path, index], message: `${[...path, index].join('.')} is no network: "${network}"`}]));
}

/** As strict as who reads it in the end (Go's netip.ParsePrefix): one that is refused there would stop the routes of all. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix = '', ...more] = text.split('/');
  if (more.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(prefix)) return false;
  if (address.includes(':')) return Number(prefix) <= 128 && URL.canParse(`http://[${address}]/`);
  const octets = address.split('.');
  return Number(prefix) <= 32 && octets.length === 4 && octets.every((octet) => /^(0|[1-9][0-9]{0,2})$/.test(octet) && Number(octet) <= 255);
}
