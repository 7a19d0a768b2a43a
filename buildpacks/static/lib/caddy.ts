import type {SiteOptions} from './options.ts';

/** No part of a site, wherever they are; `*` is for the rest of a name. */
const HIDDEN_NAMES = ['.flynn', '.profile*', '.git*', '.env*', '.heroku', '.buildpacks', '.slugignore'];
/** Of the repository's root, which may be the site's root as well. */
const HIDDEN_FILES = ['Procfile', 'static.json', 'app.json'];
/** A long hash in its name says that a file's content never changes. */
const HASHED = String.raw`[.-][0-9a-f]{16,}\.(js|mjs|css|woff2?|png|jpe?g|gif|svg|webp|avif)$`;

export interface Site extends SiteOptions {
  /** Where the app's files are when it runs, and those of the site. */
  readonly home: string;
  readonly folder: string;
}

/**
 * Caddy's configuration of a static site behind the cluster's router, which does TLS, access logs and domains. Made as data: no text of
 * static.json can become a directive, nor one of Caddy's placeholders.
 */
export function caddyConfig(site: Site): object {
  return {
    admin: {disabled: true, config: {persist: false}},
    logging: {logs: {default: {level: 'WARN'}}},
    apps: {
      http: {
        servers: {
          site: {
            listen: [':{env.PORT}'],
            automatic_https: {disable: true},
            routes: [...redirects(site), ...headers(site), {handle: [{handler: 'encode', encodings: {gzip: {}}}]}, ...rewrites(site), {handle: [fileServer(site)]}],
            errors: {routes: errorRoutes(site)},
          },
        },
      },
    },
  };
}

/** The regular expression (RE2) of a path: `*` is for a part between slashes, `**` for anything. */
export function regexpOf(pattern: string): string {
  const text = pattern.split(/(\*+)/).map((part) => (part.startsWith('**') ? '.*' : part === '*' ? '[^/]*' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('');
  return `^${text}$`;
}

function redirects({isHttpsOnly, redirects: wanted}: Site): readonly object[] {
  const toHttps = {
    // The router says so; a check of the node itself comes without it.
    match: [{header: {'X-Forwarded-Proto': ['http']}}],
    handle: [{handler: 'static_response', status_code: '301', headers: {Location: ['https://{http.request.host}{http.request.uri}']}}],
    terminal: true,
  };
  return [
    ...(isHttpsOnly ? [toHttps] : []),
    ...wanted.map(({pattern, url, status}) => ({
      match: [matching(pattern)],
      handle: [{handler: 'static_response', status_code: String(status), headers: {Location: [literal(url)]}}],
      terminal: true,
    })),
  ];
}

function headers({headers: wanted}: Site): readonly object[] {
  return [
    // Browsers ask each time and mostly hear "304 Not Modified".
    {handle: [setHeaders({'Cache-Control': 'public, max-age=0, must-revalidate', 'X-Content-Type-Options': 'nosniff'})]},
    {match: [{path_regexp: {pattern: HASHED}}], handle: [setHeaders({'Cache-Control': 'public, max-age=31536000, immutable'})]},
    ...wanted.map(({pattern, values}) => ({match: [matching(pattern)], handle: [setHeaders(values)]})),
  ];
}

function setHeaders(values: Readonly<Record<string, string>>): object {
  return {handler: 'headers', response: {set: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [literal(value)]]))}};
}

function rewrites({folder, hasCleanUrls, routes}: Site): readonly object[] {
  const file = (...tried: readonly string[]) => ({file: {root: literal(folder), try_files: tried}});
  const clean = {match: [file('{http.request.uri.path}.html')], handle: [{handler: 'rewrite', uri: '{http.matchers.file.relative}'}]};
  return [
    ...(hasCleanUrls ? [clean] : []),
    // Of one group only the first that matches counts.
    ...routes.map(({pattern, target}) => ({
      group: 'routes',
      match: [{...matching(pattern), not: [file('{http.request.uri.path}', '{http.request.uri.path}/index.html')]}],
      handle: target.endsWith('/') ? [] : [{handler: 'rewrite', uri: literal(target)}],
    })),
  ];
}

function errorRoutes(site: Site): readonly object[] {
  const own = (page: string) => [{handler: 'rewrite', uri: page}, {...fileServer(site), status_code: '{http.error.status_code}'}];
  const page = site.errorPage === undefined ? '/{http.error.status_code}.html' : literal(site.errorPage);
  return [
    {handle: [setHeaders({'Cache-Control': 'no-cache'})]},
    {match: [{method: ['GET', 'HEAD'], file: {root: literal(site.folder), try_files: [page]}}], handle: own(page), terminal: true},
    {handle: [{handler: 'static_response', status_code: '{http.error.status_code}', body: '{http.error.status_code} {http.error.status_text}'}]},
  ];
}

function fileServer({home, folder}: Site): object {
  return {handler: 'file_server', root: literal(folder), hide: [...HIDDEN_NAMES, ...HIDDEN_FILES.map((name) => `${home}/${name}`)]};
}

function matching(pattern: string): object {
  return {path_regexp: {pattern: regexpOf(pattern)}};
}

/** Caddy reads `{…}` in texts as placeholders, such as one of an environment's variable. */
function literal(text: string): string {
  return text.replaceAll(/[{}]/g, '\\$&');
}
