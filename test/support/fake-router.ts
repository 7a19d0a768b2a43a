import {ConfigRefused, type CaddyAdmin} from '../../reconciler/adapters/caddy.ts';
import type {UnboundControl} from '../../reconciler/adapters/unbound.ts';

/** A Caddy in memory: it runs any configuration whose outermost names it knows, and proxies nothing. It has to pass `caddy-contract.ts`, as the real one does. */
export class FakeCaddy implements CaddyAdmin {
  /** What it starts from, and what it runs. Tests may change it "by hand". */
  running: unknown = null;
  isDown = false;
  /** By `host:port` of the upstream, as Caddy names them. */
  readonly inFlight = new Map<string, number>();
  /** How many configurations were loaded that differed from the one before: each costs all websockets. */
  changes = 0;

  async config(signal: AbortSignal): Promise<unknown> {
    this.#assertUp(signal);
    return structuredClone(this.running);
  }

  async mark(signal: AbortSignal): Promise<string> {
    this.#assertUp(signal);
    return JSON.stringify(this.running);
  }

  async isReady(signal: AbortSignal): Promise<boolean> {
    this.#assertUp(signal);
    return this.running !== null;
  }

  async load(config: unknown, signal: AbortSignal): Promise<void> {
    this.#assertUp(signal);
    assertKnown('the configuration', config, TOP_LEVEL);
    assertKnown('its apps', config.apps ?? {}, APPS);
    const next = JSON.stringify(inOrder(config));
    if (next !== JSON.stringify(this.running)) this.changes += 1;
    this.running = JSON.parse(next);
  }

  async requestsInFlight(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    this.#assertUp(signal);
    return new Map(this.inFlight);
  }

  #assertUp(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.isDown) throw new Error('the fake Caddy is down');
  }
}

/** What we use of Caddy's own; the modules in them are not looked at. */
const TOP_LEVEL = ['admin', 'logging', 'storage', 'apps'];
const APPS = ['http', 'tls', 'pki'];

/** Go gives fields back by name, not as they came. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, inOrder(one)]));
}

function assertKnown(what: string, value: unknown, known: readonly string[]): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ConfigRefused(`the fake Caddy wants an object as ${what}`);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new ConfigRefused(`the fake Caddy does not know "${unknown.join('", "')}" in ${what}`);
}

/** An unbound in memory: local zones and their records, without DNS. */
export class FakeUnbound implements UnboundControl {
  readonly zones = new Map<string, string>();
  /** Lines in zone file format. Tests may change them "by hand". */
  records: string[] = [];
  isDown = false;

  async listRecords(signal: AbortSignal): Promise<readonly string[]> {
    this.#assertUp(signal);
    return [...this.records];
  }

  async addRecords(records: readonly string[], signal: AbortSignal): Promise<void> {
    this.#assertUp(signal);
    for (const record of records) {
      // Below the root zone, which is of type redirect, records need a zone of their own: unbound refuses them as well.
      if (!this.zones.has(nameOf(record))) throw new Error(`the fake unbound has no zone for "${record}"`);
      if (!this.records.includes(record)) this.records.push(record);
    }
  }

  async removeRecords(names: readonly string[], signal: AbortSignal): Promise<void> {
    this.#assertUp(signal);
    this.records = this.records.filter((record) => !names.includes(nameOf(record)));
  }

  async addZones(zones: readonly string[], signal: AbortSignal): Promise<void> {
    this.#assertUp(signal);
    for (const zone of zones) this.zones.set(nameOf(zone), zone);
  }

  async removeZones(names: readonly string[], signal: AbortSignal): Promise<void> {
    await this.removeRecords(names, signal);
    for (const name of names) this.zones.delete(name);
  }

  async resolveText(name: string, signal: AbortSignal): Promise<string | undefined> {
    this.#assertUp(signal);
    return this.records.find((record) => nameOf(record) === `${name}.` && record.includes(' TXT '))?.match(/"(.*)"/)?.[1];
  }

  /** As a restart does: forgets everything that is not in the file. */
  restart(file: string): void {
    const words = (key: string, quote: string) => [...file.matchAll(new RegExp(`${key}: ${quote}(.*?)${quote}(.*)`, 'g'))];
    this.zones.clear();
    for (const name of OWN_ZONES) this.zones.set(name, `${name} static`);
    for (const [, name = '', type = ''] of words('local-zone', '"')) this.zones.set(name, `${name}${type}`);
    this.records = words('local-data', "'").map(([, record = '']) => record);
  }

  constructor() {
    this.restart('');
  }

  #assertUp(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.isDown) throw new Error('the fake unbound is down');
  }
}

/** In the part of unbound's configuration that is not rewritten. */
const OWN_ZONES = ['_generation.flynn.internal.', '.'];

function nameOf(record: string): string {
  return record.split(' ', 1)[0] ?? '';
}
