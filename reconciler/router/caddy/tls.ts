import type {DesiredAcme} from '../../desired/certificates-state.ts';
import type {TlsStructure} from '../../observed/structure.ts';
import type {CaddySettings} from './config.ts';
import type {Json} from './parts.ts';
import {exceptionEntry, internalPatterns, redirectEntry} from '../domains.ts';
import {ownCertificateFiles, type RouterFiles} from '../files.ts';

/** A host of a Host header, and what follows its first label. What has no file of its name is redirected nowhere. */
const FILE_HOST = '^([a-zA-Z0-9-]+((?:\\.[a-zA-Z0-9-]+)*))\\.?(?::[0-9]*)?$';

/**
 * Which certificates Caddy has. The internal authority's are made when they are first asked for, and the reconciler says for whom. Those by ACME are
 * only served: Caddy finds them in its storage, and proves there that hosts are ours; the orders are made by a process of their own
 * (`renderOrderConfig`), so that no visitor waits for one and a failed one is tried again by nobody but the plan.
 */
export function tlsApp({apiPort, ...settings}: CaddySettings, files: RouterFiles, tls: TlsStructure | undefined): Json {
  const internal = {issuers: [{module: 'internal'}], on_demand: true};
  const policies = tls?.directory === undefined ? [internal] : [
    {subjects: internalPatterns(tls.internal), ...internal},
    {issuers: [{module: 'acme', ca: tls.directory, challenges: challenges(settings)}], on_demand: true},
  ];
  const pairs = (tls?.own ?? []).map((id) => ownCertificateFiles(files, id));
  return {
    ...(pairs.length > 0 && {certificates: {load_files: pairs.map(({certificate, key}) => ({certificate, key}))}}),
    automation: {on_demand: {ask: `http://127.0.0.1:${apiPort}/internal/tls-ask`}, policies},
  };
}

/**
 * Sends requests over HTTP to HTTPS, of hosts that have a file of their name in a folder: which they are changes without a change of the
 * configuration, and 5,000 of them cost no more than one. Proofs for ACME are answered before any route.
 */
export function redirectRoutes({httpsPort}: Pick<CaddySettings, 'httpsPort'>, files: RouterFiles, tls: TlsStructure | undefined): readonly Json[] {
  if (tls === undefined) return [];
  const exists = (name: string): Json => ({file: {root: files.redirects, try_files: [`/${name}`]}});
  // By its own name, or by that of its wildcard.
  const isRedirected = {match: [exists(redirectEntry('{http.regexp.secure.1}')), {...exists(redirectEntry('*{http.regexp.secure.2}')) as object, not: [exists(exceptionEntry('{http.regexp.secure.1}'))]}]};
  const withHost = (protocol: 'http' | 'https', handle: Json): Json => ({
    match: [{protocol}],
    // One in the other: matchers side by side are asked in any order, and only these two belong together.
    handle: [{handler: 'subroute', routes: [{
      match: [{header_regexp: {Host: {name: 'secure', pattern: FILE_HOST}}}],
      handle: [{handler: 'subroute', routes: [handle]}],
    }]}],
  });
  const location = `https://{http.regexp.secure.1}${httpsPort === 443 ? '' : `:${httpsPort}`}{http.request.uri}`;
  return [
    withHost('http', {...isRedirected, handle: [{handler: 'static_response', status_code: 308, headers: {Location: [location]}}], terminal: true}),
    ...(tls.hsts === undefined ? [] : [withHost('https', {...isRedirected, handle: [{handler: 'headers', response: {deferred: true, set: {'Strict-Transport-Security': [tls.hsts]}}}]})]),
  ];
}

/** Of its whole time. */
const ALWAYS_RENEWED = 0.999;

export interface Order {
  readonly host: string;
  readonly acme: DesiredAcme;
  /** Of `acme.eab`, opened. */
  readonly macKey?: string;
  /** Where `acme.ca` stands. */
  readonly caFile: string;
}

/** What a process of Caddy runs that does nothing but get one certificate. The Caddy that has the ports answers for it, from the storage of both. */
export function renderOrderConfig(settings: CaddySettings, files: RouterFiles, {host, acme, macKey, caFile}: Order): Json {
  const {directory, email, eab, ca} = acme;
  return {
    admin: {disabled: true, config: {persist: false}},
    storage: storage(files),
    logging: {logs: {default: {encoder: {format: 'json'}, level: 'INFO'}}},
    apps: {tls: {
      certificates: {automate: [host]},
      // Whether it is time for a new one the plan has said: one that is there does not count.
      automation: {policies: [{renewal_window_ratio: ALWAYS_RENEWED, issuers: [{
        module: 'acme',
        ca: directory,
        ...(email !== undefined && {email}),
        ...(eab !== undefined && macKey !== undefined && {external_account: {key_id: eab.keyId, mac_key: macKey}}),
        ...(ca !== undefined && {trusted_roots_pem_files: [caFile]}),
        challenges: challenges(settings),
      }]}]},
    }},
  };
}

/** All nodes can share it: its locks are files. */
export function storage(files: RouterFiles): Json {
  return {module: 'file_system', root: files.caddyStorage};
}

/** Folder of an authority's certificates in Caddy's storage, by its directory: certmagic 0.17, `IssuerKey` and `StorageKeys.Safe`. */
export function issuerKey(directory: string): string {
  const {host, pathname} = new URL(directory);
  const path = pathname.replaceAll('/', '-').replace(/^-+/, '');
  return `${host}${path === '' ? '' : `-${path}`}`.toLowerCase().replaceAll(' ', '_').replaceAll('+', '_plus_').replaceAll(':', '-').replaceAll('..', '').replaceAll(/[^\w@.-]/g, '');
}

function challenges({listen, httpPort, httpsPort}: Pick<CaddySettings, 'listen' | 'httpPort' | 'httpsPort'>): Json {
  return {bind_host: listen, http: {alternate_port: httpPort}, 'tls-alpn': {alternate_port: httpsPort}};
}
