import type {AppRoutes, DomainAnswer, RouteAnswer} from '../../reconciler/api/route-answers.ts';
import {isRecord, type JsonObject} from '../../schemas/merge-patch.ts';
import {asFlags} from '../route-flags.ts';
import {table} from './table.ts';

const SERVICE_DEFAULT = 'web';

/** `flynn route`: names as they are typed, and what else was said of them as the flags that say it. */
export function routeTable(apps: readonly AppRoutes[], {isOfAll}: {readonly isOfAll: boolean}): readonly string[] {
  const rows = apps.flatMap(({app, routes}) => routes.map((route) => [...(isOfAll ? [app] : []), ...cells(route)]));
  return table([[...(isOfAll ? ['APP'] : []), 'ROUTE', 'SERVICE', ''], ...rows]);
}

function cells(answer: RouteAnswer): readonly string[] {
  return [answer.name, ledTo({...answer.route}), answer.kind === 'http' && answer.isDefault === true ? '(unless routes are set)' : asFlags(answer.kind, answer.route).join(' ')];
}

/** A service, several with their weights, or where clients are sent instead. */
function ledTo(route: JsonObject): string {
  const {service, services, redirect} = route;
  if (isRecord(services)) return Object.entries(services).map(([name, weight]) => `${name}=${String(weight)}`).join(' ');
  if (redirect !== undefined) return `→ ${isRecord(redirect) ? String(redirect['to']) : String(redirect)}`;
  return typeof service === 'string' ? service : SERVICE_DEFAULT;
}

/** `flynn domain`, as Heroku prints it. */
export function domainTable(domains: readonly DomainAnswer[]): readonly string[] {
  return table([['DOMAIN NAME', 'DNS RECORD TYPE', 'DNS TARGET'], ...domains.map(({host, record}) => [host, record?.type ?? '-', record?.target ?? '-'])]);
}
