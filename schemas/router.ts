import {checkNetworks, networksSchema} from './networks.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** What holds for the router of the whole cluster. */
export interface RouterManifest {
  /** Where ports come from that apps leave open: the first and the last one, `3000-3500`. */
  readonly tcpPorts?: string;
  /** Networks of proxies before the nodes that are believed when they say who the client is. */
  readonly trustedProxies?: readonly string[];
}

export interface PortRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

/** Flynn's own range. */
export const TCP_PORTS_DEFAULT = '3000-3500';
const PORT_MAX = 65_535;

export const routerSchema: ObjectSchema<RouterManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'What holds for the router of the whole cluster.',
  properties: {
    tcpPorts: {
      type: 'string',
      pattern: '^[1-9]\\d{0,4}-[1-9]\\d{0,4}$',
      errorMessage: 'must be a first and a last port such as 3000-3500',
      default: TCP_PORTS_DEFAULT,
      description: 'A `tcp:` route that names no port gets the first free one of these, by a commit.',
    },
    trustedProxies: {...networksSchema, description: 'Networks of load balancers and other proxies before the nodes: what they say in X-Forwarded-For, -Proto, -Host, -Port and X-Request-Start is believed. Absent: nobody is.', examples: [['10.0.0.0/8']]},
  },
};

export function checkRouter({tcpPorts, trustedProxies}: RouterManifest = {}): readonly Problem[] {
  return [...checkPorts(tcpPorts), ...checkNetworks(trustedProxies, ['router', 'trustedProxies'])];
}

function checkPorts(tcpPorts: string | undefined): readonly Problem[] {
  if (tcpPorts === undefined) return [];
  const {first, last} = portRange(tcpPorts);
  if (last > PORT_MAX) return [{path: ['router', 'tcpPorts'], message: `router.tcpPorts ends at ${last}: the last port there is is ${PORT_MAX}`}];
  return first <= last ? [] : [{path: ['router', 'tcpPorts'], message: `router.tcpPorts begins after its end: it would be "${last}-${first}"`}];
}

/** Of a text that the schema has checked. */
export function portRange(text: string = TCP_PORTS_DEFAULT): PortRange {
  const [first = 0, last = 0] = text.split('-').map(Number);
  return {first, last};
}
