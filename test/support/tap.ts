/** Sums over any number of runs. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export type TapLine =
  | {readonly kind: 'passed' | 'failed' | 'skipped'; readonly title: string}
  /** Of a failed test: what was expected, where. */
  | {readonly kind: 'detail'; readonly text: string}
  | {readonly kind: 'other'};

/** Reads one line of the Test Anything Protocol (version 13), as ava's `--tap` writes it. A `TODO` counts as skipped. */
export function parseTap(line: string): TapLine {
  const [, not, rest] = /^(not )?ok \d+(?: - )?(.*)$/.exec(line) ?? [];
  if (rest === undefined) return /^ {2}/.test(line) || line.startsWith('# ✘') ? {kind: 'detail', text: line} : {kind: 'other'};
  const [, title = rest, directive] = /^(.*?) # (SKIP|TODO)\b/i.exec(rest) ?? [];
  if (directive !== undefined) return {kind: 'skipped', title};
  return {kind: not === undefined ? 'passed' : 'failed', title};
}

/** `212 passed, 0 failed`; `, 3 skipped` only when there are any. */
export function formatTally({passed, failed, skipped}: Tally): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
