import type {ParseArgsOptionsConfig} from 'node:util';
import {parse, stringify} from 'yaml';
import type {RouteManifest} from '../schemas/routes.ts';
import type {TcpRouteManifest} from '../schemas/tcp.ts';
import {UsageError} from './command.ts';

/** A field of a route as a flag. Fields without one are set by `--set <field>=<value>`. */
interface Flag {
  /** Without `--`. */
  readonly flag: string;
  readonly short?: string;
  /** `switch` has no value; `list` may be there several times. */
  readonly takes: 'switch' | 'text' | 'number' | 'list';
}

type Flags<Manifest> = {readonly [Field in keyof Manifest]?: Flag};

const HTTP: Flags<RouteManifest> = {
  service: {flag: 'service', short: 's', takes: 'text'},
};

const TCP: Flags<TcpRouteManifest> = {
  port: {flag: 'port', takes: 'number'},
  service: {flag: 'service', short: 's', takes: 'text'},
  sni: {flag: 'sni', takes: 'text'},
  proxyProtocol: {flag: 'proxy-protocol', takes: 'text'},
  acceptProxyProtocol: {flag: 'accept-proxy-protocol', takes: 'list'},
  allow: {flag: 'allow', takes: 'list'},
  idleTimeoutSeconds: {flag: 'idle-timeout', takes: 'number'},
};

export type RouteKind = 'http' | 'tcp';

const FLAGS: Readonly<Record<RouteKind, Readonly<Record<string, Flag>>>> = {http: HTTP, tcp: TCP};

/** Said by the route's name. */
const NAMING: ReadonlySet<string> = new Set(['host', 'path', 'port', 'sni']);

/** For `parseFlags`: of one kind of routes, or of both where a name says which. */
export function routeOptions(kinds: readonly RouteKind[]): ParseArgsOptionsConfig {
  const all = kinds.flatMap((kind) => Object.values(FLAGS[kind]));
  return {
    ...Object.fromEntries(all.map(({flag, short, takes}) => [flag, {type: takes === 'switch' ? 'boolean' : 'string', multiple: takes === 'list', ...(short !== undefined && {short})}] as const)),
    ...Object.fromEntries(all.map(({flag}) => [`no-${flag}`, {type: 'boolean'}] as const)),
    set: {type: 'string', multiple: true},
    unset: {type: 'string', multiple: true},
  };
}

/** What flags say of a route's fields; null: take it out. */
export function fieldsOf(kind: RouteKind, values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const flags = Object.entries(FLAGS[kind]);
  const known = new Set(flags.flatMap(([, {flag}]) => [flag, `no-${flag}`]));
  const strange = Object.keys(values).find((name) => !known.has(name) && !['set', 'unset', 'no-wait'].includes(name));
  if (strange !== undefined) throw new UsageError(`--${strange} is nothing that ${kind === 'tcp' ? 'a TCP' : 'an HTTP'} route has`);
  const told = flags.flatMap(([field, {flag, takes}]) => {
    if (values[`no-${flag}`] === true) return [[field, null] as const];
    const value = values[flag];
    return value === undefined ? [] : [[field, takes === 'number' ? numberOf(flag, value) : value] as const];
  });
  return {...Object.fromEntries(told), ...settings(values['set']), ...Object.fromEntries(textsOf(values['unset']).map((field) => [checkedField(field), null]))};
}

/** What a route has besides its name and its service, as one would type it. */
export function asFlags(kind: RouteKind, route: object): readonly string[] {
  return Object.entries(route).filter(([field]) => !NAMING.has(field) && field !== 'service').flatMap(([field, value]: [string, unknown]) => {
    const flag = Object.hasOwn(FLAGS[kind], field) ? FLAGS[kind][field] : undefined;
    if (flag === undefined || (flag.takes === 'switch' && value !== true)) return [`--set ${quoted(`${field}=${inline(value)}`)}`];
    if (flag.takes === 'switch') return [`--${flag.flag}`];
    return (Array.isArray(value) ? value : [value]).map((one) => `--${flag.flag} ${quoted(String(one))}`);
  });
}

/** `--set headers={response: {X-Frame-Options: DENY}}`: whatever a manifest can say. */
function settings(words: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(textsOf(words).map((word) => {
    const [, field = '', written = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (field === '') throw new UsageError(`--set "${word}" makes no sense; it has to be like --set path=/api`);
    try {
      return [checkedField(field), parse(written) as unknown];
    } catch (error) {
      throw new UsageError(`--set ${field}: the value is no YAML: ${error instanceof Error ? error.message.split('\n')[0] ?? '' : String(error)}`);
    }
  }));
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function checkedField(field: string): string {
  if (!/^[a-z][A-Za-z0-9]*$/.test(field)) throw new UsageError(`"${field}" is no field of a route`);
  return field;
}

function numberOf(flag: string, value: unknown): number {
  const number = Number(value);
  if (value === '' || !Number.isFinite(number)) throw new UsageError(`--${flag} has to be a number, not "${String(value)}"`);
  return number;
}

function inline(value: unknown): string {
  return stringify(value, {collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0}).trim();
}

/** For a shell, where it needs that. */
function quoted(word: string): string {
  return /^[\w./:@%+,=*-]+$/.test(word) && !word.includes('*') ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
