import {isMap, isNode, isScalar, isSeq, parseDocument, stringify, type YAMLSeq} from 'yaml';
import {columnOf, lastLeafEnd, removeKey} from './yaml-edit.ts';

// As `yaml-edit.ts`, for lists at the top of a file. The caller has to read each result again and compare.

/** Adds a mapping, or a text, at the end of a list, which is made when there is none. Undefined: the text is written in a way that this can't edit. */
export function addToList(text: string, key: string, item: object | string): string | undefined {
  const list = listAt(text, key);
  if (list === 'none') return `${text}${text.endsWith('\n') ? '' : '\n'}${key}:\n${itemText(item, 2)}`;
  if (list === undefined) return undefined;
  const first: unknown = list.items[0];
  if (list.flow === true) {
    const end = list.range?.[1];
    if (end === undefined || text[end - 1] !== ']') return undefined;
    const flow = typeof item === 'string' ? stringify(item).trim() : JSON.stringify(item);
    return `${text.slice(0, end - 1).trimEnd()}${first === undefined ? '' : ', '}${flow}${text.slice(end - 1)}`;
  }
  const dash = dashOf(text, first);
  const end = lastLeafEnd(list);
  if (dash === undefined || end === undefined) return undefined;
  const next = lineAfter(text, end);
  return `${text.slice(0, next)}${text[next - 1] === '\n' ? '' : '\n'}${itemText(item, dash.column)}${text.slice(next)}`;
}

/** Takes the item at this place out, and the list when it was the only one. Undefined as above. */
export function removeFromList(text: string, key: string, index: number): string | undefined {
  const list = listAt(text, key);
  if (list === undefined || list === 'none') return undefined;
  const item: unknown = list.items[index];
  if (list.items.length === 1) return removeKey(text, [key]);
  if (list.flow === true) {
    const [before, after]: readonly unknown[] = [list.items[index - 1], list.items[index + 1]];
    const [start, end] = after === undefined ? [isNode(before) ? before.range?.[1] : undefined, isNode(item) ? item.range?.[1] : undefined] : [isNode(item) ? item.range?.[0] : undefined, isNode(after) ? after.range?.[0] : undefined];
    return start === undefined || end === undefined ? undefined : text.slice(0, start) + text.slice(end);
  }
  const dash = dashOf(text, item);
  const end = lastLeafEnd(item);
  return dash === undefined || end === undefined ? undefined : text.slice(0, dash.lineStart) + text.slice(lineAfter(text, end));
}

function listAt(text: string, key: string): YAMLSeq | 'none' | undefined {
  const root = parseDocument(text).contents;
  if (!isMap(root) || root.flow === true) return undefined;
  const pair = root.items.find((item) => isScalar(item.key) && item.key.value === key);
  if (pair === undefined) return 'none';
  return isSeq(pair.value) ? pair.value : undefined;
}

/** Where the dash of an item stands, when nothing else is before it in its line. */
function dashOf(text: string, item: unknown): {readonly lineStart: number; readonly column: number} | undefined {
  const column = columnOf(text, item);
  const start = isNode(item) ? item.range?.[0] : undefined;
  if (column === undefined || start === undefined) return undefined;
  const lineStart = start - column;
  const before = /^( *)- *$/.exec(text.slice(lineStart, start));
  return before === null ? undefined : {lineStart, column: before[1]?.length ?? 0};
}

/** Where the line begins after the one that has this place, or ends with it. */
function lineAfter(text: string, place: number): number {
  if (text[place - 1] === '\n') return place;
  const end = text.indexOf('\n', place);
  return end === -1 ? text.length : end + 1;
}

function itemText(item: object | string, column: number): string {
  return stringify([item], {lineWidth: 0}).replaceAll(/^(?=.)/gm, ' '.repeat(column));
}
