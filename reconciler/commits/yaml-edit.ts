import {isAlias, isCollection, isMap, isNode, isScalar, isSeq, parseDocument, stringify, type Document, type Pair, type YAMLMap} from 'yaml';

// Edits of a YAML text that leave every other character as it is. The caller has to read each result again and compare: a value with an
// anchor changes wherever its alias stands.

/**
 * Sets one number, boolean or string in a YAML text and leaves every other character as it is: indentation, quotes, comments and blank lines are
 * their owner's. (Writing the parsed document out again would keep the comments, but set its own spacing everywhere.)
 *
 * Missing mappings on the path are made; a step into a list is its index. Undefined: the text is written in a way that this can't edit.
 */
export function setScalar(text: string, path: readonly string[], value: number | boolean | string): string | undefined {
  // A quoted string of JSON is one of YAML too.
  return setValue({text, document: parseDocument(text), value: JSON.stringify(value), lines: []}, path, value);
}

/** The same for a text of several lines, which stands as a block (`|`) wherever there is none yet or has been one. */
export function setLines(text: string, path: readonly string[], value: string): string | undefined {
  const isBlock = value.endsWith('\n') && !/^\s|\n\n$|[^\n\x20-\x7e]/.test(value);
  return setValue({text, document: parseDocument(text), value: JSON.stringify(value), lines: isBlock ? value.trimEnd().split('\n') : []}, path, value);
}

/** The same for a list of texts, in one line. */
export function setList(text: string, path: readonly string[], values: readonly string[]): string | undefined {
  return setValue({text, document: parseDocument(text), value: `[${values.map((value) => JSON.stringify(value)).join(', ')}]`, lines: []}, path, values);
}

/** Takes a key out, and every mapping that is empty without it. Undefined: it isn't there, or is written in a way that this can't edit. */
export function removeKey(text: string, path: readonly string[]): string | undefined {
  let node: unknown = parseDocument(text).contents;
  let victim: {readonly map: YAMLMap; readonly pair: Pair} | undefined;
  for (const key of path) {
    if (!isMap(node)) return undefined;
    const pair = pairOf(node, key);
    if (pair === undefined) return undefined;
    if (victim === undefined || node.items.length > 1) victim = {map: node, pair};
    node = pair.value;
  }
  if (victim === undefined) return undefined;
  return victim.map.flow === true ? removeFromFlow(text, victim.map, victim.pair) : removeFromBlock(text, victim.pair);
}

function setValue(edit: ValueEdit, path: readonly string[], value: unknown): string | undefined {
  const {document} = edit;
  let node: unknown = document.contents;
  for (const [index, key] of path.entries()) {
    const rest = path.slice(index);
    if (isAlias(node)) return replace(edit, node, stringify(setIn(node.toJS(document), rest, value), {collectionStyle: 'flow', lineWidth: 0}).trim());
    if (isSeq(node)) {
      node = node.items[Number(key)];
      continue;
    }
    if (!isMap(node)) return undefined;
    const pair = pairOf(node, key);
    if (pair === undefined) return node.flow === true ? insertIntoFlow(edit, node, rest) : insertIntoBlock(edit, node, rest);
    node = pair.value;
  }
  if (isScalar(node) && node.type === 'BLOCK_LITERAL' && edit.lines.length > 0) return replaceLines(edit, node);
  return isScalar(node) || isAlias(node) ? replace(edit, node, edit.value) : undefined;
}

interface ValueEdit {
  readonly text: string;
  readonly document: Document;
  /** As it is to be written where it has to stand in one line. */
  readonly value: string;
  /** As a block, without indentation; empty: never one. */
  readonly lines: readonly string[];
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === key);
}

/** A block by another: its header and its indentation stay. */
function replaceLines({text, lines}: ValueEdit, node: {readonly range?: readonly [number, number, number] | null | undefined}): string | undefined {
  if (!node.range) return undefined;
  const [start, end] = node.range;
  const old = text.slice(start, end);
  const newline = old.includes('\r\n') ? '\r\n' : '\n';
  const [header = '', first = ''] = old.split(newline);
  const indent = /^ */.exec(first)?.[0] ?? '';
  return text.slice(0, start) + [header, ...lines.map((line) => indent + line)].join(newline) + (old.endsWith('\n') ? newline : '') + text.slice(end);
}

function removeFromBlock(text: string, {key, value}: Pair): string | undefined {
  const start = isNode(key) ? key.range?.[0] : undefined;
  const end = lastLeafEnd(value) ?? lastLeafEnd(key);
  if (start === undefined || end === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  // Something else begins in this line, such as an entry of a list.
  if (text.slice(lineStart, start).trim() !== '') return undefined;
  if (text[end - 1] === '\n') return text.slice(0, lineStart) + text.slice(end);
  const lineEnd = text.indexOf('\n', end);
  return text.slice(0, lineStart) + (lineEnd === -1 ? '' : text.slice(lineEnd + 1));
}

function removeFromFlow(text: string, map: YAMLMap, pair: Pair): string | undefined {
  const index = map.items.indexOf(pair);
  const startOf = (item: Pair | undefined) => (isNode(item?.key) ? item.key.range?.[0] : undefined);
  const endOf = (item: Pair | undefined) => (isNode(item?.value) ? item.value.range?.[1] : isNode(item?.key) ? item.key.range?.[1] : undefined);
  // Up to the next one; the last one back to the end of the one before.
  const [start, end] = index + 1 < map.items.length ? [startOf(pair), startOf(map.items[index + 1])] : [index === 0 ? startOf(pair) : endOf(map.items[index - 1]), endOf(pair)];
  return start === undefined || end === undefined ? undefined : text.slice(0, start) + text.slice(end);
}

function replace({text}: ValueEdit, node: unknown, by: string): string | undefined {
  const range = isNode(node) ? node.range : undefined;
  return range ? text.slice(0, range[0]) + by + text.slice(range[1]) : undefined;
}

/** `{port: 80}` becomes `{replicas: 3, port: 80}`. */
function insertIntoFlow({text, value}: ValueEdit, map: YAMLMap, keys: readonly string[]): string | undefined {
  const brace = map.range?.[0];
  if (brace === undefined || text[brace] !== '{') return undefined;
  const inner = keys.slice(1).reduceRight((below, key) => `{${key}: ${below}}`, value);
  const padding = map.items.length === 0 ? '' : /^\s*/.exec(text.slice(brace + 1))?.[0] ?? '';
  const separator = map.items.length === 0 ? '' : `,${padding.includes('\n') ? padding : ' '}`;
  const start = brace + 1 + padding.length;
  return `${text.slice(0, start)}${keys[0]}: ${inner}${separator}${text.slice(start)}`;
}

/** Below the last line of the mapping. */
function insertIntoBlock({text, document, value, lines: block}: ValueEdit, map: YAMLMap, keys: readonly string[]): string | undefined {
  const column = columnOf(text, map.items[0]?.key);
  const end = lastLeafEnd(map);
  if (column === undefined || end === undefined) return undefined;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const step = stepOf(document, text);
  const written = block.length === 0 ? ` ${value}` : [' |', ...block.map((line) => ' '.repeat(column + keys.length * step) + line)].join(newline);
  const lines = keys.map((key, depth) => `${' '.repeat(column + depth * step)}${key}:${depth === keys.length - 1 ? written : ''}${newline}`);
  if (text[end - 1] === '\n') return text.slice(0, end) + lines.join('') + text.slice(end);
  const lineEnd = text.indexOf('\n', end);
  return lineEnd === -1 ? text + newline + lines.join('') : text.slice(0, lineEnd + 1) + lines.join('') + text.slice(lineEnd + 1);
}

/** Where the last value below a node ends, not counting comments. */
export function lastLeafEnd(node: unknown): number | undefined {
  if (isCollection(node) && node.flow !== true) {
    const last: unknown = node.items.at(-1);
    if (isMap(node)) {
      const pair = node.items.at(-1);
      return lastLeafEnd(pair?.value) ?? lastLeafEnd(pair?.key);
    }
    return lastLeafEnd(last);
  }
  return isNode(node) ? node.range?.[1] : undefined;
}

/** Spaces that this text indents by: those before its first nested mapping. */
export function stepOf(document: Document, text: string): number {
  const root = document.contents;
  const nested = isMap(root) ? root.items.map(({value}) => value).find((value) => isMap(value) && value.flow !== true) : undefined;
  return (isMap(nested) ? columnOf(text, nested.items[0]?.key) : undefined) ?? 2;
}

export function columnOf(text: string, node: unknown): number | undefined {
  const start = isNode(node) ? node.range?.[0] : undefined;
  if (start === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  // A byte order mark takes no column.
  return start - lineStart - (lineStart === 0 && text.startsWith('\uFEFF') ? 1 : 0);
}

function setIn(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const record = typeof target === 'object' && target !== null ? {...target} as Record<string, unknown> : {};
  return {...record, [key]: setIn(record[key], rest, value)};
}
