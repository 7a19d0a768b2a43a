import {isDeepStrictEqual} from 'node:util';
import {looksSecret} from '../../schemas/looks-secret.ts';
import {isRecord} from '../../schemas/merge-patch.ts';

/** In place of a value that age has encrypted. */
export const SEALED = '(sealed)';
/** In place of a plain value that looks like a secret: whoever reads a plan need not see it, wherever else it stands. */
const HIDDEN = '(hidden)';
const HASH = '(hash)';
const CERTIFICATE = '(certificate)';

/** Public keys are as random as secrets, and meant to be seen. */
const PUBLIC: ReadonlySet<string> = new Set(['recipients', 'keys', 'sshKeys']);
/** Its values are names of secrets. */
const NAMES_OF_SECRETS = 'secretHeaders';

/** What a plan may show of a field that differs. `field`: `services.web.env.LOG_LEVEL`. */
export function maskedPair(field: string, from: unknown, to: unknown): {readonly from?: unknown; readonly to?: unknown} {
  const name = field.slice(field.lastIndexOf('.') + 1);
  const [shownFrom, shownTo] = [masked(from, name), masked(to, name)];
  // Both are hidden, and differ all the same.
  const isHiddenChange = from !== undefined && to !== undefined && isDeepStrictEqual(shownFrom, shownTo);
  return {...(from !== undefined && {from: shownFrom}), ...(to !== undefined && {to: isHiddenChange ? anew(shownTo) : shownTo})};
}

function masked(value: unknown, name: string): unknown {
  if (typeof value === 'string') return maskedText(value, name);
  if (Array.isArray(value)) return value.map((one) => masked(one, name));
  if (!isRecord(value) || name === NAMES_OF_SECRETS) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one, key)]));
}

function maskedText(value: string, name: string): string {
  if (value.includes('-----BEGIN AGE ENCRYPTED FILE-----')) return SEALED;
  if (value.includes('-----BEGIN CERTIFICATE-----')) return CERTIFICATE;
  if (name === 'hash') return HASH;
  if (PUBLIC.has(name)) return value;
  const isSecret = /^(proxy-)?authorization$|^cookie$/i.test(name) || looksSecret(name.replaceAll('-', '_'), value) !== undefined;
  return isSecret ? HIDDEN : value;
}

function anew(shown: unknown): string {
  return typeof shown === 'string' && shown.endsWith(')') ? `${shown.slice(0, -1)} anew)` : '(hidden parts differ)';
}
