import {isCollection, isMap, isNode, isScalar, isSeq, parseDocument, stringify, type Pair, type YAMLMap} from 'yaml';
import {columnOf, lastLeafEnd} from './yaml-edit.ts';

// As `yaml-list.ts`, for what is inside of a list's mappings. The caller has to read each result again and compare.

/** Fields of a mapping; undefined takes one out. */
export type FieldChanges = Readonly<Record<string, unknown>>;

/**
 * Changes fields of one mapping in a list at the top of a file; lines of the others, their order and their comments stay. Undefined: the text is
 * written in a way that this can't edit.
 */
export function editItem(text: string, {key, index, changes}: {readonly key: string; readonly index: number; readonly changes: FieldChanges}): string | undefined {
  let edited = text;
  for (const [field, value] of Object.entries(changes)) {
    const item: YAMLMap | undefined = itemAt(edited, key, index);
    if (item === undefined) return undefined;
    const next = item.flow === true ? editFlow(edited, item, {field, value}) : editBlock(edited, item, {field, value});
    if (next === undefined) return undefined;
    edited = next;
  }
  return edited;
}

interface Change {
  readonly field: string;
  readonly value: unknown;
}

function itemAt(text: string, key: string, index: number): YAMLMap | undefined {
  const root = parseDocument(text).contents;
  const list = isMap(root) ? root.items.find((item) => isScalar(item.key) && item.key.value === key)?.value : undefined;
  const item = isSeq(list) ? list.items[index] : undefined;
  return isMap(item) ? item : undefined;
}

/** In one line nothing is lost by writing the whole mapping again, unless there are comments in it. */
function editFlow(text: string, item: YAMLMap, {field, value}: Change): string | undefined {
  const range = item.range;
  if (!range || text.slice(range[0], range[1]).includes('#')) return undefined;
  const pair = pairOf(item, field);
  const written = value === undefined ? [] : [flowPair({field, value})];
  const parts = item.items.flatMap((one) => (one === pair ? written : [sourceOf(text, one)]));
  if (parts.includes(undefined)) return undefined;
  return `${text.slice(0, range[0])}{${[...parts, ...(pair === undefined ? written : [])].join(', ')}}${text.slice(range[1])}`;
}

function editBlock(text: string, item: YAMLMap, {field, value}: Change): string | undefined {
  const pair = pairOf(item, field);
  const column = columnOf(text, item.items[0]?.key);
  if (column === undefined || text.includes('\r')) return undefined;
  if (pair === undefined) {
    const end = lastLeafEnd(item);
    if (value === undefined) return text;
    if (end === undefined) return undefined;
    const at = lineAfter(text, end);
    return `${text.slice(0, at)}${text[at - 1] === '\n' ? '' : '\n'}${block({field, value}, column)}${text.slice(at)}`;
  }
  const start = isNode(pair.key) ? pair.key.range?.[0] : undefined;
  const end = lastLeafEnd(pair.value);
  if (start === undefined || end === undefined) return undefined;
  if (value !== undefined && isInline(text, pair)) {
    const range = isNode(pair.value) ? pair.value.range : undefined;
    return range ? text.slice(0, range[0]) + flowPair({field, value}).slice(field.length + 2) + text.slice(range[1]) : undefined;
  }
  const isFirst = item.items[0] === pair;
  const next = isFirst ? item.items[1]?.key : undefined;
  // The first field stands behind the list's dash, where another one has to take its place.
  if (value === undefined && isFirst) {
    const nextStart = isNode(next) ? next.range?.[0] : undefined;
    return nextStart === undefined ? undefined : text.slice(0, start) + text.slice(nextStart);
  }
  const lineStart = isFirst ? start : text.lastIndexOf('\n', start - 1) + 1;
  const written = value === undefined ? '' : block({field, value}, column);
  return text.slice(0, lineStart) + (isFirst ? written.trimStart() : written) + text.slice(lineAfter(text, end));
}

/** A value that stands in its key's line as a whole. */
function isInline(text: string, {value}: Pair): boolean {
  if (isScalar(value)) return value.type?.startsWith('BLOCK') !== true;
  const range = isCollection(value) && value.flow === true ? value.range : undefined;
  return range !== null && range !== undefined && !text.slice(range[0], range[1]).includes('\n');
}

function pairOf(item: YAMLMap, field: string): Pair | undefined {
  return item.items.find((one) => isScalar(one.key) && one.key.value === field);
}

function sourceOf(text: string, {key, value}: Pair): string | undefined {
  const start = isNode(key) ? key.range?.[0] : undefined;
  const end = isNode(value) ? value.range?.[1] : undefined;
  return start === undefined || end === undefined ? undefined : text.slice(start, end).trim();
}

function lineAfter(text: string, place: number): number {
  if (text[place - 1] === '\n') return place;
  const end = text.indexOf('\n', place);
  return end === -1 ? text.length : end + 1;
}

function block({field, value}: Change, column: number): string {
  return stringify({[field]: value}, {lineWidth: 0}).replaceAll(/^(?=.)/gm, ' '.repeat(column));
}

/** `field: value`, as it can stand between braces and behind a key of a block as well. */
function flowPair({field, value}: Change): string {
  return stringify({[field]: value}, {collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0}).trim().slice(1, -1);
}
