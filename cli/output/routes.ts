import type {AppRoutes, DomainAnswer, RouteAnswer} from '../../reconciler/api/route-answers.ts';
import {asFlags} from '../route-flags.ts';
import {table} from './table.ts';

const SERVICE_DEFAULT = 'web';

/** `flynn route`: names as they are typed, and what else was said of them as the flags that say it. */
export function routeTable(apps: readonly AppRoutes[], {isOfAll}: {readonly isOfAll: boolean}): readonly string[] {
  const rows = apps.flatMap(({app, routes}) => routes.map((route) => [...(isOfAll ? [app] : []), ...cells(route)]));
  return table([[...(isOfAll ? ['APP'] : []), 'ROUTE', 'SERVICE', ''], ...rows]);
}

function cells(answer: RouteAnswer): readonly string[] {
  const service = answer.route.service ?? SERVICE_DEFAULT;
  const flags = asFlags(answer.kind, answer.route).join(' ');
  return [answer.name, service, answer.kind === 'http' && answer.isDefault === true ? '(unless routes are set)' : flags];
}

/** `flynn domain`, as Heroku prints it. */
export function domainTable(domains: readonly DomainAnswer[]): readonly string[] {
  return table([['DOMAIN NAME', 'DNS RECORD TYPE', 'DNS TARGET'], ...domains.map(({host, record}) => [host, record?.type ?? '-', record?.target ?? '-'])]);
}
