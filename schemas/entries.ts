import {isScalar, visit, type Document} from 'yaml';

/** Of one mapping or list: far more than anybody writes, and few enough for what compares each with each. */
export const ENTRIES_MAX = 5000;

/**
 * Keys that are there twice, and collections with too many entries. Looked for here, because `yaml` compares each key with all before it, which takes a
 * minute for what fits into a file.
 */
export function wrongEntries(document: Document): readonly {readonly offset: number; readonly message: string}[] {
  const found: {offset: number; message: string}[] = [];
  const count = ({items, range}: {readonly items: readonly unknown[]; readonly range?: readonly number[] | null | undefined}) => {
    if (items.length > ENTRIES_MAX) found.push({offset: range?.[0] ?? 0, message: `${items.length} entries begin here, at most ${ENTRIES_MAX} are read`});
    return items.length > ENTRIES_MAX ? visit.SKIP : undefined;
  };
  visit(document, {
    Map(_key, map) {
      const keys = new Set<unknown>();
      for (const {key} of map.items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) found.push({offset: key.range?.[0] ?? 0, message: `${JSON.stringify(String(key.value))} is there twice`});
        keys.add(key.value);
      }
      return count(map);
    },
    Seq: (_key, list) => count(list),
  });
  return found;
}
