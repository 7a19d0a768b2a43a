import type {AppName, ServiceName} from '../../schemas/ids.ts';
import {appFile} from './folder.ts';
import {allowanceInWords, NOTHING, QUOTA_FIELDS, scopesOf, usageOfCopy, type QuotaField, type Quotas, type QuotaScope, type Usage} from './quotas.ts';
import type {DesiredApp, DesiredService, ResolvedApp} from './state.ts';

/** A service as it runs already, with so many copies: a quota takes none of them away. Undefined: it does not run. */
export type Running = (app: AppName, service: ServiceName) => DesiredService | undefined;

/**
 * Keeps what came in by force, or from a repository elsewhere, within quotas. Copies beyond them wait: those that run come first, then all first copies, then the
 * second ones, so that every node computes the same. An app whose running copies are to become larger than a quota allows is invalid, and keeps what it has.
 * Apps that keep within are the same objects.
 */
export function withinQuota(apps: readonly DesiredApp[], quotas: Quotas, running: Running): readonly DesiredApp[] {
  const books = new Books(quotas);
  const active = apps.filter((app) => app.state === 'resolved' && app.isSuspended !== true) as readonly ResolvedApp[]; // just looked at
  const copiesOf = (app: ResolvedApp, service: DesiredService) => Math.min(service.replicas, running(app.name, service.name)?.replicas ?? 0);
  const growing = active.filter((app) => app.services.some((service) => isLarger(service, running(app.name, service.name))));
  for (const app of active.filter((one) => !growing.includes(one))) for (const service of app.services) for (let copy = 0; copy < copiesOf(app, service); copy += 1) books.add(app, service);
  const refused = new Map<string, string>();
  for (const app of growing) {
    const mark = books.mark();
    const full = app.services.flatMap((service) => Array.from({length: copiesOf(app, service)}, () => service)).map((service) => books.tryToAdd(app, service)).find((one) => one !== undefined);
    if (full === undefined) continue;
    books.backTo(mark);
    refused.set(app.name, full);
    for (const service of app.services) for (let copy = 0; copy < copiesOf(app, service); copy += 1) books.add(app, running(app.name, service.name) ?? service);
  }

  const waiting = new Map<DesiredService, string>();
  const more = active.filter(({name}) => !refused.has(name)).flatMap((app) => app.services.flatMap((service) => Array.from({length: service.replicas - copiesOf(app, service)}, (_, index) => ({app, service, slot: copiesOf(app, service) + index + 1}))));
  // Sorted by name already, and sorting is stable.
  for (const {app, service} of more.toSorted((a, b) => a.slot - b.slot)) {
    const full = books.tryToAdd(app, service);
    if (full !== undefined && !waiting.has(service)) waiting.set(service, full);
  }
  return apps.map((app): DesiredApp => {
    const why = refused.get(app.name);
    if (why !== undefined) return {state: 'invalid', name: app.name, treeId: app.treeId, problems: [{file: appFile(app.name), line: 1, column: 1, message: `over quota: ${why}`}]};
    if (app.state === 'invalid' || !app.services.some((service) => waiting.has(service))) return app;
    return {...app, services: app.services.map((service): DesiredService => {
      const on = waiting.get(service);
      const replicas = books.copies(service);
      return on === undefined ? service : {...service, replicas, unplaced: {replicas: service.replicas - replicas, on, isOverQuota: true}};
    })};
  });
}

function isLarger(service: DesiredService, before: DesiredService | undefined): boolean {
  return before !== undefined && before.replicas > 0 && (service.container.memoryBytes > before.container.memoryBytes || service.container.cpus > before.container.cpus);
}

interface Mark {
  readonly used: ReadonlyMap<string, Usage>;
  readonly granted: ReadonlyMap<DesiredService, number>;
  readonly apps: ReadonlySet<string>;
}

/** What has been given away so far. */
class Books {
  readonly #quotas: Quotas;
  #used = new Map<string, Usage>();
  #granted = new Map<DesiredService, number>();
  #apps = new Set<string>();

  constructor(quotas: Quotas) {
    this.#quotas = quotas;
  }

  copies(service: DesiredService): number {
    return this.#granted.get(service) ?? 0;
  }

  mark(): Mark {
    return {used: new Map(this.#used), granted: new Map(this.#granted), apps: new Set(this.#apps)};
  }

  backTo({used, granted, apps}: Mark): void {
    [this.#used, this.#granted, this.#apps] = [new Map(used), new Map(granted), new Set(apps)];
  }

  /** Whatever is allowed. */
  add({name}: ResolvedApp, service: DesiredService): void {
    const need = this.#needOf(name, service);
    for (const scope of scopesOf(this.#quotas, name)) this.#used.set(keyOf(scope), sum(this.#used.get(keyOf(scope)) ?? NOTHING, need));
    this.#granted.set(service, this.copies(service) + 1);
    this.#apps.add(name);
  }

  /** What is allowed, when it is not; then nothing is added. */
  tryToAdd(app: ResolvedApp, service: DesiredService): string | undefined {
    const need = this.#needOf(app.name, service);
    const isFull = (scope: QuotaScope, field: QuotaField) => need[field] > 0 && (this.#used.get(keyOf(scope)) ?? NOTHING)[field] + need[field] > (scope.allowed[field] ?? Infinity);
    for (const scope of scopesOf(this.#quotas, app.name)) {
      const field = QUOTA_FIELDS.find((one) => isFull(scope, one));
      if (field !== undefined) return `${allowanceInWords(scope, field)}${scope.kind === 'team' ? ' in all' : ''}`;
    }
    this.add(app, service);
    return undefined;
  }

  #needOf(app: AppName, service: DesiredService): Usage {
    return {...usageOfCopy(service), apps: this.#apps.has(app) ? 0 : 1, volumes: this.#granted.has(service) ? 0 : service.container.volumes?.length ?? 0};
  }
}

function sum(one: Usage, other: Usage): Usage {
  return Object.fromEntries(QUOTA_FIELDS.map((field) => [field, one[field] + other[field]])) as Usage; // all fields are there
}

function keyOf({kind, name}: QuotaScope): string {
  return `${kind} ${name}`;
}
