import type {HeaderEdits, RouteOptions} from '../../desired/state.ts';
import {KEEP_ALIVE_MS} from '../times.ts';
import type {RouteContext} from './options.ts';
import {duration, literal, toReplicas, type Json, type ReplicaProxy} from './parts.ts';

/**
 * Ways to replicas, each a proxy of Caddy's that any number of routes share: a route says by variables which name is asked for and which way is
 * taken, and goes on to what comes after it, where the ways are.
 */
export class Ways {
  readonly #context: RouteContext;
  readonly #known = new Map<string, {readonly id: string; readonly options: RouteOptions}>();

  constructor(context: RouteContext) {
    this.#context = context;
  }

  /** The handler that chooses the way to the replicas behind a name. */
  to(name: string, options: RouteOptions = {}): Json {
    const {balance, stickyCookie, isH2c, waitMs, responseMs, idleMs, request, response} = options;
    // Who comes in turn is counted by the proxy: two services that shared one would count for each other.
    const key = JSON.stringify([balance === 'round-robin' ? name : '', balance, stickyCookie, isH2c, waitMs, responseMs, idleMs, request, response]);
    const way = this.#known.get(key) ?? {id: String(this.#known.size), options};
    this.#known.set(key, way);
    return {handler: 'vars', name, way: way.id};
  }

  /** For behind the routes that choose. */
  routes(): readonly Json[] {
    return [...this.#known.values()].map(({id, options}) => ({match: [{vars: {way: [id]}}], handle: [proxy(options, this.#context)], terminal: true}));
  }
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
