import {policySchema, type Rights} from './container.ts';
import {checkDrains, drainsSchema, type DrainManifest} from './drains.ts';
import {checkForge, forgeSchema, type ForgeManifest} from './forge.ts';
import {checkLimits, limitsSchema, type LimitsManifest} from './limits.ts';
import {hostSchema} from './names.ts';
import {checkProvider, providerSchema, type ProviderManifest} from './oidc.ts';
import {bytesOf, quantitySchema} from './quantity.ts';
import {quotasSchema, type QuotasManifest} from './quota.ts';
import {checkRegistry, registrySchema, type RegistryManifest} from './registry.ts';
import {reviewSchema, type ReviewManifest} from './review.ts';
import {checkRequests, requestsSchema, type RequestsManifest} from './requests.ts';
import {checkRouter, routerSchema, type RouterManifest} from './router.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';
import {checkSigningKeys, signingKeysSchema} from './signing-keys.ts';
import {formatSubnet, parseSubnet, prefixOf, subnetSchema} from './subnet.ts';
import {checkTls, tlsSchema, type TlsManifest} from './tls.ts';

/** What holds for the whole cluster: `cluster.yaml`. */
export interface ClusterManifest extends Header<'Cluster'> {
  readonly name: string;
  readonly domain: string;
  /** Limits of a container whose service has none of its own. */
  readonly defaults?: LimitsManifest;
  /** What is kept for one copy of a service that says nothing. Nothing, unless it is set: what apps may use together is then not limited. */
  readonly requests?: RequestsManifest;
  readonly builds?: BuildsManifest;
  readonly keep?: KeepManifest;
  readonly logs?: LogsManifest;
  /** Of all apps' logs. */
  readonly drains?: readonly DrainManifest[];
  readonly networks?: NetworksManifest;
  /** Public keys (age) of those who can read the apps' secrets. */
  readonly recipients?: readonly string[];
  /** Absent: images are on the nodes only. */
  readonly registry?: RegistryManifest;
  /** Absent: the repository lives here, or nobody there is told anything. */
  readonly forge?: ForgeManifest;
  /** Absent: certificates are the internal authority's. */
  readonly tls?: TlsManifest;
  readonly router?: RouterManifest;
  readonly commits?: CommitsManifest;
  /** Absent: people have tokens and keys only. */
  readonly oidc?: ProviderManifest;
  readonly quotas?: QuotasManifest;
  /** Absent: everything may be changed directly by who may change it. */
  readonly review?: ReviewManifest;
  /** By app. */
  readonly policy?: Readonly<Record<string, Rights>>;
}

/** What commits to this repository have to be like. */
export interface CommitsManifest {
  /** `required`: only commits that somebody has signed who may change their paths are followed. */
  readonly signed?: 'required' | 'optional';
  /** What the forge signs its merges with. They count for everything: whether somebody may merge is the forge's to say. */
  readonly forgeKeys?: readonly string[];
}

/** What one build may use, and how many run at once. */
export interface BuildsManifest {
  readonly memory?: string;
  readonly cpus?: number;
  readonly timeoutSeconds?: number;
  readonly disk?: string;
  /** Of an app, for its next build. Absent: half of `disk`. */
  readonly cache?: string;
  readonly minFreeDisk?: string;
  readonly imageSize?: string;
  readonly buildkit?: boolean;
  readonly concurrent?: number;
}

/** How many of each are kept per app. */
export interface KeepManifest {
  readonly releases?: number;
  readonly images?: number;
}

export interface LogsManifest {
  /** Per container, at the engine. */
  readonly maxSize?: string;
  /** Per app, and for so many days: what `flynn logs` shows. */
  readonly appSize?: string;
  readonly days?: number;
}

/** Where the apps' networks, one each, get their addresses from. */
export interface NetworksManifest {
  readonly range?: string;
  /** Of one app's network. */
  readonly prefix?: number;
}

/** What holds where `cluster.yaml` says nothing. */
export const CLUSTER_DEFAULTS = {
  defaults: {memory: '512Mi', cpus: 1, pids: 512, files: 10_000},
  builds: {memory: '2Gi', cpus: 2, timeoutSeconds: 900, disk: '4Gi', cache: '2Gi', minFreeDisk: '2Gi', imageSize: '2Gi', buildkit: true, concurrent: 2},
  keep: {releases: 10, images: 5},
  // 512 networks of 125 containers: fifty replicas can be deployed all at once.
  networks: {range: '10.213.0.0/16', prefix: 25},
  logs: {maxSize: '10Mi', appSize: '64Mi', days: 7},
} as const satisfies {
  readonly defaults: Required<LimitsManifest>;
  readonly builds: Required<BuildsManifest>;
  readonly keep: Required<KeepManifest>;
  readonly logs: Required<LogsManifest>;
  readonly networks: Required<NetworksManifest>;
};

/** Each makes every secret 100 bytes longer. */
const RECIPIENTS_MAX = 20;

/** Bech32 of 32 bytes, C2SP age.md: what `age-keygen -y` prints. */
const recipientSchema = {type: 'string', pattern: '^age1[02-9ac-hj-np-z]{58}$', errorMessage: 'must be a public key of age, which begins with age1 (age-keygen -y prints it)'};

const {memory, cpus, pids, files} = CLUSTER_DEFAULTS.defaults;
const LIMITS_IN_WORDS = `${memory}, ${cpus} core, ${pids} threads and processes, ${files.toLocaleString('en')} open files`;

const buildsSchema: ObjectSchema<BuildsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'What one build may use, and how many run at once.',
  properties: {
    memory: {...quantitySchema, default: CLUSTER_DEFAULTS.builds.memory, description: 'Memory of one build.'},
    cpus: {type: 'number', minimum: 0.01, maximum: 1024, default: CLUSTER_DEFAULTS.builds.cpus, description: 'Cores of one build.'},
    timeoutSeconds: {type: 'number', minimum: 10, maximum: 86_400, default: CLUSTER_DEFAULTS.builds.timeoutSeconds, description: 'Limit for one build.'},
    disk: {...quantitySchema, default: CLUSTER_DEFAULTS.builds.disk, description: 'What one build may write, its cache included.'},
    cache: {...quantitySchema, description: 'What the builds of one app may keep for the next one, from `disk`; a cache that has grown beyond it is emptied before a build. Default: half of `disk`.', examples: [CLUSTER_DEFAULTS.builds.cache]},
    minFreeDisk: {...quantitySchema, default: CLUSTER_DEFAULTS.builds.minFreeDisk, description: 'What has to be free on the disk, or builds are refused.'},
    imageSize: {...quantitySchema, default: CLUSTER_DEFAULTS.builds.imageSize, description: 'What an image may have in all, what it stands on included: larger ones are refused.'},
    buildkit: {type: 'boolean', default: CLUSTER_DEFAULTS.builds.buildkit, description: 'Dockerfiles that need BuildKit are built with it; false refuses them.'},
    concurrent: {type: 'integer', minimum: 1, maximum: 32, default: CLUSTER_DEFAULTS.builds.concurrent, description: 'Builds at once; others wait.'},
  },
};

const keepSchema: ObjectSchema<KeepManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'How many of each are kept per app.',
  properties: {
    releases: {type: 'integer', minimum: 2, maximum: 1000, default: CLUSTER_DEFAULTS.keep.releases, description: 'Release files; older ones are in the history of git.'},
    images: {type: 'integer', minimum: 2, maximum: 1000, default: CLUSTER_DEFAULTS.keep.images, description: 'Images on each node; the newest releases have theirs.'},
  },
};

const logsSchema: ObjectSchema<LogsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'How much of the logs is kept.',
  properties: {
    maxSize: {...quantitySchema, default: CLUSTER_DEFAULTS.logs.maxSize, description: 'What the engine keeps per container until it is read, twice: a burst of lines that is longer loses its middle.'},
    appSize: {...quantitySchema, default: CLUSTER_DEFAULTS.logs.appSize, description: 'Lines of one app that are kept on each node; the replica with most of them loses its oldest first.'},
    days: {type: 'number', minimum: 1, maximum: 3650, default: CLUSTER_DEFAULTS.logs.days, description: 'Lines older than so many days are removed.'},
  },
};

const commitsSchema: ObjectSchema<CommitsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'What commits to this repository have to be like.',
  properties: {
    signed: {enum: ['required', 'optional'], default: 'optional', errorMessage: 'must be required or optional', description: '`required`: only commits are followed that are signed by a key of a person who may change their paths (`signingKeys` in people/), or of a node (`signingKey` in nodes/), as the last applied commit has them.'},
    forgeKeys: {...signingKeysSchema, description: 'Public keys that the forge signs squash merges with, where the repository lives at one (GitHub: https://github.com/web-flow.gpg). What they have signed counts whatever it changes: who may merge, and after which approvals, is what the forge\'s protected branches say. Default: none, so that only people and nodes sign.', examples: [['-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n…\n-----END PGP PUBLIC KEY BLOCK-----\n']]},
  },
};

const networksSchema: ObjectSchema<NetworksManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'Each app has a network of its own on each node; their addresses come from here. A change of it is for networks that are made from then on.',
  properties: {
    range: {...subnetSchema, default: CLUSTER_DEFAULTS.networks.range, description: 'IPv4 addresses that nobody else uses where the nodes are.'},
    prefix: {type: 'integer', minimum: 16, maximum: 28, default: CLUSTER_DEFAULTS.networks.prefix, description: "Size of one app's network: 25 is 125 containers, 24 is 253, 26 is 61."},
  },
};

export const clusterSchema: ObjectSchema<ClusterManifest> = {
  title: 'Cluster',
  description: 'What holds for the whole Flynn cluster: cluster.yaml.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'name', 'domain'],
  properties: {
    ...headerProperties('Cluster'),
    name: {type: 'string', minLength: 1, maxLength: 63, description: 'For people only.', examples: ['production']},
    domain: {...hostSchema, description: 'Apps are served at <app>.<domain>.', examples: ['flynn.localhost']},
    defaults: {...limitsSchema, description: `Limits of a container whose service has none of its own. Default: ${LIMITS_IN_WORDS}.`},
    requests: {...requestsSchema('Memory that is kept for one copy.', 'Cores that are kept for one copy.'), description: 'What is kept on a node for one copy of a service that has no requests of its own. Default: nothing.'},
    builds: buildsSchema,
    keep: keepSchema,
    logs: logsSchema,
    drains: {...drainsSchema, description: "Where the lines of all apps' logs are sent on to."},
    networks: networksSchema,
    recipients: {
      type: 'array',
      minItems: 1,
      maxItems: RECIPIENTS_MAX,
      items: recipientSchema,
      description: "Public keys that the apps' secrets are encrypted to (age): those of the nodes, and perhaps one whose identity is kept elsewhere.",
    },
    registry: registrySchema,
    forge: forgeSchema,
    oidc: providerSchema,
    tls: tlsSchema,
    router: routerSchema,
    commits: commitsSchema,
    quotas: quotasSchema,
    review: reviewSchema,
    policy: policySchema,
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Cluster', name: 'production', domain: 'apps.example.com', ...CLUSTER_DEFAULTS}],
};

export function checkCluster(cluster: ClusterManifest): readonly Problem[] {
  const {memory} = cluster.builds ?? {};
  return [
    ...checkDrains(cluster.drains, {owner: 'cluster'}),
    ...checkLimits(cluster.defaults, ['defaults']),
    ...checkRequests(cluster.requests, cluster.defaults, ['requests']),
    ...checkLimits(memory === undefined ? undefined : {memory}, ['builds']),
    ...checkCache(cluster.builds),
    ...checkRegistry(cluster.registry),
    ...checkForge(cluster.forge),
    ...checkSigningKeys(cluster.commits?.forgeKeys, ['commits', 'forgeKeys']),
    ...checkProvider(cluster.oidc),
    ...checkTls(cluster.tls),
    ...checkRouter(cluster.router),
    ...checkNetworks({...CLUSTER_DEFAULTS.networks, ...cluster.networks}),
  ];
}

/** Both are written by the same build: a cache that may fill all of its disk would make it fail. */
function checkCache({disk = CLUSTER_DEFAULTS.builds.disk, cache}: BuildsManifest = {}): readonly Problem[] {
  if (cache === undefined || bytesOf(cache) < bytesOf(disk)) return [];
  return [{path: ['builds', 'cache'], message: `builds.cache is a part of builds.disk: it has to be less than "${disk}", not "${cache}"`}];
}

function checkNetworks({range, prefix}: Required<NetworksManifest>): readonly Problem[] {
  const subnet = parseSubnet(range);
  const first = subnet === undefined ? range : formatSubnet(subnet);
  if (first !== range) return [{path: ['networks', 'range'], message: `networks.range has bits beyond its prefix, not "${range}": it would be "${first}"`}];
  if (prefix >= prefixOf(range)) return [];
  return [{path: ['networks'], message: `networks of prefix ${prefix} are larger than their range "${range}": take a larger number`}];
}
