import type {AppName, ServiceName} from '../../schemas/ids.ts';
import type {Problem} from '../../schemas/schema.ts';
import {hasPort, IDLE_TIMEOUT_SECONDS_DEFAULT, isSamePlace, placeOf, type TcpRouteManifest} from '../../schemas/tcp.ts';
import {appFile} from './folder.ts';
import type {DesiredService, DesiredTcpRoute, ResolvedApp} from './state.ts';

/** Those whose port is known. */
export function tcpRoutesOf(routes: readonly TcpRouteManifest[]): readonly DesiredTcpRoute[] {
  return routes.filter(hasPort).map(({port, service, sni, tls, proxyProtocol = 'none', acceptProxyProtocol, allow, idleTimeoutSeconds = IDLE_TIMEOUT_SECONDS_DEFAULT}) => ({
    port,
    service: service as ServiceName,
    ...(sni !== undefined && {sni}),
    ...(tls === 'terminate' && {tls}),
    proxyProtocol,
    ...(acceptProxyProtocol && {acceptProxyFrom: acceptProxyProtocol.toSorted()}),
    ...(allow && {allow: allow.toSorted()}),
    idleTimeoutMs: idleTimeoutSeconds * 1000,
  })).toSorted((a, b) => a.port - b.port || ((a.sni ?? '') < (b.sni ?? '') ? -1 : 1));
}

/** Services of routes that a port has to be chosen for. */
export function withoutPort(routes: readonly TcpRouteManifest[]): readonly ServiceName[] {
  return routes.filter((route) => !hasPort(route)).map(({service}) => service as ServiceName);
}

/** Ports that lead to services which are not there or listen nowhere. */
export function problemsOfTcpRoutes(routes: readonly TcpRouteManifest[], services: readonly DesiredService[]): readonly Problem[] {
  return routes.flatMap(({port, service: wanted}, index): Problem[] => {
    const path = ['tcp', index, 'service'];
    const service = services.find(({name}) => name === wanted);
    if (service === undefined) return [{path, message: `${nameOf(port)} leads to the service "${wanted}", which the app doesn't have: known are ${services.map(({name}) => name).join(', ') || 'none'}`}];
    if (service.container.facts.port === undefined) return [{path, message: `${nameOf(port)} leads to the service "${wanted}", which has no port: add \`port:\` to it`}];
    return [];
  });
}

function nameOf(port: number | undefined): string {
  return port === undefined ? 'a TCP port' : `port ${port}`;
}

/** An app that claims a port of another one. */
export interface TcpConflict {
  readonly app: AppName;
  readonly owner: AppName;
  readonly port: number;
  readonly message: string;
}

/** The first of the apps has a port; one with a conflict takes nothing, so one mistake makes one app invalid. */
export function findTcpConflicts(apps: readonly ResolvedApp[]): readonly TcpConflict[] {
  const taken: {readonly route: DesiredTcpRoute; readonly app: AppName}[] = [];
  return apps.flatMap(({name, tcp = []}) => {
    const conflicts = tcp.flatMap((route): TcpConflict[] => {
      const owner = taken.find((other) => isSamePlace(route, other.route))?.app;
      return owner === undefined ? [] : [{app: name, owner, port: route.port, message: `TCP ${placeOf(route)} of ${appFile(name)} belongs to the app "${owner}" already (${appFile(owner)})`}];
    });
    if (conflicts.length === 0) taken.push(...tcp.map((route) => ({route, app: name})));
    return conflicts;
  });
}
