import {stringify} from 'yaml';
import type {Difference, FieldDifference} from '../../reconciler/desired/difference.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Palette} from './color.ts';
import {table} from './table.ts';

/** Longer values are cut: the whole of them is a matter for `git diff`. */
const VALUE_LENGTH_MAX = 120;

/** `flynn diff`; no line where nothing differs. */
export function differenceLines({apps, shared, cost: {before, after}}: Difference, {title, good, bad, busy}: Palette): readonly string[] {
  const signs = {added: good('+'), changed: busy('~'), removed: bad('-')};
  const costs = [
    ...(before.memoryBytes === after.memoryBytes ? [] : [`memory ${formatBytes(before.memoryBytes)} → ${formatBytes(after.memoryBytes)}`]),
    ...(before.cpus === after.cpus ? [] : [`cores ${before.cpus} → ${after.cpus}`]),
  ];
  return [
    ...shared.flatMap(({file, fields}) => [`${signs.changed} ${title(file)}`, ...rows(fields)]),
    // What a whole app said is more than anybody reads; that it comes or goes is the news.
    ...apps.flatMap(({app, change, fields, effects}) => [`${signs[change]} ${title(app)}`, ...(change === 'removed' ? [] : rows(fields)), ...effects.map((effect) => `    ${effect}`)]),
    ...(costs.length === 0 ? [] : [`all replicas together may use at most: ${costs.join(', ')}`]),
  ];
}

function rows(fields: readonly FieldDifference[]): readonly string[] {
  return table(fields.filter(({field}) => field !== 'apiVersion' && field !== 'kind').map(({field, from, to}) => [field, changed(from, to)])).map((line) => `    ${line}`);
}

function changed(from: unknown, to: unknown): string {
  if (from === undefined) return `+ ${short(to)}`;
  return to === undefined ? `- ${short(from)}` : `${short(from)} → ${short(to)}`;
}

function short(value: unknown): string {
  const text = (typeof value === 'string' && !value.includes('\n') ? value : stringify(value, {collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0})).trim();
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}
