import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {appFile} from './folder.ts';
import {allowanceInWords, amountInWords, QUOTA_FIELDS, scopesOf, usageOf, usageOfCopy, type QuotaField, type Quotas, type QuotaScope} from './quotas.ts';
import type {DesiredApp} from './state.ts';

/** One quota, and what counts for it. */
export interface Standing {
  readonly scope: QuotaScope;
  readonly field: QuotaField;
  readonly used: number;
  readonly allowed: number;
  /** Most first. */
  readonly by: readonly {readonly app: string; readonly amount: number}[];
}

/** All quotas but those of builds, sorted by whom they are for. */
export function standingsOf(quotas: Quotas, apps: readonly DesiredApp[]): readonly Standing[] {
  const scopes = new Map<string, {readonly scope: QuotaScope; readonly apps: DesiredApp[]}>();
  // A team without apps has its quota, too.
  for (const scope of quotas.teams.values()) scopes.set(keyOf(scope), {scope, apps: []});
  for (const app of apps) {
    for (const scope of scopesOf(quotas, app.name)) {
      const known = scopes.get(keyOf(scope)) ?? {scope, apps: []};
      known.apps.push(app);
      scopes.set(keyOf(scope), known);
    }
  }
  const usages = new Map(apps.map((app) => [app.name as string, usageOf(app)]));
  return [...scopes].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, {scope, apps: own}]) => QUOTA_FIELDS.flatMap((field): Standing[] => {
    const allowed = scope.allowed[field];
    if (allowed === undefined || field === 'buildMinutes') return [];
    const by = own.map(({name}) => ({app: name as string, amount: usages.get(name)?.[field] ?? 0})).filter(({amount}) => amount > 0).toSorted((a, b) => b.amount - a.amount);
    return [{scope, field, allowed, used: by.reduce((sum, {amount}) => sum + amount, 0), by}];
  }));
}

export interface Stock {
  readonly quotas: Quotas;
  readonly apps: readonly DesiredApp[];
}

/**
 * What is beyond its quota, and was not so before, or less. It is told where it is asked for, in each app that wants more than it had; where none does, at the
 * quota itself, which somebody wants to be lower. `before` absent: it is told at the quota.
 */
export function problemsOfQuotas({after, before, files}: {readonly after: Stock; readonly before: Stock | undefined; readonly files: readonly ManifestFile[]}): readonly Diagnostic[] {
  const earlier = new Map(before === undefined ? [] : standingsOf(before.quotas, before.apps).map((standing) => [`${keyOf(standing.scope)} ${standing.field}`, standing]));
  const amountsBefore = new Map((before?.apps ?? []).map((app) => [app.name as string, usageOf(app)]));
  const text = new Map(files.flatMap((file) => (file.kind === 'text' ? [[file.path, file.text] as const] : [])));
  return standingsOf(after.quotas, after.apps).flatMap((standing): Diagnostic[] => {
    const {scope, field, used, allowed, by} = standing;
    if (used <= allowed) return [];
    const old = earlier.get(`${keyOf(scope)} ${field}`);
    if (old !== undefined && old.used > old.allowed && used <= old.used && allowed >= old.allowed) return [];
    const grown = before === undefined ? [] : by.filter(({app, amount}) => amount > (amountsBefore.get(app)?.[field] ?? 0));
    if (grown.length > 0) {
      return grown.flatMap(({app, amount}): readonly Diagnostic[] => {
        const file = appFile(app as DesiredApp['name']);
        const others = by.filter((one) => one.app !== app);
        const message = `${amountInWords(field, amount)}: ${allowanceInWords(scope, field)}${scope.kind === 'team' ? ' in all' : ''}${othersInWords(field, others)}`;
        const written = text.get(file);
        return written === undefined ? [{file, line: 1, column: 1, message}] : locate([{path: placeIn(file, written, {app, field, apps: after.apps}), message}], file, written);
      });
    }
    const message = `${allowanceInWords(scope, field)}, and has ${amountInWords(field, used)}${scope.kind === 'team' ? `: ${by.slice(0, TOLD_MAX).map(({app, amount}) => `${app} ${shortly(field, amount)}`).join(', ')}${by.length > TOLD_MAX ? ', …' : ''}` : ''}`;
    const written = text.get(scope.file);
    return written === undefined ? [{file: scope.file, line: 1, column: 1, message}] : [...locate([{path: [...scope.path, field], message}], scope.file, written)];
  });
}

const TOLD_MAX = 3;

function othersInWords(field: QuotaField, others: Standing['by']): string {
  const [first] = others;
  if (first === undefined) return '';
  const sum = others.reduce((all, {amount}) => all + amount, 0);
  return `, and ${others.length === 1 ? first.app : `${others.length} others`} ${others.length === 1 ? 'has' : 'have'} ${shortly(field, sum)}`;
}

function shortly(field: QuotaField, amount: number): string {
  return amountInWords(field, amount).split(' ')[0] ?? '';
}

/** To the service that has the most of it. */
function placeIn(file: string, text: string, {app, field, apps}: {readonly app: string; readonly field: QuotaField; readonly apps: readonly DesiredApp[]}): readonly string[] {
  const resolved = apps.find(({name}) => name === app);
  if (resolved?.state !== 'resolved' || field === 'apps' || !loadManifest('App', file, text).ok) return [];
  const amountOf = (service: (typeof resolved.services)[number]) => (field === 'volumes' ? service.container.volumes?.length ?? 0 : service.replicas * usageOfCopy(service)[field]);
  const service = resolved.services.toSorted((a, b) => amountOf(b) - amountOf(a))[0];
  if (service === undefined) return [];
  const at = {replicas: ['replicas'], cpus: ['limits', 'cpus'], memory: ['limits', 'memory'], volumes: ['volumes'], buildMinutes: []}[field];
  return ['services', service.name, ...at];
}

function keyOf({kind, name}: QuotaScope): string {
  return `${kind} ${name}`;
}
