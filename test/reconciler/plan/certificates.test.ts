import test from 'ava';
import type {AppName, ContainerId, ServiceName, SpecHash} from '../../../schemas/ids.ts';
import type {DesiredCertificate, DesiredTls} from '../../../reconciler/desired/certificates-state.ts';
import type {IssuedCertificate, ObservedCertificates, OrderFailure} from '../../../reconciler/observed/certified.ts';
import type {ObservedState} from '../../../reconciler/observed/state.ts';
import type {TlsStructure} from '../../../reconciler/observed/structure.ts';
import type {RoutedPath} from '../../../reconciler/plan/app.ts';
import {planCertificates} from '../../../reconciler/plan/certificates.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {NOW_MS, observed} from '../../support/make.ts';

const DAY_MS = 24 * 60 * 60_000;
const DIRECTORY = 'https://acme.example.com/dir';
const ACME: DesiredTls = {acme: {directory: DIRECTORY}, internal: [], platformHosts: [], certificates: []};
const CONFIGURED: TlsStructure = {directory: DIRECTORY, internal: [], own: []};

interface Case {
  /** `shop.example.com of shop`, then perhaps `redirect` or `allow`. */
  readonly routes?: readonly string[];
  readonly tls?: DesiredTls;
  readonly running?: TlsStructure | 'nothing' | 'changed by hand' | 'unreachable';
  readonly own?: readonly string[];
  /** Days that are left, of 90. */
  readonly issued?: Readonly<Record<string, number>>;
  readonly failed?: Readonly<Record<string, {readonly failures: number; readonly minutesAgo: number; readonly directory?: string}>>;
  readonly redirected?: readonly string[];
  readonly operations?: readonly string[];
  readonly isUnreadable?: true;
  readonly isOldOneOpen?: true;
  readonly plan: string;
  readonly structure?: TlsStructure;
}

function route(line: string): RoutedPath {
  const [host = '', , app = '', https] = line.split(' ');
  return {host, path: '/', app: app as AppName, service: 'web' as ServiceName, isHeld: false, targets: [], ...(https !== undefined && {https: https as 'redirect'})};
}

function own(name: string, hosts: readonly string[], more: Partial<DesiredCertificate> = {}): DesiredCertificate {
  return {name, id: `id-${name}`, hosts, issuer: 'Example CA', notBeforeMs: 0, notAfterMs: NOW_MS + 30 * DAY_MS, chain: 'chain', sealedKey: 'sealed', ...more};
}

function world({running = CONFIGURED, own: files = [], issued = {}, failed = {}, redirected = [], operations = [], isUnreadable, isOldOneOpen}: Partial<Case>): ObservedState {
  const state = observed({operations});
  if (state.router.state !== 'ready') throw new Error('the router of the tests answers');
  const certificates: ObservedCertificates = {
    own: new Set(files),
    issued: new Map(Object.entries(issued).map(([host, days]): [string, IssuedCertificate] => [host, {issuer: 'R3', notBeforeMs: NOW_MS - (90 - days) * DAY_MS, notAfterMs: NOW_MS + days * DAY_MS}])),
    failures: new Map(Object.entries(failed).map(([host, {failures, minutesAgo, directory = DIRECTORY}]): [string, OrderFailure] => [host, {failures, atMs: NOW_MS - minutesAgo * 60_000, cause: 'no such host', directory}])),
    redirected: new Set(redirected),
  };
  return {
    ...state,
    system: [{id: 'router-1' as ContainerId, name: 'router', role: 'router', specHash: 'x' as SpecHash, state: 'running', createdAtMs: 0, shift: 1, isKept: true}],
    router: running === 'unreachable' ? {state: 'unreachable', error: 'connect ECONNREFUSED', silentSinceMs: new Map()} : {
      ...state.router, ...(isOldOneOpen && {leaving: new Map([[1, {}]])}), structure: running === 'changed by hand' ? undefined : {hosts: [], ...(running !== 'nothing' && {tls: running})},
    },
    ...(isUnreadable !== true && {certificates}),
  };
}

const planned = test.macro<[Case]>((t, {routes = [], tls, plan, structure, ...seen}) => {
  const made = planCertificates({routes: routes.map(route), ports: []}, tls, world(seen));
  t.is(formatPlan(made), plan);
  if (structure !== undefined) t.deepEqual(made.structure, structure);
});

test('where nothing is said of certificates there is nothing to do, and nothing for Caddy', planned, {routes: ['shop.example.com of shop'], running: 'nothing', plan: ''});

test('a public host without a certificate has one ordered, hosts of the internal authority do not', planned, {
  routes: ['shop.example.com of shop', 'shop.flynn.localhost of shop', 'wiki.corp.example.com of wiki', '10.0.0.5 of shop', 'intranet of wiki'],
  tls: {...ACME, internal: ['corp.example.com']},
  plan: 'order a certificate for shop.example.com  # shop.example.com has none',
  structure: {directory: DIRECTORY, internal: ['corp.example.com'], own: []},
});

test('nothing is ordered before Caddy, which is asked for the proof, knows of the authority', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, running: {...CONFIGURED, directory: 'https://other.example.com/dir'},
  plan: 'wait shop certificate of shop.example.com  # on the router being configured for it',
  structure: CONFIGURED,
});

test('nothing is ordered while another Caddy takes over: the old one would be asked for the proof too', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, operations: ['routes'],
  plan: 'wait shop certificate of shop.example.com  # on the router being configured for it',
});

test('nothing is ordered while one that was replaced still takes connections', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, isOldOneOpen: true,
  plan: 'wait shop certificate of shop.example.com  # on the router being configured for it',
});

test('the cluster\'s own hosts have certificates too, and are not redirected', planned, {
  tls: {...ACME, platformHosts: ['git.example.com']}, issued: {'git.example.com': 60},
  plan: '',
});

test('a host that has its certificate is redirected', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, issued: {'shop.example.com': 60},
  plan: 'redirect 1 hosts to HTTPS  # shop.example.com → HTTPS',
});

test('a certificate is renewed when a third of its time is left, and its host stays redirected', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, issued: {'shop.example.com': 29}, redirected: ['shop.example.com'],
  plan: 'renew the certificate for shop.example.com  # that of shop.example.com ends in 29 days',
});

test('what is being ordered is not ordered again', planned, {routes: ['shop.example.com of shop'], tls: ACME, operations: ['order shop.example.com'], plan: ''});

test('after a failure the next order waits, and says why', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, failed: {'shop.example.com': {failures: 2, minutesAgo: 14}},
  plan: 'wait shop certificate of shop.example.com  # on another try: no such host',
});

test('then it is tried again', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, failed: {'shop.example.com': {failures: 2, minutesAgo: 15}},
  plan: 'order a certificate for shop.example.com  # shop.example.com has none',
});

test('another authority is asked at once', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, failed: {'shop.example.com': {failures: 5, minutesAgo: 1, directory: 'https://other.example.com/dir'}},
  plan: 'order a certificate for shop.example.com  # shop.example.com has none',
});

test('one of people\'s own is written first, and Caddy told of it when its files are there', planned, {
  routes: ['shop.example.com of shop'], tls: {...ACME, certificates: [own('shop', ['shop.example.com'])]},
  plan: 'write certificate shop  # a certificate for shop.example.com is in the commit',
  structure: CONFIGURED,
});

test('files that were lost are written again, without a change of what Caddy runs', planned, {
  tls: {...ACME, certificates: [own('shop', ['shop.example.com'])]}, running: {...CONFIGURED, own: ['id-shop']},
  plan: 'write certificate shop  # a certificate for shop.example.com is in the commit',
  structure: {...CONFIGURED, own: ['id-shop']},
});

test('nothing is ordered for a host that one of people\'s own covers, and it is redirected once that is served', planned, {
  routes: ['shop.example.com of shop', 'deep.a.example.com of shop'], tls: {...ACME, certificates: [own('_.example.com', ['*.example.com'])]}, own: ['id-_.example.com'],
  running: {...CONFIGURED, own: ['id-_.example.com']},
  plan: 'order a certificate for deep.a.example.com  # deep.a.example.com has none\nredirect 1 hosts to HTTPS  # shop.example.com → HTTPS',
  structure: {...CONFIGURED, own: ['id-_.example.com']},
});

test('one that can\'t be used is left out, and its hosts are served as if it were not there', planned, {
  routes: ['shop.example.com of shop'], tls: {...ACME, certificates: [own('shop', ['shop.example.com'], {problem: 'its key can\'t be decrypted'})]},
  plan: 'order a certificate for shop.example.com  # shop.example.com has none',
});

test('one that has ended gives way to another for its hosts, and is kept where there is none', planned, {
  tls: {...ACME, certificates: [own('new', ['*.example.com']), own('old', ['a.example.com'], {notAfterMs: NOW_MS - 1}), own('only', ['b.example.org'], {notAfterMs: NOW_MS - 1})]},
  own: ['id-new', 'id-old', 'id-only'], running: {...CONFIGURED, own: ['id-new', 'id-only']},
  plan: 'remove certificate id-old  # it is neither in the commit nor in use',
  structure: {...CONFIGURED, own: ['id-new', 'id-only']},
});

test('of two for one host the one that lasts longest stands first, which Caddy serves', planned, {
  tls: {...ACME, certificates: [own('a', ['shop.example.com']), own('b', ['*.example.com', 'shop.example.com'], {notAfterMs: NOW_MS + 60 * DAY_MS})]},
  own: ['id-a', 'id-b'], running: {...CONFIGURED, own: ['id-a', 'id-b']},
  plan: '', structure: {...CONFIGURED, own: ['id-b', 'id-a']},
});

test('files that Caddy still has in its configuration stay, whatever the commit says', planned, {
  tls: ACME, own: ['id-shop'], running: {...CONFIGURED, own: ['id-shop']},
  plan: '', structure: CONFIGURED,
});

test('an app has the last word on what becomes of HTTP', planned, {
  routes: ['a.example.com of shop allow', 'b.flynn.localhost of shop redirect'], tls: ACME, issued: {'a.example.com': 60}, redirected: ['a.example.com'],
  plan: 'redirect 1 hosts to HTTPS  # b.flynn.localhost → HTTPS, a.example.com → HTTP',
});

test('a wildcard is redirected but for hosts below it whose app says otherwise', planned, {
  routes: ['*.example.com of shop', 'a.example.com of blog allow', 'b.example.com of blog', 'deep.a.example.com of blog allow'], tls: {...ACME, acme: undefined as never, certificates: [own('_.example.com', ['*.example.com'])]}, own: ['id-_.example.com'],
  running: {internal: [], own: ['id-_.example.com']}, redirected: ['_.example.com', 'a.example.com!'],
  plan: 'redirect 2 hosts to HTTPS  # b.example.com → HTTPS',
});

test('a host that is to be redirected needs nothing else to be said', planned, {
  routes: ['b.flynn.localhost of shop redirect'], running: 'nothing',
  plan: 'redirect 1 hosts to HTTPS  # b.flynn.localhost → HTTPS', structure: {internal: [], own: []},
});

for (const running of ['unreachable', 'changed by hand'] as const) {
  test(`while the router is ${running}, what is redirected stays so as long as the commit has its certificate, and nothing comes to it`, planned, {
    routes: ['a.example.com of shop', 'b.example.com of shop', 'c.example.org of shop', 'd.example.org of shop', 'e.example.org of shop', 'f.flynn.localhost of shop'], running,
    tls: {...ACME, certificates: [own('a', ['a.example.com']), own('b', ['b.example.com'])]}, own: ['id-a', 'id-b'], issued: {'c.example.org': 60, 'd.example.org': 60},
    redirected: ['a.example.com', 'c.example.org', 'e.example.org', 'f.flynn.localhost'],
    plan: 'redirect 2 hosts to HTTPS  # e.example.org → HTTP, f.flynn.localhost → HTTP\nwait shop certificate of e.example.org  # on the router being configured for it',
    structure: {directory: DIRECTORY, internal: [], own: ['id-a', 'id-b']},
  });
}

test('what can\'t be read is not taken for nothing: all stays as it is', planned, {
  routes: ['shop.example.com of shop'], tls: ACME, running: {...CONFIGURED, own: ['id-shop']}, isUnreadable: true,
  plan: 'wait certificates  # on their files being readable', structure: {...CONFIGURED, own: ['id-shop']},
});

test('the loop looks again when the first certificate is due', (t) => {
  const {lookAgainAtMs} = planCertificates({routes: ['a.example.com of shop', 'b.example.com of shop'].map(route), ports: []}, ACME, world({issued: {'a.example.com': 60, 'b.example.com': 50}}));
  t.is(lookAgainAtMs, NOW_MS + 20 * DAY_MS);
});
