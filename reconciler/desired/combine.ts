import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {claimInWords, claimKey} from '../../schemas/route-place.ts';
import {locateClaims, type AppFiles} from './app.ts';
import {appFile} from './folder.ts';
import type {NodeCapacity} from './nodes.ts';
import {place} from './place.ts';
import {hasQuotas, NO_QUOTAS, type Quotas} from './quotas.ts';
import type {DesiredApp, DesiredRoute, DesiredState, InvalidApp, ResolvedApp} from './state.ts';
import {findIdConflicts, locateIdConflict} from './id-conflicts.ts';
import {findTcpConflicts, type TcpConflict} from './tcp.ts';
import {withinQuota, type Running} from './within-quota.ts';

/** Two apps that claim one host and path. */
export interface RouteConflict {
  readonly app: AppName;
  readonly owner: AppName;
  readonly route: DesiredRoute;
  readonly message: string;
}

/** What a node adds to what the apps want. */
export interface NodeFacts extends Pick<DesiredState, 'system' | 'keptImages' | 'networks' | 'registry' | 'trustedProxies' | 'tls'> {
  /** All live ones. */
  readonly nodes: readonly NodeCapacity[];
  /** This one. */
  readonly me: string;
  /** What apps are known to have served last: whose claim is the older one. Absent: nothing is known. */
  readonly served?: readonly Served[];
  /** Absent: none. */
  readonly quotas?: Quotas;
  /** What runs already, which no quota takes away. Absent: nothing is known. */
  readonly running?: Running;
  /** Of apps in conflict. Absent: their first line is named. */
  readonly texts?: ReadonlyMap<AppName, AppFiles>;
}

/** The routes that an app has had, and its copies. */
export type Served = Pick<ResolvedApp, 'name' | 'id' | 'routes'> & Partial<Pick<ResolvedApp, 'services'>>;

/**
 * All apps together. An app that claims a route or a port that another one has becomes invalid: it keeps what it had,
 * and the owner is not disturbed.
 */
export function combine(commit: CommitId, apps: readonly DesiredApp[], {nodes, me, served = [], quotas = NO_QUOTAS, running = () => undefined, texts = new Map(), ...node}: NodeFacts): DesiredState {
  const sorted = withIdsOfTheirOwn(apps.toSorted(byName), served, texts);
  const conflicts = Map.groupBy(conflictsIn(sorted, served), ({app}) => app);
  const valid = sorted.map((app): DesiredApp => {
    const own = conflicts.get(app.name);
    if (own === undefined) return app;
    const files = texts.get(app.name);
    const problems = files === undefined ? own.map(({message}) => ({file: appFile(app.name), line: 1, column: 1, message})) : locateClaims(files, own);
    return asInvalid(app, problems);
  });
  const own = nodes.find(({node: name}) => name === me);
  return {commit, ...node, ...(own?.closed && {closed: {node: me, state: own.closed}}), ...place(hasQuotas(quotas) ? withinQuota(valid, quotas, running) : valid, nodes, me)};
}

/** Who would have another one's id has nothing, and who would lose his own keeps it. */
function withIdsOfTheirOwn(apps: readonly DesiredApp[], served: readonly Served[], texts: ReadonlyMap<AppName, AppFiles>): readonly DesiredApp[] {
  const conflicts = new Map(findIdConflicts(apps, served).map((conflict) => [conflict.app, conflict]));
  if (conflicts.size === 0) return apps;
  return apps.map((app) => {
    const conflict = conflicts.get(app.name);
    return conflict === undefined ? app : {...asInvalid(app, locateIdConflict(conflict, texts.get(app.name))), id: conflict.id};
  });
}

function asInvalid({name, id, treeId}: DesiredApp, problems: readonly Diagnostic[]): InvalidApp {
  return {state: 'invalid', name, ...(id !== undefined && {id}), treeId, problems};
}

/** Apps that claim what another one has: the texts of these are worth reading, to name the place. */
export function appsInConflict(apps: readonly DesiredApp[], served: readonly Served[]): ReadonlySet<AppName> {
  return new Set([...findIdConflicts(apps, served), ...conflictsIn(apps.toSorted(byName), served)].map(({app}) => app));
}

function conflictsIn(sorted: readonly DesiredApp[], served: readonly Served[]): readonly (RouteConflict | TcpConflict)[] {
  return [...findConflicts(sorted, served), ...findTcpConflicts(sorted.filter((app) => app.state === 'resolved'))];
}

/**
 * Who served a route before has it, as long as he wants it or is wrong about something else; else the app that a host is named after
 * (`shop` has `shop.<domain>`), else the first by name. An app with a conflict takes nothing, so one mistake makes one app invalid.
 */
export function findConflicts(apps: readonly DesiredApp[], served: readonly Served[]): readonly RouteConflict[] {
  const resolved = apps.filter((app) => app.state === 'resolved').toSorted(byName);
  const owners = new Map([
    ...resolved.flatMap((app) => app.routes.filter((route) => isNamedAfter(route, app)).map((route) => [claimKey(route), app.name] as const)),
    ...stillWanted(apps, served),
  ]);
  return resolved.flatMap((app) => {
    const conflicts = app.routes.flatMap((route) => {
      const owner = owners.get(claimKey(route));
      return owner === undefined || owner === app.name ? [] : [conflictOf(app.name, owner, route)];
    });
    if (conflicts.length === 0) for (const route of app.routes) owners.set(claimKey(route), app.name);
    return conflicts;
  });
}

/** Of what was served, the claims that their apps hold on to. Of two with the same one the first by name has it. */
function stillWanted(apps: readonly DesiredApp[], served: readonly Served[]): readonly (readonly [key: string, owner: AppName])[] {
  const byApp = new Map(apps.map((app) => [app.name, app.state === 'resolved' ? new Set(app.routes.map(claimKey)) : 'invalid'] as const));
  return served.toSorted((a, b) => (a.name < b.name ? 1 : -1)).flatMap(({name, routes}) => {
    const wanted = byApp.get(name);
    return routes.map(claimKey).filter((key) => wanted === 'invalid' || wanted?.has(key) === true).map((key) => [key, name] as const);
  });
}

function conflictOf(app: AppName, owner: AppName, route: DesiredRoute): RouteConflict {
  return {app, owner, route, message: `route "${claimInWords(route)}" of ${appFile(app)} belongs to the app "${owner}" already (${appFile(owner)})`};
}

function isNamedAfter({host}: DesiredRoute, {name}: ResolvedApp): boolean {
  return host.startsWith(`${name}.`);
}

function byName(a: DesiredApp, b: DesiredApp): number {
  return a.name < b.name ? -1 : 1;
}
