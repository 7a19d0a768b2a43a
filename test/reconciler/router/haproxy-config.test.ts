import test from 'ava';
import type {TcpStructure} from '../../../reconciler/observed/ports.ts';
import {routerFiles} from '../../../reconciler/router/files.ts';
import {backendName, markIn, ownerOfBackend, renderHaproxyConfig, tcpStructureOf} from '../../../reconciler/router/haproxy-config.ts';

const SETTINGS = {listen: '127.0.0.1', dnsPort: 3553};
const FILES = routerFiles({caddy: '/data/caddy', caddyShared: '/data/caddy', unbound: '/data/unbound', haproxy: '/data/haproxy'});
const STORE: TcpStructure = [{
  port: 5432,
  acceptProxyFrom: ['10.0.0.0/8'],
  backends: [{name: '_stream._tcp.db.store.flynn.internal', slots: 8, allow: ['192.0.2.0/24'], proxyProtocol: 'v2', idleTimeoutMs: 60_000}],
}];
const SHARED: TcpStructure = [{
  port: 443,
  backends: [
    {name: '_stream._tcp.db.cache.flynn.internal', slots: 8, sni: 'a.test', proxyProtocol: 'none', idleTimeoutMs: 1000},
    {name: '_stream._tcp.db.store.flynn.internal', slots: 16, sni: 'b.test', allow: ['10.0.0.0/8'], proxyProtocol: 'none', idleTimeoutMs: 2000},
  ],
}];

function portsOf(structure: TcpStructure): string {
  const text = renderHaproxyConfig(SETTINGS, FILES, structure);
  return text.slice(text.indexOf('\nfrontend')).trim();
}

test('a port with all its options', (t) => {
  t.is(portsOf(STORE), `frontend p5432
  bind 127.0.0.1:5432
  timeout client 60000ms
  tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }
  tcp-request content set-var(txn.refused) str(p5432_db.store) if !{ src 192.0.2.0/24 }
  tcp-request content reject if { var(txn.refused) -m found }
  default_backend p5432_db.store

backend p5432_db.store
  balance leastconn
  timeout server 60000ms
  server-template r 1-8 _stream._tcp.db.store.flynn.internal resolvers flynn resolve-prefer ipv4 init-addr last,none send-proxy-v2`);
});

test('a port that hosts share waits for the first bytes of TLS, and refuses other hosts', (t) => {
  t.is(portsOf(SHARED).split('\n\nbackend')[0], `frontend p443
  bind 127.0.0.1:443
  timeout client 2000ms
  tcp-request inspect-delay 5s
  tcp-request content set-var(txn.refused) str(p443_b.test_db.store) if { req.ssl_sni -i b.test } !{ src 10.0.0.0/8 }
  tcp-request content reject if { var(txn.refused) -m found }
  tcp-request content accept if { req.ssl_hello_type 1 }
  tcp-request content reject
  use_backend p443_a.test_db.cache if { req.ssl_sni -i a.test }
  use_backend p443_b.test_db.store if { req.ssl_sni -i b.test }`);
});

test('TLS of one host ends here for whoever comes, of several for those who ask for them', (t) => {
  const backend = (sni: string, id: string) => ({name: '_stream._tcp.db.store.flynn.internal', slots: 8, sni, certificate: {kind: 'own' as const, id}, allow: ['10.0.0.0/8'], proxyProtocol: 'none' as const, idleTimeoutMs: 1000});
  t.is(portsOf([{port: 5432, backends: [backend('a.test', 'one')]}]).split('\n\nbackend')[0], `frontend p5432
  bind 127.0.0.1:5432 ssl crt /data/haproxy/certificates/one.pem ssl-min-ver TLSv1.2
  timeout client 1000ms
  tcp-request content set-var(txn.refused) str(p5432_a.test_db.store) if !{ src 10.0.0.0/8 }
  tcp-request content reject if { var(txn.refused) -m found }
  default_backend p5432_a.test_db.store`);
  t.is(portsOf([{port: 5432, backends: [backend('a.test', 'one'), backend('b.test', 'two'), backend('c.test', 'two')]}]).split('\n\nbackend')[0], `frontend p5432
  bind 127.0.0.1:5432 ssl crt /data/haproxy/certificates/one.pem crt /data/haproxy/certificates/two.pem ssl-min-ver TLSv1.2 strict-sni
  timeout client 1000ms
  tcp-request content set-var(txn.refused) str(p5432_a.test_db.store) if { ssl_fc_sni -i a.test } !{ src 10.0.0.0/8 }
  tcp-request content reject if { var(txn.refused) -m found }
  use_backend p5432_a.test_db.store if { ssl_fc_sni -i a.test }
  tcp-request content set-var(txn.refused) str(p5432_b.test_db.store) if { ssl_fc_sni -i b.test } !{ src 10.0.0.0/8 }
  tcp-request content reject if { var(txn.refused) -m found }
  use_backend p5432_b.test_db.store if { ssl_fc_sni -i b.test }
  tcp-request content set-var(txn.refused) str(p5432_c.test_db.store) if { ssl_fc_sni -i c.test } !{ src 10.0.0.0/8 }
  tcp-request content reject if { var(txn.refused) -m found }
  use_backend p5432_c.test_db.store if { ssl_fc_sni -i c.test }`);
});

test('a file says what it was made for, and not when it was changed by hand or is for other settings', (t) => {
  const text = renderHaproxyConfig(SETTINGS, FILES, STORE);
  t.deepEqual(tcpStructureOf(text, SETTINGS, FILES), STORE);
  t.is(tcpStructureOf(`${text}frontend mine\n`, SETTINGS, FILES), undefined);
  t.is(tcpStructureOf(text, {...SETTINGS, listen: '0.0.0.0'}, FILES), undefined);
  t.is(tcpStructureOf('', SETTINGS, FILES), undefined);
});

test('every configuration has a mark of its own', (t) => {
  const marks = [[], STORE, SHARED, [...SHARED, ...STORE]].map((structure) => markIn(renderHaproxyConfig(SETTINGS, FILES, structure)));
  t.is(new Set(marks).size, 4);
  t.false(marks.includes(undefined));
});

test('what HAProxy calls replicas says whose they are', (t) => {
  const name = '_stream._tcp.db.store.flynn.internal';
  t.deepEqual(ownerOfBackend(backendName(5432, {name})), {service: 'db', app: 'store'} as never);
  t.deepEqual(ownerOfBackend(backendName(443, {name, sni: 'a-b.example.test'})), {service: 'db', app: 'store', sni: 'a-b.example.test'} as never);
  for (const other of ['p5432', '', '-', 'p5432_<NOSRV>']) t.is(ownerOfBackend(other), undefined);
});
