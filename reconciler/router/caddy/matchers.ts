import {ANY_VALUE, type Condition} from '../../../schemas/conditions.ts';
import type {Json} from './parts.ts';
import {isWildcard} from '../names.ts';

export type Matcher = {readonly [key: string]: Json};

/** Caddy looks for capital letters in short lists only (2.6.2: `MatchHost.large`). */
export const HOSTS_IN_LIST_MAX = 100;

/** A wildcard has any number of labels in the place of its star; Caddy's own has one. The catch-all is for what is no host name as well. */
export function hostMatcher(host: string): Matcher {
  if (host === '*') return {};
  if (!isWildcard(host)) return {host: withDots([host])};
  return {header_regexp: {Host: {pattern: `(?i)^(?:[a-z0-9_-]+\\.)+${patternOf(host.slice(2))}\\.?(?::[0-9]*)?$`}}};
}

/** One of them is true when the host is one of these, of which none is a wildcard. */
export function exactMatchers(hosts: readonly string[]): readonly Matcher[] {
  return inChunks(withDots(hosts), HOSTS_IN_LIST_MAX).map((some) => ({host: some}));
}

/** Before `anyMatchers`: notes that the host is not written as hosts in manifests are, with capital letters or a dot at its end. */
export const noteOddHosts: Json = {match: [{header_regexp: {Host: {pattern: '[A-Z]|\\.(?::[0-9]*)?$'}}}], handle: [{handler: 'vars', odd: 'yes'}]};

/** One of them is true when the host is one of these, of which there may be thousands; and for all that are written in another way. */
export function anyMatchers(hosts: readonly string[]): readonly Matcher[] {
  return [{host: hosts}, {vars: {odd: ['yes']}}];
}

/** A host may be asked for with the dot that ends it, which Caddy takes for another one. */
function withDots(hosts: readonly string[]): readonly string[] {
  return hosts.flatMap((host) => [host, `${host}.`]);
}

export function inChunks<Item>(items: readonly Item[], length: number): readonly (readonly Item[])[] {
  return Array.from({length: Math.ceil(items.length / length)}, (_, index) => items.slice(index * length, (index + 1) * length));
}

/** One matcher of Caddy that is true when the condition is. Patterns are anchored, values are in them as they are. */
export function conditionMatcher(condition: Condition): Matcher {
  switch (condition.kind) {
    case 'header': return condition.value === ANY_VALUE ? {header: {[condition.name]: []}} : {header_regexp: {[condition.name]: {pattern: `^${patternOf(condition.value)}$`}}};
    // Browsers send all cookies in one line; HTTP/2 may send several, which Go joins.
    case 'cookie': return {header_regexp: {Cookie: {pattern: `(?:^|;) *${patternOf(condition.name)}=${condition.value === ANY_VALUE ? '' : `(?:${patternOf(condition.value)}|"${patternOf(condition.value)}") *(?:;|$)`}`}}};
    case 'query': return {query: {[condition.name]: [condition.value]}};
    case 'method': return {method: condition.values};
  }
}

/** A pattern of RE2 for this text and no other. */
export function patternOf(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}

/** A pattern of RE2 for this path as a URL has it: each byte as itself or escaped. */
export function pathPatternOf(path: string): string {
  return path.split('/').map((segment) => [...Buffer.from(decodeURIComponent(segment))].map((byte) => {
    const escaped = `%${byte.toString(16).padStart(2, '0')}`;
    return byte < 128 ? `(?:${patternOf(String.fromCharCode(byte))}|${escaped})` : escaped;
  }).join('')).join('/+');
}
