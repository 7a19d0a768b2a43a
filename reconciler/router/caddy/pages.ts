import type {AppName} from '../../../schemas/ids.ts';
import type {ErrorPages} from '../../desired/state.ts';
import type {PagesOfApp, StructuredHost} from '../../observed/structure.ts';
import {exactMatchers, hostMatcher} from './matchers.ts';
import {answer, literal, type Json} from './parts.ts';
import {isWildcard, NOWHERE_NAME} from '../names.ts';
import {FORBIDDEN_PAGE, MAINTENANCE_PAGE, NO_ANSWER_PAGE, NO_SUCH_PATH_PAGE, PASSWORD_PAGE, TOO_LARGE_PAGE, UNAVAILABLE_PAGE} from './page-texts.ts';

/** When clients may come again. Nobody knows when it ends. */
const MAINTENANCE_RETRY_SECONDS = 60;
const UNAVAILABLE_RETRY_SECONDS = 1;

/** Of what the router itself says, by status; others say that the app does not answer. */
const STANDARD: Readonly<Record<number, string>> = {401: PASSWORD_PAGE, 403: FORBIDDEN_PAGE, 404: NO_SUCH_PATH_PAGE, 413: TOO_LARGE_PAGE, 504: NO_ANSWER_PAGE};

/** Nothing could be connected to: the name without replicas leads nowhere, which Caddy takes for a gateway that failed. */
const IS_UNAVAILABLE: Json = {expression: `{http.reverse_proxy.upstream.host} == "${NOWHERE_NAME}." || {http.error.status_code} == 503`};

/** Before everything else that a path does: whose pages are answered should something go wrong. */
export function markPages(app: AppName | undefined): readonly Json[] {
  return app === undefined ? [] : [{handler: 'vars', app}];
}

/** What is answered in place of an error. Apps' own pages are told from each other by what `markPages` left. */
export function errorRoutes(pages: readonly PagesOfApp[]): readonly Json[] {
  const own = pages.flatMap(({app, errorPages}) => statusesOf(errorPages).map(([status, text]) => ({
    match: [{vars: {page: [`${app} ${status}`]}}],
    handle: [answer(Number(status), literal(text), retryAfter(Number(status)))],
    terminal: true,
  })));
  return [
    ...(own.length === 0 ? [] : [
      {handle: [{handler: 'vars', page: '{http.vars.app} {http.error.status_code}'}]},
      {match: [IS_UNAVAILABLE], handle: [{handler: 'vars', page: '{http.vars.app} 503'}]},
      ...own,
    ]),
    {match: [IS_UNAVAILABLE], handle: [answer(503, UNAVAILABLE_PAGE, retryAfter(503))], terminal: true},
    ...Object.entries(STANDARD).map(([status, page]) => ({match: [{vars: {'{http.error.status_code}': [status]}}], handle: [answer(Number(status), page)], terminal: true})),
    {handle: [answer('{http.error.status_code}', UNAVAILABLE_PAGE)]},
  ];
}

/** What a host answers in place of the standard page when none of its paths fits: the page of the app that has all of them, should it have one. */
export function noSuchPath({paths}: StructuredHost, pages: readonly PagesOfApp[]): readonly Json[] {
  const [app, ...others] = new Set(paths.map(({pagesOf}) => pagesOf));
  const isOwn = app !== undefined && others.length === 0 && pages.some((one) => one.app === app && one.errorPages['404'] !== undefined);
  return isOwn ? [...markPages(app), {handler: 'error', status_code: 404, error: 'no such path'}] : [];
}

/** What hosts of apps in maintenance answer. As of routes, a host counts before the wildcards that it is below. */
export function maintenanceRoutes(pages: readonly PagesOfApp[]): readonly Json[] {
  const headers = {'Retry-After': [String(MAINTENANCE_RETRY_SECONDS)]};
  const own = pages.flatMap(({hosts, errorPages: {maintenance}}) => (maintenance === undefined ? [] : [{hosts, handle: [answer(503, literal(maintenance), headers)]}]));
  const exact = own.map(({hosts, handle}) => ({match: exactMatchers(hosts.filter((host) => !isWildcard(host))), handle}));
  const wildcards = own.flatMap(({hosts, handle}) => hosts.filter(isWildcard).map((host) => ({host, handle}))).toSorted((a, b) => b.host.split('.').length - a.host.split('.').length);
  return [
    ...[...exact, ...wildcards.map(({host, handle}) => ({match: [hostMatcher(host)], handle}))].filter(({match}) => match.length > 0).map((route) => ({...route, terminal: true})),
    {handle: [answer(503, MAINTENANCE_PAGE, headers)]},
  ];
}

function statusesOf({maintenance: _, ...byStatus}: ErrorPages): readonly [status: string, text: string][] {
  return Object.entries(byStatus);
}

function retryAfter(status: number): {readonly [name: string]: readonly string[]} {
  return status === 503 ? {'Retry-After': [String(UNAVAILABLE_RETRY_SECONDS)]} : {};
}
