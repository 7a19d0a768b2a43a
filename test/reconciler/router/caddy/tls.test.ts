import test from 'ava';
import {issuerKey, redirectRoutes, renderOrderConfig, tlsApp} from '../../../../reconciler/router/caddy/tls.ts';
import {routerFiles} from '../../../../reconciler/router/files.ts';

const SETTINGS = {domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553};
const FILES = routerFiles({caddy: '/data/caddy', caddyShared: '/data/caddy', unbound: '/data/unbound', haproxy: '/data/haproxy'});
const DIRECTORY = 'https://acme.example.com/dir';

test('where nothing is said the internal authority certifies all hosts that the reconciler knows, and nothing is redirected', (t) => {
  t.deepEqual(tlsApp(SETTINGS, FILES, undefined), {automation: {on_demand: {ask: 'http://127.0.0.1:3580/internal/tls-ask'}, policies: [{issuers: [{module: 'internal'}], on_demand: true}]}});
  t.deepEqual(redirectRoutes(SETTINGS, FILES, undefined), []);
});

test('with an authority the internal one keeps its own domains, and neither account nor key is in what Caddy runs', (t) => {
  const {automation: {policies: [internal, acme]}} = tlsApp(SETTINGS, FILES, {directory: DIRECTORY, internal: ['corp.example.com'], own: []}) as {automation: {policies: [{subjects: string[]; issuers: unknown}, unknown]}};
  t.true(internal.subjects.includes('*.corp.example.com'));
  t.deepEqual(acme, {issuers: [{module: 'acme', ca: DIRECTORY, challenges: {bind_host: '127.0.0.1', http: {alternate_port: 80}, 'tls-alpn': {alternate_port: 443}}}], on_demand: true});
});

test('people\'s own certificates are files that are named after what is in them', (t) => {
  const {certificates} = tlsApp(SETTINGS, FILES, {internal: [], own: ['0123456789abcdef']}) as {certificates: unknown};
  t.deepEqual(certificates, {load_files: [{certificate: '/data/caddy/certificates/0123456789abcdef.crt', key: '/data/caddy/certificates/0123456789abcdef.key'}]});
});

test('HTTPS on a port of its own is redirected to with that port', (t) => {
  const tls = {internal: [], own: []};
  t.true(JSON.stringify(redirectRoutes(SETTINGS, FILES, tls)).includes('"https://{http.regexp.secure.1}{http.request.uri}"'));
  t.true(JSON.stringify(redirectRoutes({httpsPort: 8443}, FILES, tls)).includes('"https://{http.regexp.secure.1}:8443{http.request.uri}"'));
});

test('an order has its own process: no ports, no admin endpoint, and the account', (t) => {
  const acme = {directory: DIRECTORY, email: 'ops@example.com', eab: {keyId: 'kid-1', sealedKey: 'sealed'}, ca: 'pem'};
  t.deepEqual(renderOrderConfig(SETTINGS, FILES, {host: 'shop.example.com', acme, macKey: 'opened', caFile: '/data/ca.pem'}), {
    admin: {disabled: true, config: {persist: false}},
    storage: {module: 'file_system', root: '/data/caddy/storage'},
    logging: {logs: {default: {encoder: {format: 'json'}, level: 'INFO'}}},
    apps: {tls: {
      certificates: {automate: ['shop.example.com']},
      automation: {policies: [{renewal_window_ratio: 0.999, issuers: [{
        module: 'acme', ca: DIRECTORY, email: 'ops@example.com', external_account: {key_id: 'kid-1', mac_key: 'opened'}, trusted_roots_pem_files: ['/data/ca.pem'],
        challenges: {bind_host: '127.0.0.1', http: {alternate_port: 80}, 'tls-alpn': {alternate_port: 443}},
      }]}]},
    }},
  });
});

test('certificates are found where Caddy keeps those of a directory', (t) => {
  t.is(issuerKey('https://acme-v02.api.letsencrypt.org/directory'), 'acme-v02.api.letsencrypt.org-directory');
  t.is(issuerKey('https://localhost:14000/dir'), 'localhost-14000-dir');
  t.is(issuerKey('https://acme.example.com/acme/EAB/directory'), 'acme.example.com-acme-eab-directory');
});
