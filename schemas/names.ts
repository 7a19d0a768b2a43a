import type {SchemaObject} from 'ajv';

/** Longest name of an app or service: `<app>-<service>-<slot>…` has to fit into a DNS label of 63 characters. */
export const NAME_LENGTH_MAX = 30;

/** Hosts below the domain that are ours. */
export const RESERVED_APP_NAMES: readonly string[] = ['git', 'api', 'cluster'];

/** A DNS label (RFC 1123), because names become hosts and containers. */
export const NAME_PATTERN = `^[a-z0-9]([a-z0-9-]{0,${NAME_LENGTH_MAX - 2}}[a-z0-9])?$`;

/** A DNS label (RFC 1123, at most 63 characters): a machine keeps the name that it has. */
const NODE_NAME_PATTERN = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

/** Of a pattern: labels of letters, digits and inner dashes, joined by dots. */
export const LABELS = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*';

/** At most 240 characters: `_http._tcp.` has to fit in front of it. */
export const HOST_PATTERN = `^(?=.{1,240}$)${LABELS}$`;

/** Of a pattern: segments of a URL's path, without `.` and `..`, of characters that mean themselves there. */
export const PATH_SEGMENTS = "(/(?!\\.{1,2}(/|$))[A-Za-z0-9._~!$&'()+,;=:@%-]+)+";

const NAME_RULE = `a name: small letters, digits and inner dashes, at most ${NAME_LENGTH_MAX} characters`;

export const serviceNameSchema: SchemaObject = {pattern: NAME_PATTERN, errorMessage: `must be ${NAME_RULE}`};

export const hostSchema: SchemaObject = {
  type: 'string',
  pattern: HOST_PATTERN,
  errorMessage: 'must be a host name in small letters such as shop.example.com, without scheme, port or path',
};

/** git-check-ref-format(1), without the characters that shells and people stumble over. */
export const BRANCH_PATTERN = '^(?!.*(\\.\\.|//|/\\.|\\.lock(/|$)|[./]$))[\\p{L}\\p{N}_][\\p{L}\\p{M}\\p{N}._/+#@-]*$';

export const branchSchema = {
  type: 'string',
  pattern: BRANCH_PATTERN,
  maxLength: 200,
  errorMessage: 'must be the name of a branch such as main or release/2',
} as const;

/** Names of other apps; which there are is not known here. */
export const appNamesSchema = {type: 'array', uniqueItems: true, maxItems: 100, items: {type: 'string', pattern: NAME_PATTERN, errorMessage: `must be ${NAME_RULE}`}} as const;

/** Why this can't be the name of an app, in words that follow the name; undefined when it can. */
export function problemOfAppName(name: string): string | undefined {
  if (!new RegExp(NAME_PATTERN).test(name)) return `"${name}" can't name an app: it must be ${NAME_RULE}`;
  if (RESERVED_APP_NAMES.includes(name)) return `"${name}" can't name an app: ${RESERVED_APP_NAMES.join(', ')} are hosts of the cluster itself`;
  return undefined;
}

/** Why this can't be the name of a node; undefined when it can. */
export function problemOfNodeName(name: string): string | undefined {
  if (new RegExp(NODE_NAME_PATTERN).test(name)) return undefined;
  return `"${name}" can't name a node: it must be small letters, digits and inner dashes, at most 63 characters`;
}
