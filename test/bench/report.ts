import {writeFile} from 'node:fs/promises';

/** One benchmark: answers rows of the table. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(context: BenchContext, signal: AbortSignal): Promise<readonly Row[]>;
}

export interface BenchContext {
  /** How often each thing is measured; rows have the medians. */
  readonly runs: number;
  /** Progress, for people. */
  readonly say: (line: string) => void;
  /** Runs when everything has been measured, or something failed: last come, first served. */
  readonly onEnd: (undo: () => Promise<void>) => void;
}

/** One line of the table. Values are in `unit`. */
export interface Row {
  readonly what: string;
  readonly unit: 'ms' | 's' | 'MB' | '%' | 'x' | 'n' | 'n/s';
  readonly ours?: Figure;
  /** What the engine alone takes for the same. */
  readonly floor?: Figure;
  readonly swarm?: Figure;
  /** What HAProxy takes in the same place. */
  readonly haproxy?: Figure;
  /** Largest value that is good enough. A row without one is there to explain another. */
  readonly target?: number;
}

/** A median of some, or why there is none. */
export type Figure = {readonly median: number; readonly min: number; readonly max: number; readonly count: number} | {readonly notAvailable: string};

export interface Section {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** Present: it could not be measured, or not to its end. */
  readonly problem?: string;
}

export function figure(values: readonly number[]): Figure {
  if (values.length === 0) return {notAvailable: 'no value'};
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  // Both are there: the array is not empty.
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return {median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0, count: sorted.length};
}

/** Undefined where there is nothing to compare. */
export function ratio(one: Figure | undefined, other: Figure | undefined): Figure | undefined {
  if (one === undefined || other === undefined || 'notAvailable' in one || 'notAvailable' in other || other.median === 0) return undefined;
  const value = one.median / other.median;
  return {median: value, min: value, max: value, count: one.count};
}

export function isMissed({ours, target}: Row): boolean {
  return target !== undefined && ours !== undefined && 'median' in ours && ours.median > target;
}

const HEADER = ['', 'ours', 'spread', 'floor', 'swarm', 'haproxy', 'target', ''] as const;

export function renderTable(machine: Readonly<Record<string, string>>, sections: readonly Section[]): string {
  const facts = Object.entries(machine).map(([name, value]) => `${name}: ${value}`);
  const lines = sections.map(({rows}) => rows.map(cells));
  const widths = HEADER.map((title, column) => Math.max(...[[HEADER], ...lines].flat().map((row) => (row[column] ?? '').length), title.length));
  const render = (row: readonly string[]) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd();
  const notes = [...new Set(sections.flatMap(({rows}) => rows).flatMap(({ours, floor, swarm, haproxy}) => [ours, floor, swarm, haproxy]).flatMap((one) => (one !== undefined && 'notAvailable' in one ? [one.notAvailable] : [])))];
  return [
    ...facts,
    '',
    render(HEADER),
    ...sections.flatMap(({title, problem}, index) => ['', title, ...(lines[index] ?? []).map(render), ...(problem === undefined ? [] : [`  not measured: ${problem}`])]),
    '',
    ...notes.map((note) => `n/a: not available: ${note}`),
  ].join('\n').trimEnd();
}

export async function writeJson(file: string, machine: Readonly<Record<string, string>>, sections: readonly Section[]): Promise<void> {
  await writeFile(file, `${JSON.stringify({at: new Date().toISOString(), machine, sections}, undefined, 2)}\n`);
}

function cells(row: Row): readonly string[] {
  const {what, unit, ours, floor, swarm, haproxy, target} = row;
  const verdict = target === undefined || ours === undefined || 'notAvailable' in ours ? '' : isMissed(row) ? 'MISSED' : 'ok';
  return [`  ${what}`, shown(ours, unit), spread(ours, unit), shown(floor, unit), shown(swarm, unit), shown(haproxy, unit), target === undefined ? '' : `<= ${number(target, unit)}`, verdict];
}

function shown(one: Figure | undefined, unit: Row['unit']): string {
  if (one === undefined) return '';
  return 'notAvailable' in one ? 'n/a' : number(one.median, unit);
}

function spread(one: Figure | undefined, unit: Row['unit']): string {
  return one === undefined || 'notAvailable' in one || one.count < 2 || one.min === one.max ? '' : `${digits(one.min, unit)}-${number(one.max, unit)}`;
}

function number(value: number, unit: Row['unit']): string {
  if (unit === 'n') return digits(value, unit);
  return `${digits(value, unit)}${unit === '%' || unit === 'x' ? '' : ' '}${unit === 'n/s' ? '/s' : unit}`;
}

function digits(value: number, unit: Row['unit']): string {
  return value.toFixed(unit === 'ms' && value >= 10 || unit === 'MB' && Math.abs(value) >= 10 || unit === 'n' || unit === 'n/s' ? 0 : unit === 'ms' ? 1 : 2);
}
