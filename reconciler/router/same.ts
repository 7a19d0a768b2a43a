/**
 * Of two values of JSON, whatever the order of their fields: what comes back from Caddy has them in another one. `isDeepStrictEqual` looks for everything
 * else that JavaScript has, too, and two texts in order take twenty times as long to make: of 5,000 hosts 0.3 s.
 */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return false;
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((item, index) => isSameJson(item, other[index]));
  if (Array.isArray(other)) return false;
  const [mine, others] = [one, other] as readonly [Fields, Fields];
  let count = 0;
  for (const key of Object.keys(mine)) {
    // JSON has no fields without a value.
    if (mine[key] === undefined) continue;
    if (!Object.hasOwn(others, key) || !isSameJson(mine[key], others[key])) return false;
    count += 1;
  }
  for (const key of Object.keys(others)) if (others[key] !== undefined) count -= 1;
  return count === 0;
}

type Fields = Readonly<Record<string, unknown>>;
