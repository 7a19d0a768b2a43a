import type {AppName, CommitId} from '../../schemas/ids.ts';
import {appFile} from './folder.ts';
import type {NodeCapacity} from './nodes.ts';
import {place} from './place.ts';
import type {DesiredApp, DesiredRoute, DesiredState, ResolvedApp} from './state.ts';
import {findTcpConflicts} from './tcp.ts';

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
}

/**
 * All apps together. An app that claims a host and path that another one has becomes invalid: it keeps what it had,
 * and the owner of the route is not disturbed.
 */
export function combine(commit: CommitId, apps: readonly DesiredApp[], {nodes, me, ...node}: NodeFacts): DesiredState {
  const sorted = apps.toSorted(byName);
  const conflicts = Map.groupBy([...findConflicts(sorted), ...findTcpConflicts(sorted.filter((app) => app.state === 'resolved'))], ({app}) => app);
  const valid = sorted.map((app): DesiredApp => {
    const own = conflicts.get(app.name);
    if (own === undefined) return app;
    const problems = own.map(({message}) => ({file: appFile(app.name), line: 1, column: 1, message}));
    return {state: 'invalid', name: app.name, treeId: app.treeId, problems};
  });
  return {commit, ...node, ...place(valid, nodes, me)};
}

/**
 * The app that a host is named after has it (`shop` has `shop.<domain>`, whoever else asks for it); else the first by name.
 * An app with a conflict takes nothing, so one mistake makes one app invalid.
 */
export function findConflicts(apps: readonly DesiredApp[]): readonly RouteConflict[] {
  const resolved = apps.filter((app) => app.state === 'resolved').toSorted(byName);
  const named = new Map(resolved.flatMap((app) => app.routes.filter((route) => isNamedAfter(route, app)).map((route) => [keyOf(route), app.name])));
  const taken = new Map<string, AppName>();
  return resolved.flatMap((app) => {
    const conflicts = app.routes.flatMap((route) => {
      const owner = named.get(keyOf(route)) ?? taken.get(keyOf(route));
      return owner === undefined || owner === app.name ? [] : [conflictOf(app.name, owner, route)];
    });
    if (conflicts.length === 0) for (const route of app.routes) taken.set(keyOf(route), app.name);
    return conflicts;
  });
}

function conflictOf(app: AppName, owner: AppName, route: DesiredRoute): RouteConflict {
  return {app, owner, route, message: `route "${keyOf(route)}" of ${appFile(app)} belongs to the app "${owner}" already (${appFile(owner)})`};
}

function isNamedAfter({host}: DesiredRoute, {name}: ResolvedApp): boolean {
  return host.startsWith(`${name}.`);
}

function keyOf({host, path}: DesiredRoute): string {
  return `${host}${path}`;
}

function byName(a: DesiredApp, b: DesiredApp): number {
  return a.name < b.name ? -1 : 1;
}
