import {isAlias, isCollection, isMap, isNode, isScalar, parseDocument, stringify, type Document, type YAMLMap} from 'yaml';

/**
 * Sets one number or string in a YAML text and leaves every other character as it is: indentation, quotes, comments and blank lines are
 * their owner's. (Writing the parsed document out again would keep the comments, but set its own spacing everywhere.)
 *
 * Missing mappings on the path are made. Undefined: the text is written in a way that this can't edit. The caller has to read
 * the result again and compare: a value with an anchor changes wherever its alias stands.
 */
export function setScalar(text: string, path: readonly string[], value: number | string): string | undefined {
  const document = parseDocument(text);
  // A quoted string of JSON is one of YAML too.
  const edit = {text, document, value: JSON.stringify(value)};
  let node: unknown = document.contents;
  for (const [index, key] of path.entries()) {
    const rest = path.slice(index);
    if (isAlias(node)) return replace(edit, node, stringify(setIn(node.toJS(document), rest, value), {collectionStyle: 'flow', lineWidth: 0}).trim());
    if (!isMap(node)) return undefined;
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
    if (pair === undefined) return node.flow === true ? insertIntoFlow(edit, node, rest) : insertIntoBlock(edit, node, rest);
    node = pair.value;
  }
  return isScalar(node) || isAlias(node) ? replace(edit, node, edit.value) : undefined;
}

interface ScalarEdit {
  readonly text: string;
  readonly document: Document;
  /** As it is to be written. */
  readonly value: string;
}

function replace({text}: ScalarEdit, node: unknown, by: string): string | undefined {
  const range = isNode(node) ? node.range : undefined;
  return range ? text.slice(0, range[0]) + by + text.slice(range[1]) : undefined;
}

/** `{port: 80}` becomes `{replicas: 3, port: 80}`. */
function insertIntoFlow({text, value}: ScalarEdit, map: YAMLMap, keys: readonly string[]): string | undefined {
  const brace = map.range?.[0];
  if (brace === undefined || text[brace] !== '{') return undefined;
  const inner = keys.slice(1).reduceRight((below, key) => `{${key}: ${below}}`, value);
  const padding = map.items.length === 0 ? '' : /^\s*/.exec(text.slice(brace + 1))?.[0] ?? '';
  const separator = map.items.length === 0 ? '' : `,${padding.includes('\n') ? padding : ' '}`;
  const start = brace + 1 + padding.length;
  return `${text.slice(0, start)}${keys[0]}: ${inner}${separator}${text.slice(start)}`;
}

/** Below the last line of the mapping. */
function insertIntoBlock({text, document, value}: ScalarEdit, map: YAMLMap, keys: readonly string[]): string | undefined {
  const column = columnOf(text, map.items[0]?.key);
  const end = lastLeafEnd(map);
  if (column === undefined || end === undefined) return undefined;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const step = stepOf(document, text);
  const lines = keys.map((key, depth) => `${' '.repeat(column + depth * step)}${key}:${depth === keys.length - 1 ? ` ${value}` : ''}${newline}`);
  if (text[end - 1] === '\n') return text.slice(0, end) + lines.join('') + text.slice(end);
  const lineEnd = text.indexOf('\n', end);
  return lineEnd === -1 ? text + newline + lines.join('') : text.slice(0, lineEnd + 1) + lines.join('') + text.slice(lineEnd + 1);
}

/** Where the last value below a node ends, not counting comments. */
function lastLeafEnd(node: unknown): number | undefined {
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
function stepOf(document: Document, text: string): number {
  const root = document.contents;
  const nested = isMap(root) ? root.items.map(({value}) => value).find((value) => isMap(value) && value.flow !== true) : undefined;
  return (isMap(nested) ? columnOf(text, nested.items[0]?.key) : undefined) ?? 2;
}

function columnOf(text: string, node: unknown): number | undefined {
  const start = isNode(node) ? node.range?.[0] : undefined;
  return start === undefined ? undefined : start - (text.lastIndexOf('\n', start - 1) + 1);
}

function setIn(target: unknown, [key, ...rest]: readonly string[], value: number | string): unknown {
  if (key === undefined) return value;
  const record = typeof target === 'object' && target !== null ? {...target} as Record<string, unknown> : {};
  return {...record, [key]: setIn(record[key], rest, value)};
}
