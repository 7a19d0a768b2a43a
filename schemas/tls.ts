import {readArmor} from './armor.ts';
import {hostSchema} from './names.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** How hosts get their certificates. */
export interface TlsManifest {
  /** Absent: all certificates are the internal authority's, but for those in `certificates/`. */
  readonly acme?: AcmeManifest;
  /** Domains, with all hosts below them, that stay with the internal authority. */
  readonly internal?: readonly string[];
  /** Of hosts whose HTTP is redirected. Absent: the header is not sent. */
  readonly hsts?: HstsManifest;
}

export interface AcmeManifest {
  /** URL of the authority's directory. */
  readonly directory?: string;
  readonly email?: string;
  readonly eab?: EabManifest;
  /** Certificates, PEM: whom the directory's own certificate is from. Absent: those that everybody trusts. */
  readonly ca?: string;
}

/** An account at the authority that ours is bound to (RFC 8555, external account binding). */
export interface EabManifest {
  readonly keyId: string;
  /** An age file in its ASCII armour, as secrets of apps are. */
  readonly key: string;
}

export interface HstsManifest {
  readonly maxAgeSeconds?: number;
  readonly includeSubdomains?: boolean;
  readonly preload?: boolean;
}

/** What becomes of a request over HTTP where HTTPS could be had. */
export type HttpsManifest = 'redirect' | 'allow';

export const ACME_DIRECTORY_DEFAULT = 'https://acme-v02.api.letsencrypt.org/directory';
/** A year: what the list that browsers have built in asks for at least. */
export const HSTS_SECONDS_DEFAULT = 31_536_000;
const PEM_LENGTH_MAX = 60_000;
const DOMAINS_MAX = 100;

export const httpsSchema = {
  enum: ['redirect', 'allow'],
  errorMessage: 'must be redirect or allow',
  description: 'What becomes of requests over HTTP: `redirect` sends them to HTTPS, `allow` answers them. Default: redirect, once the host has a certificate that browsers trust (by ACME, or one of your own).',
};

const certificatesSchema = {type: 'string', maxLength: PEM_LENGTH_MAX, pattern: '^\\s*-----BEGIN CERTIFICATE-----', errorMessage: 'must be certificates in PEM, the first line being -----BEGIN CERTIFICATE-----'};

const eabSchema: ObjectSchema<EabManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['keyId', 'key'],
  description: 'An account at the authority that ours is bound to (external account binding): some want one.',
  properties: {
    keyId: {type: 'string', minLength: 1, maxLength: 1000, pattern: '^[^{}]*$', errorMessage: 'must be the key id that the authority gave, without braces', description: 'As the authority gave it.'},
    key: {type: 'string', errorMessage: 'must be a value that age has encrypted: flynn cert acme set writes it', description: "The MAC key (base64url), encrypted to the cluster's recipients: `flynn cert acme set` writes it."},
  },
};

const acmeSchema: ObjectSchema<AcmeManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'An authority that gives certificates by ACME (RFC 8555) to all hosts of apps that are public. To set this accepts its terms.',
  properties: {
    directory: {type: 'string', maxLength: 1000, pattern: '^https://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~/-]*)?$', default: ACME_DIRECTORY_DEFAULT, errorMessage: 'must be an https:// URL such as https://acme.example.com/directory', description: "URL of the authority's directory."},
    email: {type: 'string', maxLength: 254, pattern: '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$', errorMessage: 'must be an e-mail address', description: 'Where the authority writes to when something is wrong.', examples: ['ops@example.com']},
    eab: eabSchema,
    ca: {...certificatesSchema, description: "Certificates (PEM) that the directory's own is signed by, where it is none of those that everybody trusts."},
  },
};

const hstsSchema: ObjectSchema<HstsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'Strict-Transport-Security of all hosts whose HTTP is redirected: browsers then never try HTTP again, for so long. Hard to take back.',
  properties: {
    maxAgeSeconds: {type: 'integer', minimum: 0, maximum: 63_072_000, default: HSTS_SECONDS_DEFAULT, description: 'How long browsers remember it. 0 makes them forget.'},
    includeSubdomains: {type: 'boolean', default: false, description: 'For all hosts below the host too.'},
    preload: {type: 'boolean', default: false, description: 'The host may be built into browsers.'},
  },
};

export const tlsSchema: ObjectSchema<TlsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: "How hosts get their certificates. Absent: from the cluster's internal authority, whose root `flynn cert trust` brings to a machine. Certificates of your own are in certificates/.",
  properties: {
    acme: acmeSchema,
    internal: {type: 'array', maxItems: DOMAINS_MAX, uniqueItems: true, items: hostSchema, description: 'Domains that ACME has no part in, with all hosts below them: the internal authority certifies those. localhost, test, internal, local and the like always are.', examples: [['corp.example.com']]},
    hsts: hstsSchema,
  },
};

export function checkTls(tls: TlsManifest | undefined): readonly Problem[] {
  const key = tls?.acme?.eab?.key;
  if (key === undefined) return [];
  const armor = readArmor(key);
  return armor.ok ? [] : [{path: ['tls', 'acme', 'eab', 'key'], message: `tls.acme.eab.key ${armor.problem}`}];
}

/** The rule is one of the host, whatever path is asked for. */
export function checkHttps(routes: readonly {readonly host: string; readonly https?: HttpsManifest}[]): readonly Problem[] {
  return routes.flatMap(({host, https}, index): readonly Problem[] => {
    const first = routes.find((route) => route.host === host && route.https !== undefined);
    if (https === undefined || first?.https === undefined || first.https === https) return [];
    return [{path: ['routes', index, 'https'], message: `https of "${host}" is "${first.https}" in another of its routes: all have to say the same`}];
  });
}

/** `Strict-Transport-Security`, RFC 6797. */
export function hstsHeader({maxAgeSeconds = HSTS_SECONDS_DEFAULT, includeSubdomains = false, preload = false}: HstsManifest): string {
  return [`max-age=${maxAgeSeconds}`, ...(includeSubdomains ? ['includeSubDomains'] : []), ...(preload ? ['preload'] : [])].join('; ');
}
