import {CHECK_DEFAULTS, portOf, RELEASE, replicasDefault, STOP_GRACE_SECONDS_DEFAULT, UP_SECONDS_DEFAULT, type AppManifest, type CheckManifest} from '../../schemas/app.ts';
import type {ImageDigest, ServiceName} from '../../schemas/ids.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {RequestsManifest} from '../../schemas/requests.ts';
import type {Problem} from '../../schemas/schema.ts';
import {limitsOf, type ContainerLimits} from './cluster.ts';
import {environmentOf, hashedContainer, sealedEnvOf} from './environment.ts';
import {hashOf} from './hash.ts';
import {needOf} from './nodes.ts';
import {wishedTemplate} from './rights.ts';
import type {AppSecrets} from './secrets.ts';
import type {ContainerTemplate, DesiredService, HealthCheck, Need} from './state.ts';
import {strategyOf} from './strategy.ts';

/** What a service is resolved from. */
export interface ServiceInput {
  readonly app: AppManifest;
  readonly release: ReleaseManifest;
  readonly releaseNumber: number;
  /** Of services without their own. */
  readonly limits: ContainerLimits;
  readonly secrets: AppSecrets;
  /** Of services without their own. Absent: nothing is kept for them. */
  readonly requests?: Need;
}

/** Names of all services: those of the release and those of app.yaml. Sorted. The Procfile's `release` line is none. */
export function serviceNames({app, release}: Pick<ServiceInput, 'app' | 'release'>): readonly string[] {
  return [...new Set([...Object.keys(release.services), ...Object.keys(app.services ?? {})])].filter((name) => name !== RELEASE).toSorted();
}

/** Fails with problems in app.yaml. Undefined: configured, but not in this release and not wanted either. */
export function resolveService(name: string, input: ServiceInput): Result<DesiredService | undefined, readonly Problem[]> {
  const service = own(input.app.services, name) ?? {};
  const replicas = service.replicas ?? replicasDefault(name);
  const command = commandOfService(name, input);
  if (command === undefined) return service.replicas === undefined || replicas === 0 ? ok(undefined) : fail([noCommand(name, input)]);
  const {container, sealed} = templateOf({service: name, command}, input);
  const requests = requestsOf(service.requests, input.requests, container);
  if (!requests.ok) return fail(requests.problem.map((problem) => ({...problem, path: ['services', name, 'requests', ...problem.path]})));
  return ok({
    name: name as ServiceName,
    // Priority and requests are not of the container: a change of them moves nothing that has its place.
    // A rollback is what it repeats: where that still runs, nothing is started for it.
    specHash: hashOf({release: input.release.rollbackOf ?? input.releaseNumber, container: hashedContainer(container, sealed)}),
    replicas,
    strategy: strategyOf(service.strategy, replicas),
    container,
    ...(service.priority !== undefined && {priority: service.priority}),
    ...(requests.value !== undefined && {requests: requests.value}),
  });
}

/** What a service runs: as app.yaml says, else as the release does. */
export function commandOfService(name: string, {app, release}: Pick<ServiceInput, 'app' | 'release'>): readonly string[] | undefined {
  const command = own(app.services, name)?.command;
  return command === undefined ? own(release.services, name)?.command : wordsOf(command, release);
}

/**
 * A line needs a shell. Images that we build bring one as their entry point; for others a line of several words would be the name of a
 * program.
 */
export function wordsOf(command: string | readonly string[], {source}: Pick<ReleaseManifest, 'source'>): readonly string[] {
  if (typeof command !== 'string') return command;
  const hasEntryPoint = 'builder' in source && source.builder !== 'Dockerfile';
  return hasEntryPoint || PLAIN_WORD.test(command) ? [command] : ['/bin/sh', '-c', command];
}

/** Means the same to a shell and to the kernel. */
const PLAIN_WORD = /^[\w./:@%+,-]+$/;

export interface Template {
  readonly container: ContainerTemplate;
  /** What its secrets were sealed from: a part of the hash, not of the container. */
  readonly sealed: ReturnType<typeof environmentOf>['sealed'];
}

/** A container of the release that runs this command with what copies of the service get; without a service: with what is all of the app's. */
export function templateOf({service: name, command}: {readonly service?: string; readonly command: readonly string[]}, {app, release, limits, secrets}: ServiceInput): Template {
  const service = (name === undefined ? undefined : own(app.services, name)) ?? {};
  const port = name === undefined ? undefined : portOf(name, service, own(release.services, name)?.port);
  const serviceSecrets = name === undefined ? undefined : own(secrets.services, name);
  const {env, sealed} = environmentOf({app: app.env, service: service.env, secrets: secrets.env, serviceSecrets, port});
  const container: ContainerTemplate = {
    image: release.image as ImageDigest, // the schema has checked it
    command,
    env,
    ...sealedEnvOf(sealed),
    ...limitsOf(service.limits ?? {}, limits),
    ...wishedTemplate(service),
    facts: {
      ...(port !== undefined && {port}),
      check: checkOf(service.check, port),
      stopGraceMs: (service.stopGraceSeconds ?? STOP_GRACE_SECONDS_DEFAULT) * 1000,
      ...(service.hostNetwork === true && {isOnHostNetwork: true}),
    },
  };
  return {container, sealed};
}

/** What is kept for a copy. The cluster's default is never more than the copy may use; what the service itself says must not be. */
export function requestsOf(own: RequestsManifest | undefined, otherwise: Need | undefined, {memoryBytes, cpus}: ContainerTemplate): Result<Need | undefined, readonly Problem[]> {
  const asked = needOf(own ?? {});
  const problems: Problem[] = [
    ...(asked.memoryBytes <= memoryBytes ? [] : [{path: ['memory'], message: `memory "${own?.memory}" is more than the ${formatBytes(memoryBytes)} that a copy may use: set limits.memory too`}]),
    ...(asked.cpus <= cpus ? [] : [{path: ['cpus'], message: `cpus ${asked.cpus} is more than the ${cpus} that a copy may use: set limits.cpus too`}]),
  ];
  if (problems.length > 0) return fail(problems);
  const need: Need = {
    memoryBytes: own?.memory === undefined ? Math.min(otherwise?.memoryBytes ?? 0, memoryBytes) : asked.memoryBytes,
    cpus: own?.cpus === undefined ? Math.min(otherwise?.cpus ?? 0, cpus) : asked.cpus,
  };
  return ok(need.memoryBytes === 0 && need.cpus === 0 ? undefined : need);
}

function checkOf(check: CheckManifest | undefined, servicePort: number | undefined): HealthCheck {
  const port = check?.port ?? servicePort;
  const timing = {
    intervalMs: (check?.intervalSeconds ?? CHECK_DEFAULTS.intervalSeconds) * 1000,
    timeoutMs: (check?.timeoutSeconds ?? CHECK_DEFAULTS.timeoutSeconds) * 1000,
    retries: check?.retries ?? CHECK_DEFAULTS.retries,
    startPeriodMs: (check?.startPeriodSeconds ?? CHECK_DEFAULTS.startPeriodSeconds) * 1000,
  };
  if (check?.command !== undefined) return {...timing, kind: 'command', command: check.command};
  if (port === undefined) return {...timing, kind: 'up', startPeriodMs: UP_SECONDS_DEFAULT * 1000};
  return check?.http === undefined ? {...timing, kind: 'tcp', port} : {...timing, kind: 'http', path: check.http, port};
}

function noCommand(name: string, {release, releaseNumber}: ServiceInput): Problem {
  const known = Object.keys(release.services).filter((one) => one !== RELEASE).toSorted().join(', ') || 'none';
  return {
    path: ['services', name],
    message: `service "${name}" has replicas but no command: release v${releaseNumber} has the services ${known}; add \`command:\`, a line in the Procfile, or set replicas to 0`,
  };
}

/** `record[key]`, but never something that every object has, such as `constructor`. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
