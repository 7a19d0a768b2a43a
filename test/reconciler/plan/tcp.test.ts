import test from 'ava';
import type {AppName, ServiceName} from '../../../schemas/ids.ts';
import type {ObservedTcp, TcpCertificate, TcpStructure} from '../../../reconciler/observed/ports.ts';
import type {ObservedState} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planSystem} from '../../../reconciler/plan/platform.ts';
import {planTcp, type RoutedPort} from '../../../reconciler/plan/tcp.ts';
import {streamName} from '../../../reconciler/router/names.ts';
import type {SpecHash} from '../../../schemas/ids.ts';
import {desired, NOW_MS, observed} from '../../support/make.ts';

interface Case {
  readonly ports: readonly RoutedPort[];
  readonly tcp?: Partial<ObservedTcp>;
  readonly names?: readonly string[];
  readonly operations?: readonly string[];
  /** Seconds since a replica left a name that a port leads to. */
  readonly left?: number;
  /** By host: those whose files are there. */
  readonly certificates?: Readonly<Record<string, TcpCertificate>>;
  readonly plan: string;
}

/** `db of store at 5432` */
function port(line: string, more: Partial<RoutedPort> = {}): RoutedPort {
  const [, service = '', app = '', at = ''] = /^(\S+) of (\S+) at (\d+)$/.exec(line) ?? [];
  return {port: Number(at), service: service as ServiceName, app: app as AppName, isHeld: false, replicas: 1, targets: [{address: '10.213.0.2', port: 5432}], proxyProtocol: 'none', idleTimeoutMs: 3_600_000, ...more};
}

function listener(app: string, at: number, slots = 8): TcpStructure[number] {
  return {port: at, backends: [{name: streamName('db', app), slots, proxyProtocol: 'none', idleTimeoutMs: 3_600_000}]};
}

function world({tcp = {}, names = ['store', 'cache'], operations = [], left}: Omit<Case, 'ports' | 'plan' | 'certificates'>): ObservedState {
  const state = observed({operations, ...(left !== undefined && {left: {'10.213.0.9': left}})});
  if (state.router.state !== 'ready') throw new Error('the router of the tests answers');
  const router = {...state.router, names: new Map(names.map((app) => [streamName('db', app), []])), leftStreams: new Set(left === undefined ? [] : ['10.213.0.9:8080'])};
  return {...state, router, tcp: {...state.tcp, ...tcp}};
}

const planned = test.macro<[Case]>((t, {ports, plan, certificates, ...seen}) => {
  const state = world(seen);
  const tcp = planTcp(ports, state, (host) => certificates?.[host]);
  const system = planSystem({...desired(), system: [{role: 'tcp', specHash: 'new' as SpecHash}]}, state, tcp);
  t.is([formatPlan(tcp), formatPlan(system)].filter((text) => text !== '').join('\n'), plan);
});

const STORE = [listener('store', 5432)];
const RUNNING = {state: 'ready', isFromFile: true} as const;

test('without ports there is nothing to do, and no HAProxy', planned, {ports: [], plan: ''});

test('the first port is written before HAProxy is started', planned, {
  ports: [port('db of store at 5432')],
  plan: 'load 1 TCP ports  # HAProxy\'s configuration is not what was loaded\nwait tcp  # on its configuration',
});

test('HAProxy is started once its file is right', planned, {ports: [port('db of store at 5432')], tcp: {file: STORE}, plan: 'run tcp  # tcp is missing'});

test('a port more is loaded into the one that runs', planned, {
  ports: [port('db of store at 5432'), port('db of cache at 6379')],
  tcp: {file: STORE, running: RUNNING},
  plan: 'load 2 TCP ports  # TCP ports changed: 6379\nwait tcp  # on its configuration',
});

test('more replicas than there is room for change the configuration, others do not', planned, {
  ports: [port('db of store at 5432', {replicas: 4}), port('db of cache at 6379', {replicas: 5})],
  tcp: {file: [...STORE, listener('cache', 6379)], running: RUNNING},
  plan: 'load 2 TCP ports  # TCP ports changed: 6379\nwait tcp  # on its configuration',
});

test('one that runs from another file is told', planned, {
  ports: [port('db of store at 5432')],
  tcp: {file: STORE, running: {state: 'ready', isFromFile: false}},
  plan: 'load 1 TCP ports  # HAProxy runs another configuration than its file\nrun tcp  # tcp is missing',
});

test('a port that something else has waits, and the others are served', planned, {
  ports: [port('db of store at 5432'), port('db of cache at 6379')],
  tcp: {file: STORE, running: RUNNING, takenPorts: new Set([6379])},
  plan: 'wait cache TCP port 6379  # on whatever else listens on it on this node to let it go\nrun tcp  # tcp is missing',
});

test('a port that the node itself needs waits, also while nothing listens on it', planned, {
  ports: [port('db of store at 5432'), port('db of cache at 2222')],
  tcp: {file: STORE, running: RUNNING, ownPorts: new Map([[2222, 'git over SSH']])},
  plan: 'wait cache TCP port 2222  # on another number in app.yaml: this node has it for git over SSH\nrun tcp  # tcp is missing',
});

test('what is being loaded is waited for, right as it may look', planned, {
  ports: [port('db of store at 5432')], tcp: {file: STORE, running: RUNNING}, operations: ['tcp'],
  plan: 'wait tcp  # on its ports to be loaded\nrun tcp  # tcp is missing',
});

test('nothing is loaded before the names of the replicas are there', planned, {
  ports: [port('db of store at 5432')],
  names: [],
  plan: 'wait tcp  # on the names of its replicas\nwait tcp  # on its configuration',
});

test('nothing is loaded while HAProxy still follows a change of replicas', planned, {
  ports: [port('db of store at 5432'), port('db of cache at 6379')],
  tcp: {file: STORE, running: RUNNING},
  left: 0.3,
  plan: 'wait tcp  # on HAProxy to have followed the last change of replicas\nwait tcp  # on its configuration',
});

test('of two apps with one port the one that has it keeps it', (t) => {
  const {actions: [action]} = planTcp([port('db of cache at 5432'), port('db of store at 5432', {isHeld: true})], world({}), () => undefined);
  t.deepEqual(action?.kind === 'load-tcp' ? action.structure : undefined, STORE);
});

test('two hosts share a port', (t) => {
  const {actions: [action]} = planTcp([port('db of store at 443', {sni: 'b.test', allow: ['10.0.0.0/8']}), port('db of cache at 443', {sni: 'a.test'})], world({}), () => undefined);
  t.like(action?.kind === 'load-tcp' ? action.structure[0] : undefined, {port: 443, backends: [{name: streamName('db', 'cache'), sni: 'a.test'}, {name: streamName('db', 'store'), sni: 'b.test', allow: ['10.0.0.0/8']}]});
});

test('HAProxy goes with the last port', (t) => {
  const state = {...world({tcp: {file: STORE, running: RUNNING}}), system: [{id: 'h1', name: 'flynn-tcp', role: 'tcp', specHash: 'new', state: 'running', startedAtMs: NOW_MS}]} as unknown as ObservedState;
  const tcp = planTcp([], state, () => undefined);
  t.is(formatPlan(tcp), 'load 0 TCP ports  # TCP ports changed: 5432');
  t.is(formatPlan(planSystem({...desired(), system: [{role: 'tcp', specHash: 'new' as SpecHash}]}, state, tcp)), 'remove flynn-tcp  # no app has a TCP port');
});

test('a port whose TLS ends here waits for a certificate of its host', planned, {
  ports: [port('db of store at 5432', {sni: 'db.test', tls: 'terminate'})],
  plan: 'wait store TCP port 5432  # on a certificate of db.test: flynn cert add, or one of an authority',
});

test('with one it is served, and another one is another configuration', (t) => {
  const ports = [port('db of store at 5432', {sni: 'db.test', tls: 'terminate'})];
  const structure = (id: string) => {
    const {actions: [action]} = planTcp(ports, world({}), () => ({kind: 'own', id}));
    return action?.kind === 'load-tcp' ? action.structure : undefined;
  };
  t.like(structure('a')?.[0], {port: 5432, backends: [{sni: 'db.test', certificate: {kind: 'own', id: 'a'}}]});
  t.notDeepEqual(structure('a'), structure('b'));
});

test('TLS that ends here does not share a port with TLS that is passed on', (t) => {
  const {actions: [action]} = planTcp([port('db of store at 443', {sni: 'a.test', tls: 'terminate', isHeld: true}), port('db of cache at 443', {sni: 'b.test'})], world({}), () => ({kind: 'own', id: 'a'}));
  t.deepEqual(action?.kind === 'load-tcp' ? action.structure[0]?.backends.map(({sni}) => sni) : [], ['a.test']);
});
