const DISTANCE_MAX = 2;

/** The name that was probably meant: at most two typing mistakes away, or the only one that starts like this. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({name, distance: distance(typed, name)}))
    .sort((one, other) => one.distance - other.distance);
  const best = ranked[0];
  if (best !== undefined && best.distance <= Math.min(DISTANCE_MAX, typed.length - 1)) return best.name;
  const longer = names.filter((name) => typed.length > 1 && name.startsWith(typed));
  return longer.length === 1 ? longer[0] : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (Damerau-Levenshtein, restricted). */
function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({length: other.length + 1}, (_, at) => at)];
  const cell = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= one.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      let best = Math.min(cell(row - 1, column) + 1, cell(row, column - 1) + 1, cell(row - 1, column - 1) + (isSame ? 0 : 1));
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        best = Math.min(best, cell(row - 2, column - 2) + 1);
      }
      rows[row]?.push(best);
    }
  }
  return cell(one.length, other.length);
}
