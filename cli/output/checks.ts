import type {Check} from '../check.ts';
import type {Palette} from './color.ts';
import {table} from './table.ts';

/** `flynn doctor`: a line each, and below it what to do. */
export function checkLines(checks: readonly Check[], {good, bad, busy}: Palette): readonly string[] {
  const signs = {good: good('✔'), warning: busy('!'), bad: bad('✘')};
  return table(checks.flatMap(({what, state, says, advice = []}) => [[`${signs[state]} ${what}`, says], ...advice.map((line) => ['', `→ ${line}`])]));
}
