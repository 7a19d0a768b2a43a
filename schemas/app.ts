import {buildSchema, type BuildManifest} from './build.ts';
import {buildpacksSchema, checkBuildpacks} from './buildpacks.ts';
import {checkContainer, containerProperties, type ContainerManifest} from './container.ts';
import {checkCrons, commandSchema, cronsSchema, type CronManifest} from './cron.ts';
import {errorPagesSchema, type ErrorPagesManifest} from './error-pages.ts';
import {checkLimits, limitsSchema, type LimitsManifest} from './limits.ts';
import {appNamesSchema, branchSchema, NAME_PATTERN, serviceNameSchema} from './names.ts';
import {checkRequests, prioritySchema, requestsSchema, type Priority, type RequestsManifest} from './requests.ts';
import {checkDrains, drainsSchema, type DrainManifest} from './drains.ts';
import {checkFollowedSource, followedSourceSchema, type FollowedSourceManifest} from './source.ts';
import {checkRoutes, routesSchema, type RouteManifest} from './routes.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';
import {checkStrategy, optionsOf, strategySchema, type StrategyManifest} from './strategy.ts';
import {checkTcpRoutes, tcpRoutesSchema, type TcpRouteManifest} from './tcp.ts';
import {ENV_VALUE_LENGTH_MAX, variableNameSchema} from './variables.ts';

/** An app as its owner writes it, in `apps/<app>/app.yaml`. Plain data, as in the file: `desired/` fills in the defaults. */
export interface AppManifest extends Header<'App'> {
  /** Of an app that was renamed: its first name. */
  readonly id?: string;
  readonly build?: BuildManifest;
  /** Names, URLs and folders as `parseBuildpack` reads them. Absent: what the source says, or what is detected. */
  readonly buildpacks?: readonly string[];
  readonly services?: Readonly<Record<string, ServiceManifest>>;
  readonly env?: EnvManifest;
  readonly routes?: readonly RouteManifest[];
  readonly tcp?: readonly TcpRouteManifest[];
  /** A shell line, or an argument vector: run once before a release gets traffic. Absent: the Procfile's `release` line. */
  readonly release?: string | readonly string[];
  readonly cron?: Readonly<Record<string, CronManifest>>;
  /** Its hosts answer 503 with a page that says so, while the copies go on running. */
  readonly maintenance?: boolean;
  readonly errorPages?: ErrorPagesManifest;
  readonly deployTimeoutSeconds?: number;
  readonly suspend?: boolean;
  readonly drains?: readonly DrainManifest[];
  /** Apps that this one connects to, and apps that may connect to this one: a way is open when both say so. */
  readonly reach?: readonly string[];
  readonly allowFrom?: readonly string[];
  /** The branch whose push is a deploy. Absent: main and master. */
  readonly deployBranch?: string;
  /** A release is proposed, and deployed when that is merged. Absent: it is deployed at once. */
  readonly review?: 'required';
  /** Absent: what is pushed to this cluster. */
  readonly source?: FollowedSourceManifest;
}

export interface ServiceManifest extends ContainerManifest {
  /** A shell line, or an argument vector. Absent: the release's. */
  readonly command?: string | readonly string[];
  /** Copies to keep running across the cluster. */
  readonly replicas?: number;
  readonly port?: number;
  readonly env?: EnvManifest;
  readonly limits?: LimitsManifest;
  readonly requests?: RequestsManifest;
  readonly priority?: Priority;
  readonly stopGraceSeconds?: number;
  readonly check?: CheckManifest;
  readonly strategy?: StrategyManifest;
}

/** Numbers and booleans in the file have become text, exactly as they were written: `1.10` stays `1.10`. */
export type EnvManifest = Readonly<Record<string, string>>;

/** Exactly one of `http`, `tcp` and `command`. */
export interface CheckManifest {
  /** Path: a 2xx or 3xx answer is healthy. */
  readonly http?: string;
  readonly tcp?: true;
  readonly command?: readonly string[];
  readonly port?: number;
  readonly intervalSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly retries?: number;
  readonly startPeriodSeconds?: number;
}

export const REPLICAS_MAX = 1000;
export const WEB = 'web';
/** The line of a Procfile that is no service, but run before each release. */
export const RELEASE = 'release';
export const WEB_PORT_DEFAULT = 8080;
export const STOP_GRACE_SECONDS_DEFAULT = 30;
export const DEPLOY_TIMEOUT_SECONDS_DEFAULT = 120;
export const CHECK_DEFAULTS = {intervalSeconds: 5, timeoutSeconds: 2, retries: 3, startPeriodSeconds: 60} as const;
/** How long a service without any check has to stay up before it counts as healthy. */
export const UP_SECONDS_DEFAULT = 2;

const portSchema = {type: 'integer', minimum: 1, maximum: 65_535};

const envSchema = {
  type: 'object',
  propertyNames: variableNameSchema,
  additionalProperties: {type: ['string', 'number', 'boolean'], maxLength: ENV_VALUE_LENGTH_MAX},
};

const checkSchema: ObjectSchema<CheckManifest> = {
  type: 'object',
  description: 'How we know that a copy works. Without it: its port accepts connections, or it stays up where it has none.',
  additionalProperties: false,
  required: [],
  oneOf: [{required: ['http']}, {required: ['tcp']}, {required: ['command']}],
  errorMessage: 'must have exactly one of http, tcp and command',
  properties: {
    http: {type: 'string', pattern: '^/[^\\s]*$', errorMessage: 'must be a path such as /healthz', description: 'Path to GET: an answer 200 to 399 is healthy.', examples: ['/healthz']},
    tcp: {const: true, description: 'The port accepts connections.'},
    command: {type: 'array', minItems: 1, items: {type: 'string'}, description: 'Runs inside the container: exit code 0 is healthy.', examples: [['pg_isready']]},
    port: {...portSchema, description: "Another port than the service's."},
    intervalSeconds: {type: 'number', minimum: 1, maximum: 3600, default: CHECK_DEFAULTS.intervalSeconds, description: 'From one check to the next.'},
    timeoutSeconds: {type: 'number', minimum: 0.1, maximum: 300, default: CHECK_DEFAULTS.timeoutSeconds, description: 'Limit for one check.'},
    retries: {type: 'integer', minimum: 1, maximum: 100, default: CHECK_DEFAULTS.retries, description: 'Failures in a row that make it unhealthy.'},
    startPeriodSeconds: {type: 'number', minimum: 0, maximum: 3600, default: CHECK_DEFAULTS.startPeriodSeconds, description: 'Failures this soon after the start do not count.'},
  },
};

const serviceSchema: ObjectSchema<ServiceManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    command: {
      ...commandSchema,
      description: "A shell line, or a list of arguments that is run without a shell. Absent: what the release has (the Procfile's line).",
      examples: ['node server.js', ['node', 'server.js']],
    },
    replicas: {type: 'integer', minimum: 0, maximum: REPLICAS_MAX, description: 'Copies to keep running. Default: 1 for web, 0 for others.'},
    port: {...portSchema, description: `TCP port that it listens on; it gets it as PORT. Default: ${WEB_PORT_DEFAULT} for web, none for others.`},
    env: {...envSchema, description: "Environment of this service only; wins over the app's."},
    limits: {...limitsSchema, description: 'What one copy may use. Default: those in cluster.yaml.'},
    requests: {...requestsSchema('Memory that is kept for one copy.', 'Cores that are kept for one copy: 0.5 is half of one.'), description: 'What is kept on a node for one copy. Default: that of cluster.yaml, or nothing. Copies that find no room wait.'},
    priority: {...prioritySchema, description: 'Who keeps its place where there is not room for all requests: system first, batch last.'},
    stopGraceSeconds: {type: 'number', minimum: 0, maximum: 3600, default: STOP_GRACE_SECONDS_DEFAULT, description: 'Between SIGTERM and SIGKILL.'},
    check: checkSchema,
    strategy: strategySchema,
    ...containerProperties,
  },
};

export const appSchema: ObjectSchema<AppManifest> = {
  title: 'App',
  description: 'An app of a Flynn cluster: apps/<app>/app.yaml. All but the first two fields may be left out.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind'],
  properties: {
    ...headerProperties('App'),
    id: {
      type: 'string',
      pattern: NAME_PATTERN,
      errorMessage: 'must be the name that the app had first',
      description: 'Of an app that was renamed: what its volumes, images, repository, builds and logs go by, its first name. `flynn rename` writes it; without it they are not found any more. Default: its name.',
      examples: ['shop'],
    },
    build: buildSchema,
    buildpacks: buildpacksSchema,
    services: {
      type: 'object',
      propertyNames: serviceNameSchema,
      additionalProperties: serviceSchema,
      description: "What differs from the defaults, by service. Services come from the release's Procfile, or from a `command` here.",
    },
    env: {...envSchema, description: 'Environment of all services.'},
    routes: routesSchema,
    tcp: tcpRoutesSchema,
    release: {
      ...commandSchema,
      description: "Run once in a container of the new release before any of its copies start; when it fails, so does the deploy. Absent: the Procfile's `release` line.",
      examples: ['node migrate.js'],
    },
    cron: cronsSchema,
    maintenance: {type: 'boolean', default: false, description: 'Its hosts answer 503 with a page that says so, while the copies go on running and can be deployed.'},
    errorPages: errorPagesSchema,
    deployTimeoutSeconds: {type: 'number', minimum: 1, maximum: 3600, default: DEPLOY_TIMEOUT_SECONDS_DEFAULT, description: 'Limit for a whole deploy; after it the deploy has failed and the old release goes on.'},
    suspend: {type: 'boolean', default: false, description: 'Nothing of the app runs, whatever else is said or pushed; hosts answer 503. Releases are kept and start when this is taken away.'},
    drains: {...drainsSchema, description: 'Where the lines of its log are sent on to.'},
    reach: {...appNamesSchema, description: 'Apps that its containers connect to, as <service>.<app>.internal. Open when those say `allowFrom` with its name.', examples: [['db']]},
    allowFrom: {...appNamesSchema, description: 'Apps whose containers may connect to its own. Open when those say `reach` with its name.', examples: [['shop']]},
    deployBranch: {
      ...branchSchema,
      description: 'The branch whose push is built and deployed; others are only kept. Default: main and master.',
      examples: ['production'],
    },
    review: {type: 'string', enum: ['required'], errorMessage: 'must be required, or be left out', description: 'A push builds, and proposes its release instead of deploying it: it deploys when the proposal is merged. The same for rollbacks and images (docs/review.md).'},
    source: followedSourceSchema,
  },
  examples: [{
    apiVersion: 'flynn/v1',
    kind: 'App',
    services: {web: {replicas: 2, check: {http: '/healthz'}}, worker: {replicas: 1, limits: {memory: '256Mi'}}},
    env: {LOG_LEVEL: 'info'},
    routes: [{host: 'shop.example.com'}],
  }],
};

export function checkApp(app: AppManifest): readonly Problem[] {
  return [
    ...Object.entries(app.services ?? {}).flatMap(([name, service]) => checkService(name, service)),
    ...checkPortVariable(app.env, ['env'], WEB),
    ...checkRoutes(app.routes),
    ...checkTcpRoutes(app.tcp),
    ...checkCrons(app.cron),
    ...checkReleaseService(app),
    ...checkDrains(app.drains, {owner: 'app'}),
    ...checkBuildpacks(app.buildpacks),
    ...checkBuilder(app),
    ...checkFollowedSource(app.source),
  ];
}

/** The port that a service listens on, when it takes traffic. `released`: what its release says. */
export function portOf(name: string, service: ServiceManifest | undefined, released?: number): number | undefined {
  return service?.port ?? released ?? (name === WEB ? WEB_PORT_DEFAULT : undefined);
}

/** Copies of a service that says nothing: a first deploy starts one `web`. */
export function replicasDefault(name: string): number {
  return name === WEB ? 1 : 0;
}

/** What counts for services of which there can be only one at a time. */
export function besidesOf(name: string, {replicas = replicasDefault(name), strategy}: ServiceManifest): {readonly replicas: number; readonly strategy: string | undefined} {
  return {replicas, strategy: strategy === undefined ? undefined : optionsOf(strategy).kind};
}

function checkService(name: string, service: ServiceManifest): readonly Problem[] {
  const path = ['services', name];
  const {check} = service;
  const port = portOf(name, service);
  const problems = [
    ...checkLimits(service.limits, [...path, 'limits']),
    ...checkRequests(service.requests, service.limits, [...path, 'requests']),
    ...checkStrategy(service.strategy, [...path, 'strategy']),
    ...checkContainer(service, path, besidesOf(name, service)),
  ];
  if (port !== undefined) problems.push(...checkPortVariable(service.env, [...path, 'env'], name));
  if (check !== undefined && check.command === undefined && check.port === undefined && port === undefined) {
    problems.push({path: [...path, 'check'], message: `the check of "${name}" needs a port: add \`port:\` to the service, or to the check`});
  }
  return problems;
}

/** One of the two would count for nothing, and nobody could tell which. */
function checkBuilder({build, buildpacks}: AppManifest): readonly Problem[] {
  if (build?.dockerfile === undefined || buildpacks === undefined) return [];
  return [{path: ['build', 'dockerfile'], message: 'an app is built by its Dockerfile or by buildpacks: take away `build.dockerfile` or `buildpacks`'}];
}

/** The Procfile's `release` line is no service, so nothing can be said about one. */
function checkReleaseService({services}: AppManifest): readonly Problem[] {
  if (services === undefined || !Object.hasOwn(services, RELEASE)) return [];
  return [{path: ['services', RELEASE], message: '"release" is no service: it is the command that is run once before a release gets traffic. Its command is `release:`, outside of `services:`'}];
}

/** PORT comes from `port:`. One that is set beside it would be ignored, which nobody expects. */
function checkPortVariable(env: EnvManifest | undefined, path: Problem['path'], service: string): readonly Problem[] {
  if (env === undefined || !Object.hasOwn(env, 'PORT')) return [];
  return [{path: [...path, 'PORT'], message: `PORT can't be set here: it is \`services.${service}.port\`, so set that to "${env['PORT']}"`}];
}
