import type {ObservedRouter} from '../observed/state.ts';
import type {RouteStructure, StructuredHost} from '../observed/structure.ts';
import type {RoutedPath} from './app.ts';
import type {Waiting} from './action.ts';

/**
 * Without what Caddy was seen to refuse: such a host stays as it was, or away, and keeps nobody else's routes from being changed. It is tried again when
 * anything about it is another.
 */
export function withoutRefused(structure: RouteStructure, routes: readonly RoutedPath[], router: ObservedRouter): {readonly structure: RouteStructure; readonly waiting: readonly Waiting[]} {
  const refused = router.state === 'ready' ? router.refused : undefined;
  const causes = structure.hosts.flatMap((host) => (refused?.has(JSON.stringify(host)) === true ? [[host, refused.get(JSON.stringify(host)) ?? ''] as const] : []));
  if (router.state !== 'ready' || causes.length === 0) return {structure, waiting: []};
  const isRefused = new Set<StructuredHost>(causes.map(([host]) => host));
  const hosts = structure.hosts.flatMap((host) => (isRefused.has(host) ? router.file?.hosts.filter((before) => before.host === host.host) ?? [] : [host]));
  const waiting = causes.map(([{host}, cause]): Waiting => {
    const app = routes.find((route) => route.host === host)?.app;
    return {...(app !== undefined && {app}), subject: `the routes of ${host}`, on: `a change of them that Caddy takes: ${cause}`};
  });
  return {structure: {...structure, hosts}, waiting};
}
