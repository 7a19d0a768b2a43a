import {requestsSchema, type RequestsManifest} from './requests.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';
import {nodeKeySchema} from './signing-keys.ts';

/** A machine of the cluster: `nodes/<node>.yaml`. */
export interface NodeManifest extends Header<'Node'> {
  /** Where other nodes reach it: an IP address or a host name. */
  readonly address?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** What the requests of its replicas may come to. Absent: what the machine has, less `reserve`. */
  readonly capacity?: RequestsManifest;
  /** Of what the machine has, left to the system, the engine and us. */
  readonly reserve?: RequestsManifest;
  /** What it signs its own commits with. */
  readonly signingKey?: string;
  /** Starts nothing new. */
  readonly cordon?: boolean;
  /** Starts nothing new, and stops what it has. */
  readonly drain?: boolean;
}

/** Flynn, Caddy, unbound and a Docker Engine take some 400 MB (measured 2026-11-23). */
export const RESERVE_DEFAULT = {memory: '512Mi'} as const satisfies RequestsManifest;

export const nodeSchema: ObjectSchema<NodeManifest> = {
  title: 'Node',
  description: 'A machine of a Flynn cluster: nodes/<node>.yaml.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind'],
  properties: {
    ...headerProperties('Node'),
    address: {type: 'string', pattern: '^[A-Za-z0-9.:-]+$', errorMessage: 'must be an IP address or a host name', description: 'Where other nodes reach it.', examples: ['10.0.0.11']},
    labels: {
      type: 'object',
      propertyNames: {pattern: '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$', errorMessage: 'must be letters, digits and inner . _ / -, at most 63 characters'},
      additionalProperties: {type: 'string', errorMessage: 'must be text, in quotes where it looks like a number'},
      description: 'What services may ask for when they choose a node.',
      examples: [{disk: 'ssd'}],
    },
    capacity: {...requestsSchema('Memory for all replicas together.', 'Cores for all replicas together.'), description: 'What the requests of its replicas may come to. Default: what the machine has, less the reserve.', examples: [{memory: '12Gi', cpus: 4}]},
    reserve: {...requestsSchema('Memory that is left free.', 'Cores that are left free.'), description: `Of what the machine has, left to the system, the engine and Flynn. Default: ${RESERVE_DEFAULT.memory} of memory.`, examples: [{memory: '1Gi', cpus: 0.5}]},
    signingKey: {...nodeKeySchema, description: 'Public key that it signs its own commits with; `flynn up` writes it, `flynn doctor` shows it.', examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1lL…']},
    cordon: {type: 'boolean', default: false, description: 'Starts nothing new: deploys, more replicas and commands wait. What runs goes on.'},
    drain: {type: 'boolean', default: false, description: 'Starts nothing new, and stops what it has, with its grace.'},
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Node', address: '10.0.0.11', labels: {disk: 'ssd'}}],
};

export function checkNode({capacity, reserve}: NodeManifest): readonly Problem[] {
  return (['memory', 'cpus'] as const).flatMap((what) => (capacity?.[what] === undefined || reserve?.[what] === undefined ? [] : [
    {path: ['reserve', what], message: `reserve.${what} has no meaning beside capacity.${what}: the capacity is what replicas may have, nothing is taken from it`},
  ]));
}
