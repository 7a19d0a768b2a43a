/** Left-aligned columns, two spaces apart, without trailing spaces. The first row may be the heads. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  return rows.map((row) => row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell))).join('  ').trimEnd());
}

/** In characters as a terminal counts them for our own texts: colours have no width. */
function width(cell: string): number {
  return [...cell.replaceAll(/\x1b\[\d+m/g, '')].length;
}
