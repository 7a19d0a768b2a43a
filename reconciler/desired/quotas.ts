import {CLUSTER_FILE} from './cluster.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {bytesOf, formatBytes} from '../../schemas/quantity.ts';
import type {QuotaManifest, TeamQuotaManifest} from '../../schemas/quota.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {DesiredApp, DesiredService} from './state.ts';

/** What quotas limit, in our units: cores in thousandths, sizes in bytes. `buildMinutes` are counted where builds are. */
export const QUOTA_FIELDS = ['apps', 'replicas', 'cpus', 'memory', 'volumes', 'buildMinutes'] as const;
export type QuotaField = (typeof QUOTA_FIELDS)[number];

/** Whom a quota is for. */
export interface QuotaScope {
  readonly kind: 'team' | 'app';
  readonly name: string;
  /** Where it is written, and the way to it there. */
  readonly file: string;
  readonly path: readonly string[];
  readonly allowed: Readonly<Partial<Record<QuotaField, number>>>;
}

export interface Quotas {
  /** Of teams, by their names. */
  readonly teams: ReadonlyMap<string, QuotaScope>;
  /** The team that an app counts for, by its name or by the beginning of it. */
  readonly owners: {readonly exact: ReadonlyMap<string, string>; /** Longest first. */ readonly prefixes: readonly (readonly [prefix: string, team: string])[]};
  readonly apps: ReadonlyMap<string, QuotaScope>;
  readonly default: QuotaScope | undefined;
}

export const NO_QUOTAS: Quotas = {teams: new Map(), owners: {exact: new Map(), prefixes: []}, apps: new Map(), default: undefined};

/** Quotas of teams and apps. Files that are wrong count for nothing here; of what is owned twice the first team by name has it. */
export function quotasOf(files: readonly ManifestFile[]): {readonly quotas: Quotas; readonly problems: readonly Diagnostic[]} {
  const problems: Diagnostic[] = [];
  const teams = new Map<string, QuotaScope>();
  const owners = new Map<string, string>();
  for (const file of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const team = /^teams\/([^/]+)\.yaml$/.exec(file.path)?.[1];
    // Each commit asks: most teams have neither, and need not be parsed for it.
    const loaded = team === undefined || file.kind === 'refused' || !/\b(owns|quota)\b/.test(file.text) ? undefined : loadManifest('Team', file.path, file.text);
    if (team === undefined || file.kind === 'refused' || loaded?.ok !== true) continue;
    const {owns = [], quota} = loaded.value;
    for (const [index, name] of owns.entries()) {
      const rival = owners.get(name);
      if (rival === undefined) owners.set(name, team);
      else problems.push(...locate([{path: ['owns', index], message: `"${name}" counts for the team "${rival}" already: an app has one owner`}], file.path, file.text));
    }
    if (quota !== undefined) teams.set(team, {kind: 'team', name: team, file: file.path, path: ['quota'], allowed: allowedBy(quota)});
  }
  const cluster = files.find(({path}) => path === CLUSTER_FILE);
  const manifest = cluster?.kind === 'text' && /\bquotas\b/.test(cluster.text) ? loadManifest('Cluster', CLUSTER_FILE, cluster.text) : undefined;
  const {default: all, apps = {}} = manifest?.ok === true ? manifest.value.quotas ?? {} : {};
  const scope = (name: string, path: readonly string[], quota: QuotaManifest): QuotaScope => ({kind: 'app', name, file: CLUSTER_FILE, path: ['quotas', ...path], allowed: allowedBy(quota)});
  const names = [...owners].filter(([name]) => !name.endsWith('*'));
  const prefixes = [...owners].filter(([name]) => name.endsWith('*')).map(([name, team]) => [name.slice(0, -1), team] as const);
  return {problems, quotas: {
    teams,
    owners: {exact: new Map(names), prefixes: prefixes.toSorted(([a], [b]) => b.length - a.length)},
    apps: new Map(Object.entries(apps).map(([name, quota]) => [name, scope(name, ['apps', name], quota)])),
    default: all === undefined ? undefined : scope('', ['default'], all),
  }};
}

export function hasQuotas({teams, apps, default: all}: Quotas): boolean {
  return teams.size + apps.size > 0 || all !== undefined;
}

/** The name wins over beginnings of names, and of these the longest. */
export function ownerOf({owners: {exact, prefixes}}: Quotas, app: string): string | undefined {
  return exact.get(app) ?? prefixes.find(([prefix]) => app.startsWith(prefix))?.[1];
}

/** Of the app, and of the team that it counts for. */
export function scopesOf(quotas: Quotas, app: string): readonly QuotaScope[] {
  const own = quotas.apps.get(app) ?? (quotas.default && {...quotas.default, name: app});
  const owner = ownerOf(quotas, app);
  const team = owner === undefined ? undefined : quotas.teams.get(owner);
  return [...(own === undefined ? [] : [own]), ...(team === undefined ? [] : [team])];
}

export type Usage = Readonly<Record<QuotaField, number>>;

/** What the manifests want, placed or not. Of one that is wrong or suspended nothing is known, or is to run. */
export function usageOf(app: DesiredApp): Usage {
  if (app.state === 'invalid') return {...NOTHING, apps: 1};
  const volumes = new Set(app.services.flatMap(({container}) => (container.volumes ?? []).map(({name}) => name))).size;
  if (app.isSuspended === true) return {...NOTHING, apps: 1, volumes};
  return app.services.reduce<Usage>((all, service) => {
    const copies = service.replicas + (service.unplaced?.replicas ?? 0);
    const one = usageOfCopy(service);
    return {...all, replicas: all.replicas + copies, cpus: all.cpus + copies * one.cpus, memory: all.memory + copies * one.memory};
  }, {...NOTHING, apps: 1, volumes});
}

export function usageOfCopy({container: {cpus, memoryBytes}}: DesiredService): Usage {
  return {...NOTHING, replicas: 1, cpus: Math.round(cpus * 1000), memory: memoryBytes};
}

export const NOTHING: Usage = {apps: 0, replicas: 0, cpus: 0, memory: 0, volumes: 0, buildMinutes: 0};

/** `9 replicas`, `2.5 cores`, `8Gi of memory` */
export function amountInWords(field: QuotaField, amount: number): string {
  const counted = (word: string) => `${amount} ${word}${amount === 1 ? '' : 's'}`;
  switch (field) {
    case 'apps': return counted('app');
    case 'replicas': return counted('replica');
    case 'cpus': return `${amount / 1000} ${amount === 1000 ? 'core' : 'cores'}`;
    case 'memory': return `${formatBytes(amount)} of memory`;
    case 'volumes': return counted('volume');
    case 'buildMinutes': return `${Math.round(amount * 10) / 10} minutes of builds`;
  }
}

/** `team web may have 8 replicas` */
export function allowanceInWords({kind, name, allowed}: QuotaScope, field: QuotaField): string {
  return `${kind === 'team' ? 'team ' : ''}${name} may have ${amountInWords(field, allowed[field] ?? 0)}`;
}

function allowedBy({memory, cpus, ...counts}: TeamQuotaManifest): QuotaScope['allowed'] {
  return {...counts, ...(cpus !== undefined && {cpus: Math.round(cpus * 1000)}), ...(memory !== undefined && {memory: bytesOf(memory)})};
}
