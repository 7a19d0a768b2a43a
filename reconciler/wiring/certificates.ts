import path from 'node:path';
import {rm} from 'node:fs/promises';
import type {AppName} from '../../schemas/ids.ts';
import {readIfThere} from '../adapters/files.ts';
import type {Engine} from '../adapters/engine.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {orderCertificate, publishRedirects, removeCertificate, writeCertificate, type CertificateWorld} from '../apply/certificates.ts';
import type {World} from '../apply/executors.ts';
import type {DesiredCertificate, DesiredTls} from '../desired/certificates-state.ts';
import type {Layout} from '../layout.ts';
import type {PassReport} from '../loop.ts';
import type {CertificateDesk, CertificateStatus} from '../node.ts';
import {CertificateObserver} from '../observed/certificates.ts';
import type {ObservedCertificates} from '../observed/certified.ts';
import {authorityOf, covers, redirectEntry, servedFor} from '../router/domains.ts';
import {orderFiles, routerFiles} from '../router/files.ts';
import type {NodeSettings} from '../settings.ts';
import type {EventLog} from '../status/events.ts';

export interface CertificateParts {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly engine: Pick<Engine, 'exec'>;
  readonly events: Pick<EventLog, 'add'>;
  openSecret(sealed: string): Promise<string>;
  /** Of the authority that is asked now. */
  directory(): string | undefined;
  wake(): void;
}

type Seen = NonNullable<PassReport['seen']>;

const DAY_MS = 24 * 60 * 60_000;
/** The end of one of people's own certificates is told of when so many days are left. */
const TOLD_DAYS: readonly number[] = [1, 7, 14, 30];
/** Where the internal authority's own is in Caddy's storage. */
const ROOT = ['pki', 'authorities', 'local', 'root.crt'];

/** Certificates of hosts: what the pass sees and does of them, and what people may know. */
export class Certificates implements CertificateDesk {
  readonly observer: CertificateObserver;
  readonly executors: World['certificates'];
  readonly #parts: CertificateParts;
  #seen: Seen | undefined;
  #hosts: {readonly of: Seen; readonly byHost: ReadonlyMap<string, AppName | undefined>} | undefined;
  #notices: {readonly of: Seen; readonly byApp: ReadonlyMap<AppName | undefined, readonly CertificateStatus[]>} | undefined;
  readonly #told = new Map<string, string>();

  constructor(parts: CertificateParts) {
    this.#parts = parts;
    this.observer = new CertificateObserver({layout: parts.layout, directory: () => parts.directory()});
    const world: CertificateWorld = {
      settings: parts.settings, layout: parts.layout, engine: parts.engine,
      openSecret: (sealed) => parts.openSecret(sealed),
      onIssued: (host) => this.observer.forget(host),
    };
    this.executors = {
      write: (certificate, signal) => writeCertificate(certificate, world, signal),
      remove: (id) => removeCertificate(id, world),
      order: (wanted, signal) => orderCertificate(wanted, world, signal),
      publishRedirects: (entries) => publishRedirects(entries, world),
    };
  }

  /** Called after each pass. */
  see({seen}: PassReport): void {
    if (seen === undefined) return;
    this.#seen = seen;
    const nowMs = seen.observed.nowMs;
    for (const certificate of seen.desired.tls?.certificates ?? []) this.#tellOfEnd(certificate, nowMs);
  }

  mayBeCertified(host: string): boolean {
    const seen = this.#seen;
    if (seen === undefined) return false;
    const {tls} = seen.desired;
    // Those of ACME are ordered by a process of its own: a visitor never makes an order.
    if (tls?.acme !== undefined && authorityOf(host, tls.internal) !== 'internal') return false;
    const hosts = this.#hostsOf(seen);
    return hosts.has(host) || covers([...hosts.keys()].filter((one) => one.startsWith('*.')), host);
  }

  isRedirected(host: string): boolean {
    return isRedirected(host, this.#seen?.observed.certificates);
  }

  list(): readonly CertificateStatus[] {
    const seen = this.#seen;
    if (seen === undefined) return [];
    const {desired: {tls}, observed: {certificates, nowMs}} = seen;
    const own = tls?.certificates ?? [];
    return [
      ...own.map((certificate) => ownStatus(certificate, nowMs)),
      ...[...this.#hostsOf(seen)].map(([host, app]) => hostStatus({host, app}, tls, certificates)),
    ].toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : 0));
  }

  notices(app?: AppName): readonly string[] {
    const seen = this.#seen;
    if (seen?.desired.tls === undefined) return [];
    if (this.#notices?.of !== seen) this.#notices = {of: seen, byApp: Map.groupBy(this.list().filter(({problem}) => problem !== undefined), (status) => status.app)};
    return (this.#notices.byApp.get(app) ?? []).map(({host, problem}) => `certificate of ${host}: ${problem}`);
  }

  async root(signal: AbortSignal): Promise<string | undefined> {
    return readIfThere(path.join(routerFiles(this.#parts.layout).caddyStorage, ...ROOT), signal);
  }

  async retry(host: string): Promise<void> {
    if (this.#seen?.observed.certificates?.failures.has(host) !== true) throw new EditRefused(`no order for "${host}" has failed: flynn cert lists what became of them`);
    await rm(orderFiles(routerFiles(this.#parts.layout), host).failed, {force: true});
    this.#parts.wake();
  }

  /** All hosts that somebody has, and whose they are: what serves counts as well as what is wanted. */
  #hostsOf(seen: Seen): ReadonlyMap<string, AppName | undefined> {
    if (this.#hosts?.of !== seen) {
      const {desired, observed} = seen;
      const byHost = new Map<string, AppName | undefined>((desired.tls?.platformHosts ?? ['git', 'api'].map((name) => `${name}.${this.#parts.settings.domain}`)).map((host) => [host, undefined]));
      for (const app of [...desired.apps, ...[...observed.journal.values()].flatMap(({lastGood}) => lastGood ?? [])]) {
        if (app.state === 'resolved') for (const {host} of app.routes) byHost.set(host, app.name);
      }
      this.#hosts = {of: seen, byHost};
    }
    return this.#hosts.byHost;
  }

  /** Once for each of the days, and again when it has ended. */
  #tellOfEnd({name, hosts, notAfterMs, problem}: DesiredCertificate, nowMs: number): void {
    const left = notAfterMs - nowMs;
    const days = TOLD_DAYS.find((day) => left <= day * DAY_MS);
    const key = problem ?? (left <= 0 ? 'ended' : days === undefined ? '' : `${days}`);
    if (this.#told.get(name) === key) return;
    this.#told.set(name, key);
    if (key === '') return;
    this.#parts.events.add({kind: problem === undefined ? 'certificate-ends' : 'certificate-unusable', message: `certificate ${name}${hosts.length === 0 ? '' : ` (${hosts.join(', ')})`} ${problem ?? endIn(left)}`});
  }
}

function isRedirected(host: string, seen: ObservedCertificates | undefined): boolean {
  return seen?.redirected.has(redirectEntry(host)) ?? false;
}

function endIn(leftMs: number): string {
  if (leftMs <= 0) return 'has ended: browsers refuse it';
  const days = Math.floor(leftMs / DAY_MS);
  return `ends in ${days === 0 ? 'less than a day' : `${days} day${days === 1 ? '' : 's'}`}`;
}

function ownStatus({name, hosts, issuer, notAfterMs, problem}: DesiredCertificate, nowMs: number): CertificateStatus {
  const left = notAfterMs - nowMs;
  const trouble = problem ?? (left <= Math.max(...TOLD_DAYS) * DAY_MS ? endIn(left) : undefined);
  return {
    host: hosts.length === 0 ? name : hosts.join(' '), source: 'own', name,
    ...(hosts.length > 0 && {issuer, notAfter: new Date(notAfterMs).toISOString()}),
    ...(trouble !== undefined && {problem: trouble}),
  };
}

function hostStatus({host, app}: {readonly host: string; readonly app: AppName | undefined}, tls: DesiredTls | undefined, seen: ObservedCertificates | undefined): CertificateStatus {
  const base = {host, ...(app !== undefined && {app}), ...(isRedirected(host, seen) && {isRedirected: true} as const)};
  const own = servedFor(host, tls?.certificates.filter(({problem}) => problem === undefined) ?? []);
  if (own !== undefined) return {...base, source: 'own', name: own.name, issuer: own.issuer, notAfter: new Date(own.notAfterMs).toISOString()};
  const authority = tls?.acme === undefined ? 'internal' : authorityOf(host, tls.internal);
  if (authority === 'none') return {...base, source: 'none', problem: 'nobody can certify it: add one of your own'};
  if (authority === 'internal') return {...base, source: 'internal', issuer: 'the cluster\'s own authority'};
  const issued = seen?.issued.get(host);
  const failure = seen?.failures.get(host);
  return {
    ...base, source: 'acme',
    ...(issued && {issuer: issued.issuer, notAfter: new Date(issued.notAfterMs).toISOString()}),
    ...(failure && failure.directory === tls?.acme?.directory ? {problem: `${failure.failures === 1 ? 'the last order' : `${failure.failures} orders`} failed: ${failure.cause}`} : issued === undefined ? {problem: 'it is being ordered'} : {}),
  };
}
