import type {ObjectSchema, Problem} from './schema.ts';

/** Where lines of a log are sent on to. */
export interface DrainManifest {
  readonly url: string;
  /** Of HTTP requests. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The same, by the names of secrets: an app's in its secrets.yaml. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  readonly verify?: boolean;
  /** Certificates, PEM, one of which the receiver's has to be signed by. Absent: those that this machine trusts. */
  readonly ca?: string;
}

/** What each scheme of a drain's URL speaks, and the port where it has one of its own. */
export const DRAIN_SCHEMES = {
  'syslog': {format: 'syslog', transport: 'udp', port: 514},
  'syslog+tcp': {format: 'syslog', transport: 'tcp', port: 601},
  'syslog+tls': {format: 'syslog', transport: 'tls', port: 6514},
  'http': {format: 'ndjson', transport: 'http', port: 80},
  'https': {format: 'ndjson', transport: 'https', port: 443},
  'loki+http': {format: 'loki', transport: 'http', port: 3100},
  'loki+https': {format: 'loki', transport: 'https', port: 443},
  'gelf': {format: 'gelf', transport: 'udp', port: 12201},
  'gelf+tcp': {format: 'gelf', transport: 'tcp', port: 12201},
  'gelf+tls': {format: 'gelf', transport: 'tls', port: 12201},
} as const;

export type DrainScheme = keyof typeof DRAIN_SCHEMES;

export const DRAINS_MAX = 10;

const headersSchema = {
  type: 'object',
  propertyNames: {pattern: '^[A-Za-z0-9-]{1,100}$', errorMessage: 'must be the name of a header: letters, digits and -'},
  maxProperties: 20,
};

const drainSchema: ObjectSchema<DrainManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string', minLength: 1, maxLength: 2000,
      description: 'Where to: syslog://, syslog+tcp://, syslog+tls:// (RFC 5424), http(s):// (batches of JSON lines), loki+http(s)://, gelf://, gelf+tcp://, gelf+tls://.',
      examples: ['syslog+tls://logs.example.com:6514'],
    },
    headers: {...headersSchema, additionalProperties: {type: 'string', maxLength: 4000, pattern: '^[\\t\\x20-\\x7e]*$', errorMessage: 'must be printable ASCII'}, description: 'Headers of the requests of http(s) and loki. Everybody who can read this repository can read them.'},
    secretHeaders: {...headersSchema, additionalProperties: {type: 'string', minLength: 1}, description: "Headers whose values are secrets: by header, the name of the app's variable in secrets.yaml.", examples: [{Authorization: 'LOGS_AUTHORIZATION'}]},
    ca: {type: 'string', maxLength: 20_000, pattern: '-----BEGIN CERTIFICATE-----[\\s\\S]+-----END CERTIFICATE-----', errorMessage: 'must be certificates in PEM, which begin with -----BEGIN CERTIFICATE-----', description: "Of a receiver over TLS: certificates (PEM) of authorities, one of which the receiver's has to be signed by. Default: those that this machine trusts."},
    verify: {type: 'boolean', default: true, description: "Whether the receiver's certificate has to be one that this machine trusts."},
  },
};

export const drainsSchema = {type: 'array', items: drainSchema, maxItems: DRAINS_MAX} as const;

export function checkDrains(drains: readonly DrainManifest[] | undefined, {owner}: {readonly owner: 'app' | 'cluster'}): readonly Problem[] {
  return (drains ?? []).flatMap((drain, index) => checkDrain(drain, ['drains', index], owner));
}

function checkDrain({url, headers, secretHeaders, verify, ca}: DrainManifest, path: Problem['path'], owner: 'app' | 'cluster'): readonly Problem[] {
  const at = (field: string, message: string): readonly Problem[] => [{path: [...path, field], message}];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1) ?? '';
  if (parsed === undefined || parsed.hostname === '' || !isScheme(scheme)) return at('url', `url must be ${Object.keys(DRAIN_SCHEMES).join('://, ')}:// and a host, not "${withoutCredentials(url)}"`);
  const {transport, format} = DRAIN_SCHEMES[scheme];
  const isHttp = transport === 'http' || transport === 'https';
  if (!isHttp && (parsed.pathname.length > 1 || parsed.search !== '' || parsed.username !== '')) return at('url', `a ${format} url has only a host and a port, "${scheme}://${parsed.host}"`);
  if (!isHttp && (headers !== undefined || secretHeaders !== undefined)) return at(headers === undefined ? 'secretHeaders' : 'headers', `a ${scheme} drain has no headers`);
  if (ca !== undefined && transport !== 'https' && transport !== 'tls') return at('ca', `a ${scheme} drain has no certificate`);
  if (ca !== undefined && verify === false) return at('ca', 'with `verify: false` no certificate is looked at');
  if (owner === 'cluster' && secretHeaders !== undefined) return at('secretHeaders', 'secrets belong to apps: a drain of the cluster has none');
  return [];
}

export function isScheme(scheme: string): scheme is DrainScheme {
  return Object.hasOwn(DRAIN_SCHEMES, scheme);
}

/** A URL as it may be shown: user, password and query may be secrets. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/s, '');
}
