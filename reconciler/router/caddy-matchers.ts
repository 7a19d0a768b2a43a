import {ANY_VALUE, type Condition} from '../../schemas/conditions.ts';
import type {Json} from './caddy-parts.ts';

/** One matcher of Caddy that is true when the condition is. Patterns are anchored, values are in them as they are. */
export function conditionMatcher(condition: Condition): {readonly [key: string]: Json} {
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
