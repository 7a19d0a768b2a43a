import type {HeaderEdits, RouteOptions} from '../../desired/state.ts';
import type {StructuredHost} from '../../observed/structure.ts';
import {KEEP_ALIVE_MS} from '../times.ts';
import type {RouteContext} from './options.ts';
import {duration, literal, toReplicas, type Json, type ReplicaProxy} from './parts.ts';

/**
 * Ways to replicas, each a proxy of Caddy's that any number of routes share: a route says by variables which name is asked for and which way is
 * taken, and goes on to what comes after it, where the ways are.
 */
export class Ways {
  readonly #context: RouteContext;
  readonly #common: Ways | undefined;
  readonly #known = new Map<string, Way>();

  /** `common`: which stand elsewhere, and are not made again. */
  constructor(context: RouteContext, common?: Ways) {
    this.#context = context;
    this.#common = common;
  }

  /** The handler that chooses the way to the replicas behind a name. */
  to(name: string, options: RouteOptions = {}): Json {
    const key = wayOf(name, options);
    const way = this.#find(key) ?? this.add(key, options);
    return {handler: 'vars', name, way: way.id};
  }

  #find(key: string): Way | undefined {
    return (this.#common === undefined ? undefined : this.#common.#known.get(key)) ?? this.#known.get(key);
  }

  add(key: string, options: RouteOptions): Way {
    const way = {id: `${this.#common === undefined ? '' : 'own '}${this.#known.size}`, options};
    this.#known.set(key, way);
    return way;
  }

  /** For behind the routes that choose. */
  routes(): readonly Json[] {
    return [...this.#known.values()].map(({id, options}) => ({match: [{vars: {way: [id]}}], handle: [proxy(options, this.#context)], terminal: true}));
  }
}

interface Way {
  readonly id: string;
  readonly options: RouteOptions;
}

/** Every request to a host with options asks for them one after the other. */
const COMMON_WAYS_MAX = 10;

/** Those that most paths take. */
export function commonWays(hosts: readonly StructuredHost[], context: RouteContext): Ways {
  const counted = new Map<string, {readonly options: RouteOptions; count: number}>();
  for (const {name, options = {}} of hosts.flatMap(({paths}) => paths)) {
    if (name === undefined) continue;
    const key = wayOf(`${name}.`, options);
    const known = counted.get(key);
    if (known === undefined) counted.set(key, {options, count: 1});
    else known.count += 1;
  }
  const ways = new Ways(context);
  // Sorting is stable, so that the same hosts have the same ones.
  const most = [...counted].toSorted(([, a], [, b]) => b.count - a.count).slice(0, COMMON_WAYS_MAX);
  for (const [key, {options}] of most) ways.add(key, options);
  return ways;
}

function wayOf(name: string, {balance, stickyCookie, isH2c, waitMs, responseMs, idleMs, request, response}: RouteOptions): string {
  // Who comes in turn is counted by the proxy: two services that shared one would count for each other.
  return JSON.stringify([balance === 'round-robin' ? name : '', balance, stickyCookie, isH2c, waitMs, responseMs, idleMs, request, response]);
}

function proxy({balance, stickyCookie, isH2c, waitMs, responseMs, idleMs, request, response}: RouteOptions, context: RouteContext): Json {
  const plain: ReplicaProxy = toReplicas('{http.vars.name}', context);
  const policy = stickyCookie === undefined ? balance && {policy: POLICIES[balance]} : {policy: 'cookie', name: stickyCookie, secret: context.secrets.cookieKey};
  return {
    ...plain,
    load_balancing: {
      ...plain.load_balancing,
      ...(waitMs !== undefined && {try_duration: duration(waitMs)}),
      ...(policy !== undefined && {selection_policy: policy}),
    },
    transport: {
      ...plain.transport,
      ...(isH2c === true && {versions: ['h2c', '2']}),
      ...(responseMs !== undefined && {response_header_timeout: duration(responseMs)}),
      // Of a connection that is used again it counts from the end of the request before, at most so long ago.
      ...(idleMs !== undefined && {read_timeout: duration(idleMs + KEEP_ALIVE_MS)}),
    },
    ...((request ?? response) !== undefined && {headers: {...(request && {request: headerOps(request)}), ...(response && {response: headerOps(response)})}}),
  };
}

const POLICIES: {readonly [B in NonNullable<RouteOptions['balance']>]: string} = {'round-robin': 'round_robin', 'least-conn': 'least_conn', 'ip-hash': 'ip_hash'};

function headerOps({set, add, remove}: HeaderEdits): Json {
  const values = (headers: Readonly<Record<string, string>>): Json => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [literal(value)]]));
  return {...(set && {set: values(set)}), ...(add && {add: values(add)}), ...(remove && {delete: remove})};
}
