import {isMap, isScalar, isSeq, parseDocument, stringify, type Scalar} from 'yaml';

/** A way from the top of a document: keys, `*` for any key or place in a list, `#` at its end for a key itself. */
export type Place = readonly string[];

/** Puts other texts in the place of scalars at certain places, and leaves all else as it is. `change` is undefined for those that stay. */
export function replaceScalars(text: string, places: readonly Place[], change: (value: string) => string | undefined): string {
  const edits: {readonly start: number; readonly end: number; readonly by: string}[] = [];
  const look = (node: unknown, way: readonly string[]) => {
    if (!isScalar(node) || !node.range || !places.some((place) => isAt(place, way))) return;
    const to = change(String(node.value));
    if (to !== undefined) edits.push({start: node.range[0], end: node.range[1], by: written(node, to)});
  };
  const walk = (node: unknown, way: readonly string[]) => {
    look(node, way);
    if (isSeq(node)) for (const item of node.items) walk(item, [...way, '*']);
    if (!isMap(node)) return;
    for (const {key, value} of node.items) {
      look(key, [...way, '#']);
      walk(value, [...way, isScalar(key) ? String(key.value) : '']);
    }
  };
  walk(parseDocument(text).contents, []);
  return edits.toSorted((a, b) => b.start - a.start).reduce((edited, {start, end, by}) => edited.slice(0, start) + by + edited.slice(end), text);
}

function isAt(place: Place, way: readonly string[]): boolean {
  return place.length === way.length && place.every((step, index) => (step === '*' ? way[index] !== '#' : step === way[index]));
}

/** In the quotes that it had. A name such as `12` or `null` needs some. */
function written({type}: Scalar, value: string): string {
  if (type === 'QUOTE_DOUBLE') return JSON.stringify(value);
  return type === 'QUOTE_SINGLE' ? `'${value.replaceAll('\'', '\'\'')}'` : stringify(value).trim();
}
