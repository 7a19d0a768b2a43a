import {X509Certificate} from 'node:crypto';
import {readdir, stat} from 'node:fs/promises';
import path from 'node:path';
import {readIfThere} from '../adapters/files.ts';
import type {Layout} from '../layout.ts';
import {issuerKey} from '../router/caddy/tls.ts';
import {routerFiles, type RouterFiles} from '../router/files.ts';
import type {IssuedCertificate, ObservedCertificates, OrderFailure} from './certified.ts';

/** Certificates are read again this often, in milliseconds, whoever may have changed them; those that were ordered are read at once. */
const READ_EVERY_MS = 10 * 60_000;

/** Looks at the files of certificates. What Caddy's storage has is remembered, as parsed as it is. */
export class CertificateObserver {
  readonly #files: RouterFiles;
  /** Of the authority in use; undefined: none is. */
  readonly #directory: () => string | undefined;
  #issued: {readonly directory: string; readonly folderMs: number; readonly readAtMs: number; readonly byHost: Map<string, IssuedCertificate>} | undefined;
  readonly #forgotten = new Set<string>();
  /** Changes with every name that comes or goes. */
  #stamp: string | undefined;
  readonly #failures = new Map<string, {readonly mtimeMs: number; readonly failure: OrderFailure}>();

  constructor({layout, directory}: {layout: Pick<Layout, 'caddy' | 'caddyShared' | 'unbound' | 'haproxy'>; directory: () => string | undefined}) {
    this.#files = routerFiles(layout);
    this.#directory = directory;
  }

  /** `nowMs`: milliseconds since 1970. Undefined: the files can't be read, which says nothing of what they have. */
  async observe(nowMs: number, signal: AbortSignal): Promise<ObservedCertificates | undefined> {
    try {
      this.#stamp = await this.#readStamp();
      const [own, redirected, failures, issued] = await Promise.all([namesIn(this.#files.ownCertificates), namesIn(this.#files.redirects), this.#readFailures(signal), this.#readIssued(nowMs, signal)]);
      const pairs = own.filter((name) => name.endsWith('.crt') && own.includes(name.replace(/crt$/, 'key')));
      return {own: new Set(pairs.map((name) => path.basename(name, '.crt'))), redirected: new Set(redirected), failures, issued};
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** False when the files that Caddy reads at any time are not as `observe` last saw them, by whoever's doing. */
  async isAsLeft(): Promise<boolean> {
    return this.#stamp === undefined || this.#stamp === await this.#readStamp();
  }

  /** What was known of this host's certificate is to be read again. */
  forget(host: string): void {
    this.#forgotten.add(host);
  }

  async #readStamp(): Promise<string> {
    const changed = await Promise.all([this.#files.ownCertificates, this.#files.redirects].map((folder) => stat(folder, {bigint: true}).then(({mtimeNs}) => String(mtimeNs), () => 'none')));
    return changed.join(' ');
  }

  async #readIssued(nowMs: number, signal: AbortSignal): Promise<ReadonlyMap<string, IssuedCertificate>> {
    const directory = this.#directory();
    if (directory === undefined) return new Map();
    const folder = path.join(this.#files.caddyStorage, 'certificates', issuerKey(directory));
    const folderMs = await stat(folder).then(({mtimeMs}) => mtimeMs, ifMissing(0));
    const known = this.#issued;
    const isFresh = known !== undefined && known.directory === directory && nowMs - known.readAtMs < READ_EVERY_MS;
    const byHost = isFresh ? known.byHost : new Map<string, IssuedCertificate>();
    const hosts = await this.#hostsToRead({folder, isSame: isFresh && known.folderMs === folderMs, byHost});
    for (const host of hosts) {
      // Before it is read: what is issued meanwhile is read again.
      const wasForgotten = this.#forgotten.delete(host);
      const certificate = await readCertificate(path.join(folder, host, `${host}.crt`), signal).catch((error: unknown) => {
        if (wasForgotten) this.#forgotten.add(host);
        throw error;
      });
      if (certificate === undefined) byHost.delete(host);
      else byHost.set(host, certificate);
    }
    this.#issued = {directory, folderMs, byHost, readAtMs: isFresh ? known.readAtMs : nowMs};
    return new Map(byHost);
  }

  /** Those that were forgotten, and new ones; what has gone is known no more. */
  async #hostsToRead({folder, isSame, byHost}: {readonly folder: string; readonly isSame: boolean; readonly byHost: Map<string, IssuedCertificate>}): Promise<readonly string[]> {
    if (isSame) return [...this.#forgotten];
    const hosts = await namesIn(folder);
    for (const host of byHost.keys()) if (!hosts.includes(host)) byHost.delete(host);
    return hosts.filter((host) => !byHost.has(host) || this.#forgotten.has(host));
  }

  async #readFailures(signal: AbortSignal): Promise<ReadonlyMap<string, OrderFailure>> {
    const names = (await namesIn(this.#files.orders)).filter((name) => name.endsWith(ENDING));
    for (const host of this.#failures.keys()) if (!names.includes(`${host}${ENDING}`)) this.#failures.delete(host);
    for (const name of names) {
      const host = name.slice(0, -ENDING.length);
      const file = path.join(this.#files.orders, name);
      const mtimeMs = await stat(file).then((found) => found.mtimeMs, ifMissing(0));
      if (this.#failures.get(host)?.mtimeMs === mtimeMs) continue;
      const failure = parsedFailure(await readIfThere(file, signal));
      if (failure === undefined) this.#failures.delete(host);
      else this.#failures.set(host, {mtimeMs, failure});
    }
    return new Map([...this.#failures].map(([host, {failure}]) => [host, failure]));
  }
}

const ENDING = '.failed';

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(ifMissing([]));
}

function ifMissing<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}

/** One that is being written, or is damaged, is none. */
async function readCertificate(file: string, signal: AbortSignal): Promise<IssuedCertificate | undefined> {
  const text = await readIfThere(file, signal);
  if (text === undefined) return undefined;
  try {
    const {issuer, validFrom, validTo} = new X509Certificate(text);
    return {issuer: /^CN=(.*)$/m.exec(issuer)?.[1] ?? /^O=(.*)$/m.exec(issuer)?.[1] ?? issuer, notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo)};
  } catch {
    return undefined;
  }
}

/** Written by us: one that is damaged says nothing, and the next order writes it anew. */
function parsedFailure(text: string | undefined): OrderFailure | undefined {
  try {
    return text === undefined ? undefined : JSON.parse(text) as OrderFailure;
  } catch {
    return undefined;
  }
}
