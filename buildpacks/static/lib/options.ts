/** What static.json may say: the options of Heroku's buildpack for static sites (heroku-buildpack-static, README.md). */
export interface SiteOptions {
  /** Folder of the site in the app, without a slash at its end. Absent: it is looked for. */
  readonly root?: string;
  /** `/about` gives about.html. */
  readonly hasCleanUrls: boolean;
  /** What is no file: the first pattern that fits a path says which file stands for it. */
  readonly routes: readonly Route[];
  /** File of the site, from its root, for every error. */
  readonly errorPage?: string;
  readonly redirects: readonly Redirect[];
  /** All that fit a path count; of two values for one header the later one. */
  readonly headers: readonly PathHeaders[];
  readonly isHttpsOnly: boolean;
}

export interface Route {
  readonly pattern: string;
  /** From the site's root. One that ends in a slash means: no file stands for these. */
  readonly target: string;
}

export interface Redirect {
  readonly pattern: string;
  readonly url: string;
  readonly status: number;
}

export interface PathHeaders {
  readonly pattern: string;
  readonly values: Readonly<Record<string, string>>;
}

const NAMES = ['root', 'clean_urls', 'routes', 'error_page', 'redirects', 'headers', 'https_only'];
/** Options of Heroku's buildpack that there are not here; without them the site would not be what its author wants. */
const MISSING = ['proxies', 'basic_auth', 'basic_auth_username', 'basic_auth_password', 'canonical_host', 'logging', 'encoding'];
const STATUSES = [301, 302, 303, 307, 308];
/** Of a request or connection, or the server's own business. */
const REFUSED_HEADERS = /^(connection|content-length|content-encoding|transfer-encoding|upgrade|trailer|te|keep-alive)$/i;
const ENTRIES_MAX = 500;
const LENGTH_MAX = 4000;

/** Reads static.json; undefined where there is none. Gives all problems at once, in words for its author. */
export function readOptions(text: string | undefined): {readonly options: SiteOptions; readonly problems: readonly string[]} {
  const problems: string[] = [];
  const given = text === undefined ? {} : parsed(text, problems);
  for (const name of Object.keys(given)) {
    if (MISSING.includes(name)) problems.push(`"${name}" is an option of Heroku's that there is not here`);
    else if (!NAMES.includes(name)) problems.push(`unknown option "${name}", expected ${NAMES.join(', ')}`);
  }
  const root = given.root === undefined ? undefined : folderOf(given.root, problems);
  const errorPage = given.error_page === undefined ? undefined : fileOf('error_page', given.error_page, problems);
  const options: SiteOptions = {
    ...(root !== undefined && {root}),
    hasCleanUrls: flagOf('clean_urls', given.clean_urls, problems),
    routes: entriesOf('routes', given.routes, problems).flatMap(([pattern, value]) => routeOf(pattern, value, problems)),
    ...(errorPage !== undefined && {errorPage}),
    redirects: entriesOf('redirects', given.redirects, problems).flatMap(([pattern, value]) => redirectOf(pattern, value, problems)),
    headers: entriesOf('headers', given.headers, problems).flatMap(([pattern, value]) => headersOf(pattern, value, problems)),
    isHttpsOnly: flagOf('https_only', given.https_only, problems),
  };
  return {options, problems};
}

function parsed(text: string, problems: string[]): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
    problems.push('expected an object such as {"root": "dist"}');
  } catch (error) {
    problems.push(`not valid JSON: ${(error as Error).message}`);
  }
  return {};
}

function flagOf(name: string, value: unknown, problems: string[]): boolean {
  if (value !== undefined && typeof value !== 'boolean') problems.push(`${name} must be true or false, not ${shown(value)}`);
  return value === true;
}

function folderOf(value: unknown, problems: string[]): string | undefined {
  const folder = fileOf('root', value, problems)?.replace(/\/+$/, '').replace(/^\//, '');
  return folder === undefined ? undefined : folder || '.';
}

/** A path below a folder: with one slash before it, and never out of it. */
function fileOf(name: string, value: unknown, problems: string[]): string | undefined {
  const isGood = typeof value === 'string' && isText(value) && value !== '' && !value.split('/').includes('..') && !/[\\?#]/.test(value);
  if (isGood) return `/${value.replace(/^(\.?\/)+/, '').replace(/^\.$/, '')}`;
  problems.push(`${name} must be a path inside of the app, not ${shown(value)}`);
  return undefined;
}

function entriesOf(name: string, value: unknown, problems: string[]): readonly (readonly [string, unknown])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${name} must be an object with paths such as "/**" as its keys, not ${shown(value)}`);
    return [];
  }
  const entries = Object.entries(value);
  if (entries.length > ENTRIES_MAX) problems.push(`${name} has ${entries.length} entries, at most ${ENTRIES_MAX} are read`);
  return entries.slice(0, ENTRIES_MAX).filter(([pattern]) => {
    const isGood = pattern.startsWith('/') && isText(pattern);
    if (!isGood) problems.push(`${name} has the key ${shown(pattern)}, expected a path that begins with "/", such as "/assets/*" or "/**"`);
    return isGood;
  });
}

function routeOf(pattern: string, value: unknown, problems: string[]): readonly Route[] {
  const target = fileOf(`routes["${pattern}"]`, value, problems);
  return target === undefined ? [] : [{pattern, target}];
}

function redirectOf(pattern: string, value: unknown, problems: string[]): readonly Redirect[] {
  const {url, status = 301, ...rest} = (typeof value === 'object' && value !== null ? value : {}) as {url?: unknown; status?: unknown};
  const where = `redirects["${pattern}"]`;
  const isUrl = typeof url === 'string' && isText(url) && /^(\/|https?:\/\/)\S*$/i.test(url);
  const isStatus = typeof status === 'number' && STATUSES.includes(status);
  if (!isUrl) problems.push(`${where} needs a url such as "/new" or "https://example.com/", not ${shown(url)}`);
  if (!isStatus) problems.push(`${where}.status must be one of ${STATUSES.join(', ')}, not ${shown(status)}`);
  for (const name of Object.keys(rest)) problems.push(`${where} has the unknown option "${name}", expected url and status`);
  return isUrl && isStatus ? [{pattern, url, status}] : [];
}

function headersOf(pattern: string, value: unknown, problems: string[]): readonly PathHeaders[] {
  const where = `headers["${pattern}"]`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${where} must be an object with names of headers as its keys, not ${shown(value)}`);
    return [];
  }
  const values: [string, string][] = [];
  for (const [name, one] of Object.entries(value)) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name) || REFUSED_HEADERS.test(name)) problems.push(`${where}: "${name.slice(0, 100)}" is not a header that can be set`);
    else if (!['string', 'number', 'boolean'].includes(typeof one) || !isText(String(one))) problems.push(`${where}: the value of "${name}" must be a line of text, not ${shown(one)}`);
    else values.push([name, String(one)]);
  }
  return [{pattern, values: Object.fromEntries(values)}];
}

/** One line, of a sensible length. */
function isText(value: string): boolean {
  return value.length <= LENGTH_MAX && !/[\u0000-\u001f\u007f]/.test(value);
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}
