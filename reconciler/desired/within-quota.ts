import type {AppName, ServiceName} from '../../schemas/ids.ts';
import {allowanceInWords, NOTHING, QUOTA_FIELDS, scopesOf, usageOfCopy, type QuotaField, type Quotas, type QuotaScope, type Usage} from './quotas.ts';
import type {DesiredApp, DesiredService} from './state.ts';

/** Copies that run already, by app and service: a quota takes none of them away. */
export type Running = (app: AppName, service: ServiceName) => number;

/**
 * Lets those copies wait that are beyond a quota: what came in by force, or from a repository elsewhere. First come those that run, then all first
 * copies, then the second ones, so that every node computes the same. Apps that keep within are the same objects.
 */
export function withinQuota(apps: readonly DesiredApp[], quotas: Quotas, running: Running): readonly DesiredApp[] {
  const used = new Map<string, Usage>();
  const granted = new Map<DesiredService, number>();
  const refused = new Map<DesiredService, string>();
  const counted = new Set<string>();
  const slots = apps.flatMap((app) => (app.state === 'invalid' || app.isSuspended === true ? [] : app.services.flatMap((service) => Array.from({length: service.replicas}, (_, index) => ({app, service, slot: index + 1, isRunning: index < running(app.name, service.name)})))));
  for (const {app, service, isRunning} of slots.toSorted((a, b) => Number(b.isRunning) - Number(a.isRunning) || a.slot - b.slot)) {
    const scopes = scopesOf(quotas, app.name);
    const need = needOf(service, {isFirstOfApp: !counted.has(app.name), isFirstOfService: !granted.has(service)});
    const full = isRunning ? undefined : firstFull(scopes, need, used);
    if (full !== undefined) {
      if (!refused.has(service)) refused.set(service, `${allowanceInWords(full.scope, full.field)}${full.scope.kind === 'team' ? ' in all' : ''}`);
      continue;
    }
    for (const scope of scopes) used.set(keyOf(scope), sum(used.get(keyOf(scope)) ?? NOTHING, need));
    granted.set(service, (granted.get(service) ?? 0) + 1);
    counted.add(app.name);
  }
  return apps.map((app) => {
    if (app.state === 'invalid' || !app.services.some((service) => refused.has(service))) return app;
    return {...app, services: app.services.map((service): DesiredService => {
      const on = refused.get(service);
      const replicas = granted.get(service) ?? 0;
      return on === undefined ? service : {...service, replicas, unplaced: {replicas: service.replicas - replicas, on, isOverQuota: true}};
    })};
  });
}

function needOf(service: DesiredService, {isFirstOfApp, isFirstOfService}: {readonly isFirstOfApp: boolean; readonly isFirstOfService: boolean}): Usage {
  return {...usageOfCopy(service), apps: isFirstOfApp ? 1 : 0, volumes: isFirstOfService ? service.container.volumes?.length ?? 0 : 0};
}

function firstFull(scopes: readonly QuotaScope[], need: Usage, used: ReadonlyMap<string, Usage>): {readonly scope: QuotaScope; readonly field: QuotaField} | undefined {
  for (const scope of scopes) {
    const field = QUOTA_FIELDS.find((one) => need[one] > 0 && (used.get(keyOf(scope)) ?? NOTHING)[one] + need[one] > (scope.allowed[one] ?? Infinity));
    if (field !== undefined) return {scope, field};
  }
  return undefined;
}

function sum(one: Usage, other: Usage): Usage {
  return Object.fromEntries(QUOTA_FIELDS.map((field) => [field, one[field] + other[field]])) as Usage; // all fields are there
}

function keyOf({kind, name}: QuotaScope): string {
  return `${kind} ${name}`;
}
