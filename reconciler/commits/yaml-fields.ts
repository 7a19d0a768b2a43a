import {isMap, isScalar, parseDocument, stringify, type Pair, type YAMLMap} from 'yaml';
import {columnOf, lastLeafEnd, stepOf} from './yaml-edit.ts';

/**
 * Sets one field of a YAML text, whatever its value, and leaves all other lines as they are. Undefined: the text is written in a way that
 * this can't edit (flow style, aliases): the caller edits the document as a whole, and compares in any case.
 */
export function setField(text: string, path: readonly string[], value: unknown): string | undefined {
  const found = find(text, path);
  if (found === undefined) return undefined;
  const {map, pair, rest, column, step} = found;
  if (pair !== undefined) {
    const old = isScalar(pair.value) && pair.value.type?.startsWith('BLOCK') !== true ? pair.value.range : undefined;
    if (old && (typeof value !== 'object' || value === null)) return text.slice(0, old[0]) + inline(value) + text.slice(old[1]);
    const range = linesOf(text, pair);
    return range === undefined ? undefined : text.slice(0, range.start) + block({keys: rest, value, column, step}) + text.slice(range.end);
  }
  const end = lastLeafEnd(map);
  if (end === undefined) return undefined;
  const at = lineEnd(text, end);
  return `${text.slice(0, at)}${text[at - 1] === '\n' ? '' : '\n'}${block({keys: rest, value, column, step})}${text.slice(at)}`;
}

interface Found {
  /** The innermost mapping on the path. */
  readonly map: YAMLMap;
  /** What the whole path leads to. */
  readonly pair?: Pair;
  /** Keys from `map` on, the first of which is its own. */
  readonly rest: readonly string[];
  readonly column: number;
  readonly step: number;
}

/** Undefined: there is something else than mappings in block style on the way. */
function find(text: string, path: readonly string[]): Found | undefined {
  if (text.includes('\r')) return undefined;
  const document = parseDocument(text);
  let node: unknown = document.contents;
  for (const [index, key] of path.entries()) {
    if (!isMap(node) || node.flow === true) return undefined;
    const column = columnOf(text, node.items[0]?.key);
    if (column === undefined) return undefined;
    const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && item.key.value === key);
    const step = stepOf(document, text);
    if (pair === undefined) return {map: node, rest: path.slice(index), column, step};
    if (index === path.length - 1) return {map: node, pair, rest: [key], column, step};
    node = pair.value;
  }
  return undefined;
}

/** Whole lines of a field, from its key to its last value; comments before and after it belong to nobody. */
function linesOf(text: string, {key, value}: Pair): {readonly start: number; readonly end: number} | undefined {
  const range = isScalar(key) ? key.range : undefined;
  const last = lastLeafEnd(value) ?? range?.[1];
  if (!range || last === undefined) return undefined;
  const start = text.lastIndexOf('\n', range[0] - 1) + 1;
  return /^ *$/.test(text.slice(start, range[0])) ? {start, end: lineEnd(text, last)} : undefined;
}

function lineEnd(text: string, at: number): number {
  if (text[at - 1] === '\n') return at;
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline + 1;
}

function block({keys, value, column, step}: {keys: readonly string[]; value: unknown; column: number; step: number}): string {
  const nested = keys.reduceRight((below, key) => ({[key]: below}), value);
  return stringify(nested, {lineWidth: 0, indent: step}).replaceAll(/^(?=.)/gm, ' '.repeat(column));
}

function inline(value: unknown): string {
  // Text in several lines would be written as a block of lines: in quotes it stays one.
  return typeof value === 'string' && value.includes('\n') ? JSON.stringify(value) : stringify(value, {lineWidth: 0}).trim();
}
