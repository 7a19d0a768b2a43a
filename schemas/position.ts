import {isAlias, isMap, isNode, isScalar, isSeq, type Document} from 'yaml';

/**
 * Offset in the text of what `path` leads to: of the value, or of the key named `key` in it.
 * Where the path ends early (a field is missing), of the nearest parent.
 */
export function offsetOf(document: Document, path: readonly (string | number)[], key?: string): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    node = stepInto(node, step);
    offset = startOf(node) ?? offset;
    if (isAlias(node)) node = node.resolve(document);
  }
  return key === undefined ? offset : startOf(pairOf(node, key)?.key) ?? offset;
}

function stepInto(node: unknown, step: string | number): unknown {
  if (isMap(node)) {
    const pair = pairOf(node, String(step));
    // A blank value has a place of its own after the colon, but people look at the key.
    return isScalar(pair?.value) && pair.value.value === null ? pair.key : pair?.value;
  }
  return isSeq(node) ? node.items[Number(step)] : undefined;
}

function pairOf(node: unknown, key: string) {
  return isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) : undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
