import {CHECK_DEFAULTS, portOf, replicasDefault, STOP_GRACE_SECONDS_DEFAULT, UP_SECONDS_DEFAULT, type AppManifest, type CheckManifest} from '../../schemas/app.ts';
import type {ImageDigest, ServiceName} from '../../schemas/ids.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {Problem} from '../../schemas/schema.ts';
import {limitsOf, type ContainerLimits} from './cluster.ts';
import {hashOf, sortKeys} from './hash.ts';
import type {ContainerTemplate, DesiredService, HealthCheck} from './state.ts';

/** What a service is resolved from. */
export interface ServiceInput {
  readonly app: AppManifest;
  readonly release: ReleaseManifest;
  readonly releaseNumber: number;
  /** Of services without their own. */
  readonly limits: ContainerLimits;
}

/** Names of all services: those of the release and those of app.yaml. Sorted. */
export function serviceNames({app, release}: Pick<ServiceInput, 'app' | 'release'>): readonly string[] {
  return [...new Set([...Object.keys(release.services), ...Object.keys(app.services ?? {})])].toSorted();
}

/** Fails with problems in app.yaml. Undefined: configured, but not in this release and not wanted either. */
export function resolveService(name: string, input: ServiceInput): Result<DesiredService | undefined, readonly Problem[]> {
  const {app, release, releaseNumber, limits} = input;
  const service = own(app.services, name) ?? {};
  const replicas = service.replicas ?? replicasDefault(name);
  const command = typeof service.command === 'string' ? [service.command] : service.command ?? own(release.services, name)?.command;
  if (command === undefined) return service.replicas === undefined || replicas === 0 ? ok(undefined) : fail([noCommand(name, input)]);

  const port = portOf(name, service);
  const container: ContainerTemplate = {
    image: release.image as ImageDigest, // the schema has checked it
    command,
    env: sortKeys({...app.env, ...service.env, ...(port !== undefined && {PORT: String(port)})}),
    ...limitsOf(service.limits ?? {}, limits),
    facts: {
      ...(port !== undefined && {port}),
      check: checkOf(service.check, port),
      stopGraceMs: (service.stopGraceSeconds ?? STOP_GRACE_SECONDS_DEFAULT) * 1000,
    },
  };
  return ok({name: name as ServiceName, specHash: hashOf({release: releaseNumber, container}), replicas, container});
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
  const known = Object.keys(release.services).toSorted().join(', ') || 'none';
  return {
    path: ['services', name],
    message: `service "${name}" has replicas but no command: release v${releaseNumber} has the services ${known}; add \`command:\`, a line in the Procfile, or set replicas to 0`,
  };
}

/** `record[key]`, but never something that every object has, such as `constructor`. */
function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
