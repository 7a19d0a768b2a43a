import {isDeepStrictEqual} from 'node:util';
import type {AppManifest, EnvManifest, ServiceManifest} from '../../schemas/app.ts';

/** Whether a rollback brings a field back as it was. What is scaled, routed or stored stays as it is: code and its configuration go back together. */
type Going = 'back' | 'stays';

const APP_FIELDS: {readonly [Field in keyof AppManifest]-?: Going} = {
  apiVersion: 'stays',
  kind: 'stays',
  id: 'stays',
  build: 'stays',
  buildpacks: 'stays',
  services: 'back',
  env: 'back',
  release: 'back',
  cron: 'stays',
  routes: 'stays',
  tcp: 'stays',
  maintenance: 'stays',
  errorPages: 'stays',
  suspend: 'stays',
  deployTimeoutSeconds: 'stays',
  drains: 'stays',
  reach: 'stays',
  allowFrom: 'stays',
  deployBranch: 'stays',
  source: 'stays',
  review: 'stays',
};

const SERVICE_FIELDS: {readonly [Field in keyof ServiceManifest]-?: Going} = {
  command: 'back',
  replicas: 'stays',
  port: 'back',
  env: 'back',
  limits: 'back',
  // Beside limits, which they have to fit.
  requests: 'back',
  priority: 'stays',
  stopGraceSeconds: 'back',
  check: 'back',
  strategy: 'stays',
  volumes: 'stays',
  tmpfs: 'back',
  readOnlyRoot: 'back',
  // Today's policy decides about these whatever the past was.
  privileged: 'back',
  capabilities: 'back',
  hostNetwork: 'back',
  hostPaths: 'back',
  dockerSocket: 'back',
};

/** An app.yaml and the services that the release beside it has. */
export interface Configured {
  readonly manifest: AppManifest;
  readonly releasedServices: readonly string[];
}

/**
 * Today's manifest with the configuration of another time. A service that there was not then goes, one that there is not any more comes
 * back whole, its replicas included.
 */
export function withConfigOf(now: Configured, then: Configured): AppManifest {
  const names = new Set([...Object.keys(now.manifest.services ?? {}), ...Object.keys(then.manifest.services ?? {})]);
  const services = [...names].flatMap((name): [string, ServiceManifest][] => {
    const [today, before] = [serviceOf(now, name), serviceOf(then, name)];
    if (!hasService(then, name)) return [];
    const service = hasService(now, name) ? mixed(today, before, SERVICE_FIELDS) : before;
    return isEmpty(service) ? [] : [[name, service]];
  });
  return withoutEmpty({...mixed(now.manifest, then.manifest, APP_FIELDS), services: Object.fromEntries(services)});
}

/** The same manifest without maps that say nothing: `env: {}`, `services: {worker: {}}`. */
export function withoutEmpty(manifest: AppManifest): AppManifest {
  const {services = {}, env = {}, ...rest} = manifest;
  const said = Object.entries(services).map(([name, service]): [string, ServiceManifest] => [name, withoutEmptyEnv(service)]).filter(([, service]) => !isEmpty(service));
  return {...rest, ...(said.length === 0 ? {} : {services: Object.fromEntries(said)}), ...(isEmpty(env) ? {} : {env})};
}

export interface FieldChange {
  /** `['services', 'web', 'env', 'LOG_LEVEL']` */
  readonly path: readonly string[];
  /** Absent: it goes. */
  readonly to?: unknown;
  readonly kind: 'added' | 'changed' | 'removed';
}

/** What differs, as fine as an owner would write it: one variable, one field of a service. */
export function configChanges(from: AppManifest, to: AppManifest): readonly FieldChange[] {
  const names = sorted(from.services, to.services);
  return [
    ...envChanges(['env'], from.env, to.env),
    ...changeOf(['release'], from.release, to.release),
    ...names.flatMap((name) => {
      const [one, other] = [from.services?.[name], to.services?.[name]];
      if (one === undefined || other === undefined) return changeOf(['services', name], one, other);
      return serviceChanges(['services', name], one, other);
    }),
  ];
}

/** `env.LOG_LEVEL changed`, a line each: names only, never values. */
export function describeChanges(changes: readonly FieldChange[]): readonly string[] {
  return changes.map(({path, kind}) => `${path.join('.')} ${kind}`);
}

function serviceChanges(path: readonly string[], from: ServiceManifest, to: ServiceManifest): readonly FieldChange[] {
  const {env: envFrom, ...one} = from;
  const {env: envTo, ...other} = to;
  const [fieldsFrom, fieldsTo]: Readonly<Record<string, unknown>>[] = [one, other];
  return [
    ...sorted(one, other).flatMap((field) => changeOf([...path, field], fieldsFrom?.[field], fieldsTo?.[field])),
    ...envChanges([...path, 'env'], envFrom, envTo),
  ];
}

function envChanges(path: readonly string[], from: EnvManifest | undefined, to: EnvManifest | undefined): readonly FieldChange[] {
  return sorted(from, to).flatMap((name) => changeOf([...path, name], from?.[name], to?.[name]));
}

function changeOf(path: readonly string[], from: unknown, to: unknown): readonly FieldChange[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (to === undefined) return [{path, kind: 'removed'}];
  return [{path, to, kind: from === undefined ? 'added' : 'changed'}];
}

/** Fields that go back as they were then, all others as they are now. */
function mixed<T extends object>(now: T, then: T, fields: {readonly [Field in keyof T]-?: Going}): T {
  const entries = Object.entries(fields).flatMap(([field, going]): [string, unknown][] => {
    const value = (going === 'back' ? then : now)[field as keyof T];
    return value === undefined ? [] : [[field, value]];
  });
  // The same fields with the same types as in the two it is made of.
  return Object.fromEntries(entries) as T;
}

function hasService({manifest, releasedServices}: Configured, name: string): boolean {
  return Object.hasOwn(manifest.services ?? {}, name) || releasedServices.includes(name);
}

function serviceOf({manifest: {services = {}}}: Configured, name: string): ServiceManifest {
  return Object.hasOwn(services, name) ? services[name] ?? {} : {};
}

function withoutEmptyEnv({env = {}, ...service}: ServiceManifest): ServiceManifest {
  return isEmpty(env) ? service : {...service, env};
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function sorted(...records: readonly (object | undefined)[]): readonly string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record ?? {})))].toSorted();
}
