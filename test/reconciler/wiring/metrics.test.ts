import test from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import {TcpCounters} from '../../../reconciler/logs/tcp-traffic.ts';
import {Traffic} from '../../../reconciler/logs/traffic.ts';
import {streamName} from '../../../reconciler/router/names.ts';
import {metricsDesk, type MetricsParts} from '../../../reconciler/wiring/metrics.ts';
import {ownerOfRequests} from '../../../reconciler/wiring/owner-of-requests.ts';

const SHOP = 'shop' as AppName;
const SIGNAL = new AbortController().signal;

function desk(change: Partial<MetricsParts> = {}) {
  const traffic = new Traffic();
  traffic.add({app: SHOP, replica: 'web.1', atMs: 0, status: 200, bytes: 1, bytesIn: 0, answerMs: 1});
  return metricsDesk({
    traffic, connections: new TcpCounters(), sinceMs: 0,
    replicaAt: (address) => ({'10.0.0.1': {app: SHOP, replica: 'web.1'}, '10.0.0.2': {app: SHOP, replica: 'web.2'}})[address],
    requestsInFlight: async () => new Map([['a-10-0-0-1._ip.flynn.internal.:8080', 2], ['a-10-0-0-2._ip.flynn.internal.:8080', 1], ['127.0.0.1:3580', 7]]),
    tcp: async () => undefined,
    ...change,
  });
}

test('what is open is told of each replica, of one that has answered nothing yet too', async (t) => {
  const {http, problems} = await desk().look(SIGNAL);
  t.deepEqual(http.map(({replica, requests, open}) => ({replica, requests, open})), [{replica: 'web.1', requests: 1, open: 2}, {replica: 'web.2', requests: 0, open: 1}]);
  t.deepEqual(problems, []);
});

test('a router that can not be asked has no figures of what is open, which is not 0, and the others stay', async (t) => {
  const {http, tcp, problems} = await desk({requestsInFlight: async () => Promise.reject(new Error('ENOENT')), tcp: async () => Promise.reject(new Error('silent'))}).look(SIGNAL);
  t.deepEqual(http.map(({requests, open}) => ({requests, open})), [{requests: 1, open: undefined}]);
  t.deepEqual(tcp, []);
  t.deepEqual(problems, ["Caddy can't be asked: ENOENT", "HAProxy can't be asked: silent"]);
});

test('TCP ports have the figures of their backends', async (t) => {
  const backend = {name: streamName('db', 'shop'), slots: 1, proxyProtocol: 'none', idleTimeoutMs: 1} as const;
  const counted = {connections: 5, open: 2, bytesIn: 10, bytesOut: 20, refused: 1};
  const connections = new TcpCounters();
  connections.add({app: SHOP, service: 'db', port: 5432, sni: 'b.test', replica: 'web.1', bytesIn: 1, bytesOut: 2, ending: {kind: 'over', end: 'closed'}});
  const openByAddress = new Map([['10.0.0.1', 1], ['10.0.0.2', 3], ['10.9.9.9', 7]]);
  const {tcp, tcpReplicas} = await desk({connections, tcp: async () => ({structure: [{port: 5432, backends: [{...backend, sni: 'a.test'}, {...backend, sni: 'b.test'}]}], traffic: new Map([['p5432_b.test_db.shop', {...counted, openByAddress}]])})}).look(SIGNAL);
  t.deepEqual(tcp as unknown, [{app: 'shop', service: 'db', port: 5432, sni: 'b.test', ...counted}]);
  t.deepEqual(tcpReplicas.map(({replica, connections: over, open}) => [replica, over, open]), [['web.1', 1, 1], ['web.2', 0, 3]]);
});

test('a request that no replica got is of whom its host and path are', (t) => {
  const owner = ownerOfRequests([
    {app: 'shop' as AppName, host: 'shop.test', path: '/'},
    {app: 'api' as AppName, host: 'shop.test', path: '/api'},
    {app: 'tenants' as AppName, host: '*.tenants.test', path: '/'},
    {app: 'vip' as AppName, host: '*.vip.tenants.test', path: '/only'},
    {app: 'rest' as AppName, host: '*', path: '/'},
  ]);
  t.deepEqual([
    ['shop.test', '/'], ['shop.test', '/apix'], ['shop.test', '/api?x'], ['shop.test', '/api/x'], ['a.tenants.test', '/'], ['a.b.tenants.test', '/'], ['a.vip.tenants.test', '/'], ['tenants.test', '/'],
  ].map(([host = '', path = '']) => owner(host, path)) as unknown, ['shop', 'shop', 'api', 'api', 'tenants', 'tenants', 'vip', 'rest']);
  t.is(ownerOfRequests([])('shop.test', '/'), undefined);
});
