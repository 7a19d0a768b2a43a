import {NAME_PATTERN} from './names.ts';
import {bytesOf, quantitySchema} from './quantity.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** What a service's containers get beside their image, command and limits: part of `services.<name>` in app.yaml. */
export interface ContainerManifest {
  /** By name: the same name in another service of the app is the same volume. */
  readonly volumes?: Readonly<Record<string, VolumeManifest>>;
  /** Sizes by path. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  readonly readOnlyRoot?: boolean;
  // What only `policy` in cluster.yaml can allow: see `Rights`.
  readonly privileged?: boolean;
  readonly capabilities?: readonly string[];
  readonly hostNetwork?: boolean;
  /** By path on the host. */
  readonly hostPaths?: Readonly<Record<string, HostPathManifest>>;
  readonly dockerSocket?: boolean;
}

export interface VolumeManifest {
  readonly path: string;
  /** Known only to be refused with its reason. */
  readonly size?: string;
}

export interface HostPathManifest {
  readonly path: string;
  readonly readOnly?: boolean;
}

/** What `policy` in cluster.yaml lets one app ask for. */
export interface Rights {
  readonly privileged?: boolean;
  readonly capabilities?: readonly string[];
  readonly hostNetwork?: boolean;
  readonly hostPaths?: readonly string[];
  readonly dockerSocket?: boolean;
}

/** An absolute path without `.`, `..`, `:` (docker's separator), `,`, white space, doubled slashes or a slash at its end; not the root itself. */
const PATH_PATTERN = '^(/(?!\\.{1,2}(/|$))[^/\\s:,]+)+$';
const pathSchema = {type: 'string', pattern: PATH_PATTERN, maxLength: 500, errorMessage: 'must be an absolute path such as /data, without .. and without a slash at its end'};
const pathNames = {pattern: PATH_PATTERN, errorMessage: pathSchema.errorMessage};
/** capabilities(7), without their `CAP_`. */
const capabilitySchema = {type: 'string', pattern: '^[A-Z][A-Z_]{2,30}$', errorMessage: 'must be a capability such as NET_ADMIN, in capitals and without CAP_'};
const ENTRIES_MAX = 20;
/** Smaller ones are a page or none. */
const TMPFS_BYTES_MIN = 4096;

const volumeSchema: ObjectSchema<VolumeManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {...pathSchema, description: 'Where the container has it.', examples: ['/data']},
    size: {type: 'string', description: "Refused: Docker's volumes on a node's disk have no limit of their own."},
  },
};

const hostPathSchema: ObjectSchema<HostPathManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {...pathSchema, description: 'Where the container has it.'},
    readOnly: {type: 'boolean', default: false, description: 'The container can only read it.'},
  },
};

export const containerProperties: ObjectSchema<ContainerManifest>['properties'] = {
  volumes: {
    type: 'object', maxProperties: ENTRIES_MAX, additionalProperties: volumeSchema,
    propertyNames: {pattern: NAME_PATTERN, errorMessage: 'must be a name: small letters, digits and inner dashes, at most 30 characters'},
    description: 'Data that outlives containers, releases and the app itself, by name: only `flynn volume rm` deletes it. For services with one replica.',
    examples: [{data: {path: '/data'}}],
  },
  tmpfs: {
    type: 'object', maxProperties: ENTRIES_MAX, propertyNames: pathNames, additionalProperties: quantitySchema,
    description: 'Folders in memory, each with its size; they count as memory of the container.', examples: [{'/tmp': '64Mi'}],
  },
  readOnlyRoot: {type: 'boolean', default: false, description: "Nothing of the image's files can be changed: only volumes and tmpfs can be written to."},
  privileged: {type: 'boolean', default: false, description: 'All rights on the node. Needs `policy` in cluster.yaml.'},
  capabilities: {type: 'array', maxItems: ENTRIES_MAX, items: capabilitySchema, description: 'Linux capabilities beside the few that all have. Needs `policy` in cluster.yaml.', examples: [['NET_ADMIN']]},
  hostNetwork: {type: 'boolean', default: false, description: "The node's own network: its ports, its loopback. Needs `policy` in cluster.yaml."},
  hostPaths: {
    type: 'object', maxProperties: ENTRIES_MAX, propertyNames: pathNames, additionalProperties: hostPathSchema,
    description: "Files and folders of the node, by their path there. Needs `policy` in cluster.yaml.", examples: [{'/srv/photos': {path: '/photos', readOnly: true}}],
  },
  dockerSocket: {type: 'boolean', default: false, description: "The node's Docker Engine at /var/run/docker.sock: all rights on the node. Needs `policy` in cluster.yaml."},
};

const rightsSchema: ObjectSchema<Rights> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    privileged: {type: 'boolean', default: false, description: 'It may do everything on the node.'},
    capabilities: {type: 'array', maxItems: 50, items: capabilitySchema, description: 'Linux capabilities that it may ask for.', examples: [['NET_ADMIN']]},
    hostNetwork: {type: 'boolean', default: false, description: "It may use the node's own network."},
    hostPaths: {type: 'array', maxItems: 50, items: pathSchema, description: 'Exactly these files and folders of the node: what is below one is not meant.', examples: [['/srv/photos']]},
    dockerSocket: {type: 'boolean', default: false, description: 'It may talk to the Docker Engine, which is to do everything on the node.'},
  },
};

export const policySchema = {
  type: 'object',
  propertyNames: {pattern: NAME_PATTERN, errorMessage: 'must be the name of an app'},
  additionalProperties: rightsSchema,
  description: 'What single apps may ask for that no app gets otherwise, by app.',
  examples: [{vpn: {hostNetwork: true, capabilities: ['NET_ADMIN']}}],
};

/** What else of a service counts here. */
interface Beside {
  readonly replicas: number;
  readonly strategy: string | undefined;
}

/** `path` leads to the service. */
export function checkContainer(container: ContainerManifest, path: Problem['path'], beside: Beside): readonly Problem[] {
  const {volumes = {}, tmpfs = {}} = container;
  const problems: Problem[] = [];
  for (const [name, {size}] of Object.entries(volumes)) {
    if (size !== undefined) problems.push({path: [...path, 'volumes', name, 'size'], message: 'size can\'t be kept: Docker\'s volumes have no limit but the node\'s disk; leave it out'});
  }
  for (const [at, size] of Object.entries(tmpfs)) {
    if (bytesOf(size) < TMPFS_BYTES_MIN) problems.push({path: [...path, 'tmpfs', at], message: `tmpfs must have at least 4Ki, not "${size}"`});
  }
  if (Object.keys(volumes).length > 0) {
    problems.push(...checkSingle(beside, [...path, 'volumes'], {what: 'a service with volumes', why: 'two at once would write to the same files without knowing of each other'}));
  }
  return [...problems, ...checkTwice(container, path)];
}

/** Of some services there can't be two at once, neither as replicas nor during a deploy. */
export function checkSingle({replicas, strategy}: Beside, path: Problem['path'], {what, why}: {readonly what: string; readonly why: string}): readonly Problem[] {
  const problems: Problem[] = [];
  if (replicas > 1) problems.push({path: [...path.slice(0, -1), 'replicas'], message: `${what} has one replica, not ${replicas}: ${why}`});
  if (strategy !== 'stop-first') {
    problems.push({path: strategy === undefined ? path : [...path.slice(0, -1), 'strategy'], message: `${what} needs \`strategy: stop-first\`${strategy === undefined ? '' : `, not "${strategy}"`}: ${why}`});
  }
  return problems;
}

function checkTwice({volumes = {}, tmpfs = {}, hostPaths = {}}: ContainerManifest, path: Problem['path']): readonly Problem[] {
  const mounts: readonly {readonly at: string; readonly path: Problem['path']}[] = [
    ...Object.entries(volumes).map(([name, {path: at}]) => ({at, path: ['volumes', name, 'path']})),
    ...Object.keys(tmpfs).map((at) => ({at, path: ['tmpfs', at]})),
    ...Object.entries(hostPaths).map(([name, {path: at}]) => ({at, path: ['hostPaths', name, 'path']})),
  ];
  return mounts.flatMap(({at, path: place}, index) => {
    const isFirst = mounts.findIndex((other) => other.at === at) === index;
    return isFirst ? [] : [{path: [...path, ...place], message: `"${at}" is the place of something else already`}];
  });
}
