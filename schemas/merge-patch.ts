export type JsonObject = Readonly<Record<string, unknown>>;

/** RFC 7396: fields of objects one by one, null takes one out, all else as a whole. An object of which nothing is left by that goes, too. */
export function mergePatch(target: unknown, patch: JsonObject): JsonObject {
  const before = isRecord(target) ? target : {};
  const changed = Object.entries(patch).map(([field, value]): readonly [string, unknown] => {
    if (value === null) return [field, undefined];
    if (!isRecord(value)) return [field, value];
    const merged = mergePatch(before[field], value);
    return [field, Object.keys(merged).length === 0 && Object.keys(value).length > 0 ? undefined : merged];
  });
  return Object.fromEntries(Object.entries({...before, ...Object.fromEntries(changed)}).filter(([, value]) => value !== undefined));
}

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
