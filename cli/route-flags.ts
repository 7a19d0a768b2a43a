import type {ParseArgsOptionsConfig} from 'node:util';
import {parse, stringify} from 'yaml';
import {isRecord, mergePatch, type JsonObject} from '../schemas/merge-patch.ts';
import {UsageError} from './command.ts';

/** A field of a route as a flag; those without one are set by `--set <field>=<value>`. */
interface Flag {
  /** Without `--`. */
  readonly flag: string;
  readonly short?: string;
  /** `switch` has no value; `list` and `pairs` may be there several times; `weights` are pairs whose values are numbers. */
  readonly takes: 'switch' | 'text' | 'number' | 'list' | 'pairs' | 'weights';
  /** Where it is in the manifest: `timeouts.waitSeconds`. */
  readonly field: string;
}

const HTTP: readonly Flag[] = [
  {flag: 'service', short: 's', takes: 'text', field: 'service'},
  {flag: 'weight', takes: 'weights', field: 'services'},
  {flag: 'redirect', takes: 'text', field: 'redirect'},
  {flag: 'strip-prefix', takes: 'switch', field: 'stripPrefix'},
  {flag: 'https', takes: 'text', field: 'https'},
  {flag: 'when-header', takes: 'pairs', field: 'when.header'},
  {flag: 'when-cookie', takes: 'pairs', field: 'when.cookie'},
  {flag: 'when-query', takes: 'pairs', field: 'when.query'},
  {flag: 'when-method', takes: 'list', field: 'when.method'},
  {flag: 'balance', takes: 'text', field: 'balance'},
  {flag: 'sticky', takes: 'switch', field: 'sticky'},
  {flag: 'sticky-cookie', takes: 'text', field: 'sticky.cookie'},
  {flag: 'protocol', takes: 'text', field: 'protocol'},
  {flag: 'max-body', takes: 'text', field: 'maxBody'},
  {flag: 'wait-timeout', takes: 'number', field: 'timeouts.waitSeconds'},
  {flag: 'response-timeout', takes: 'number', field: 'timeouts.responseSeconds'},
  {flag: 'idle-timeout', takes: 'number', field: 'timeouts.idleSeconds'},
  {flag: 'compress', takes: 'switch', field: 'compress'},
  {flag: 'request-header', takes: 'pairs', field: 'headers.request.set'},
  {flag: 'response-header', takes: 'pairs', field: 'headers.response.set'},
  {flag: 'auth', takes: 'text', field: 'auth.basic.users'},
  {flag: 'allow', takes: 'list', field: 'allow'},
  {flag: 'deny', takes: 'list', field: 'deny'},
];

const TCP: readonly Flag[] = [
  {flag: 'port', takes: 'number', field: 'port'},
  {flag: 'service', short: 's', takes: 'text', field: 'service'},
  {flag: 'sni', takes: 'text', field: 'sni'},
  {flag: 'proxy-protocol', takes: 'text', field: 'proxyProtocol'},
  {flag: 'accept-proxy-protocol', takes: 'list', field: 'acceptProxyProtocol'},
  {flag: 'allow', takes: 'list', field: 'allow'},
  {flag: 'idle-timeout', takes: 'number', field: 'idleTimeoutSeconds'},
];

export type RouteKind = 'http' | 'tcp';

const FLAGS: Readonly<Record<RouteKind, readonly Flag[]>> = {http: HTTP, tcp: TCP};

/** Said by a route's name, and by the column of its service. */
const SHOWN: ReadonlySet<string> = new Set(['host', 'path', 'port', 'sni', 'service', 'services', 'redirect']);
/** Flags that are not about fields. */
const OTHERS: ReadonlySet<string> = new Set(['set', 'unset', 'no-wait']);

/** For `parseFlags`: of one kind of routes, or of both where a name says which. */
export function routeOptions(kinds: readonly RouteKind[]): ParseArgsOptionsConfig {
  const all = kinds.flatMap((kind) => FLAGS[kind]);
  return {
    ...Object.fromEntries(all.map(({flag, short, takes}) => [flag, {type: takes === 'switch' ? 'boolean' : 'string', multiple: ['list', 'pairs', 'weights'].includes(takes), ...(short !== undefined && {short})}] as const)),
    ...Object.fromEntries(all.map(({flag}) => [`no-${flag}`, {type: 'boolean'}] as const)),
    set: {type: 'string', multiple: true},
    unset: {type: 'string', multiple: true},
  };
}

/** What flags say of a route's fields, as a merge patch: null takes one out. */
export function fieldsOf(kind: RouteKind, values: Readonly<Record<string, unknown>>): JsonObject {
  const flags = FLAGS[kind];
  const strange = Object.keys(values).find((name) => !OTHERS.has(name) && !flags.some(({flag}) => name === flag || name === `no-${flag}`));
  if (strange !== undefined) throw new UsageError(`--${strange} is nothing that ${kind === 'tcp' ? 'a TCP' : 'an HTTP'} route has`);
  const patches = flags.flatMap((flag): readonly JsonObject[] => {
    if (values[`no-${flag.flag}`] === true) return [nested(flag.field, null)];
    const value = values[flag.flag];
    return value === undefined ? [] : [nested(flag.field, valueOf(flag, value))];
  });
  return [...patches, ...settings(values['set']), ...textsOf(values['unset']).map((field) => nested(checkedField(field), null))].reduce((all, patch) => together(all, patch), {});
}

/** What a route has besides its name and its service, as one would type it. */
export function asFlags(kind: RouteKind, route: object): readonly string[] {
  let left: JsonObject = Object.fromEntries(Object.entries(route).filter(([field]) => !SHOWN.has(field)));
  const typed: string[] = [];
  for (const {flag, takes, field} of FLAGS[kind]) {
    const words = wordsFor(takes, at(left, field));
    if (words === undefined) continue;
    typed.push(...(takes === 'switch' ? [`--${flag}`] : words.map((word) => `--${flag} ${quoted(word)}`)));
    left = mergePatch(left, nested(field, null));
  }
  return [...typed, ...Object.entries(left).map(([field, value]) => `--set ${quoted(`${field}=${inline(value)}`)}`)];
}

/** Undefined: the flag can't say it, or there is nothing to say. */
function wordsFor(takes: Flag['takes'], value: unknown): readonly string[] | undefined {
  switch (takes) {
    case 'switch': return value === true ? [''] : undefined;
    case 'text': return typeof value === 'string' ? [value] : undefined;
    case 'number': return typeof value === 'number' ? [String(value)] : undefined;
    case 'list': return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : undefined;
    case 'pairs':
    case 'weights': return isRecord(value) ? Object.entries(value).map(([name, one]) => `${name}=${String(one)}`) : undefined;
  }
}

function valueOf({flag, takes}: Flag, value: unknown): unknown {
  switch (takes) {
    case 'switch':
    case 'text':
    case 'list': return value;
    case 'number': return numberOf(flag, value);
    case 'pairs': return Object.fromEntries(textsOf(value).map((word) => pairOf(flag, word)));
    case 'weights': return Object.fromEntries(textsOf(value).map((word) => {
      const [name, weight] = pairOf(flag, word);
      return [name, numberOf(flag, weight)];
    }));
  }
}

/** `--set timeouts={waitSeconds: 5}`: whatever a manifest can say. */
function settings(words: unknown): readonly JsonObject[] {
  return textsOf(words).map((word) => {
    const [field, written] = pairOf('set', word);
    try {
      return nested(checkedField(field), parse(written) as unknown);
    } catch (error) {
      throw new UsageError(`--set ${field}: the value is no YAML: ${error instanceof Error ? error.message.split('\n')[0] ?? '' : String(error)}`);
    }
  });
}

function pairOf(flag: string, word: string): readonly [name: string, value: string] {
  const equals = word.indexOf('=');
  if (equals < 1) throw new UsageError(`--${flag} "${word}" makes no sense; it has to be like --${flag} name=value`);
  return [word.slice(0, equals), word.slice(equals + 1)];
}

function nested(field: string, value: unknown): JsonObject {
  const [first = '', ...rest] = field.split('.');
  return {[first]: rest.length === 0 ? value : nested(rest.join('.'), value)};
}

/** Two patches as one: unlike in a merge, null stays. */
function together(one: JsonObject, other: JsonObject): JsonObject {
  return {...one, ...Object.fromEntries(Object.entries(other).map(([field, value]) => {
    const before = one[field];
    return [field, isRecord(before) && isRecord(value) ? together(before, value) : value];
  }))};
}

function at(value: unknown, field: string): unknown {
  return field.split('.').reduce((found, step) => (isRecord(found) ? found[step] : undefined), value);
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function checkedField(field: string): string {
  if (!/^[a-z][A-Za-z0-9]*(\.[A-Za-z0-9_-]+)*$/.test(field)) throw new UsageError(`"${field}" is no field of a route`);
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
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
