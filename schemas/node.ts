import {headerProperties, type Header, type ObjectSchema} from './schema.ts';

/** A machine of the cluster: `nodes/<node>.yaml`. */
export interface NodeManifest extends Header<'Node'> {
  /** Where other nodes reach it: an IP address or a host name. */
  readonly address?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Starts nothing new. */
  readonly cordon?: boolean;
  /** Starts nothing new, and gives away what it has. */
  readonly drain?: boolean;
}

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
    cordon: {type: 'boolean', default: false, description: 'Starts nothing new.'},
    drain: {type: 'boolean', default: false, description: 'Starts nothing new, and gives away what it has.'},
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Node', address: '10.0.0.11', labels: {disk: 'ssd'}}],
};
