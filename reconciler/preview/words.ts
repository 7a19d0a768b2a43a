import {stringify} from 'yaml';
import type {AppDifference, Difference, FieldDifference, FileDifference} from '../desired/difference.ts';
import {counted} from '../desired/effects.ts';
import type {NodeShare} from '../desired/shares.ts';
import {formatBytes} from '../../schemas/quantity.ts';

/** How parts of a text stand out. */
export interface Paint {
  title(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  busy(text: string): string;
}

const same = (text: string) => text;
export const PLAIN: Paint = {title: same, good: same, bad: same, busy: same};

/** Longer values are cut: the whole of them is a matter for `git diff`. */
const VALUE_LENGTH_MAX = 120;

const SIGNS = {added: '+', changed: '~', removed: '-', renamed: '~'} as const;

/** Said of a change that has no words of its own. */
export const NO_CHANGE = 'no change to what runs (comments, formatting, or files that no node reads)';

/** What a change would do, line by line; none where nothing differs. */
export function differenceWords(difference: Difference, paint: Paint = PLAIN): readonly string[] {
  const {apps, shared, people, certificates} = difference;
  const signs = {added: paint.good(SIGNS.added), changed: paint.busy(SIGNS.changed), removed: paint.bad(SIGNS.removed), renamed: paint.busy(SIGNS.renamed)};
  return [
    ...shared.flatMap((file) => [`${signs.changed} ${paint.title(file.file)}`, ...fileWords(file).map(indented)]),
    ...apps.flatMap((app) => [`${signs[app.change]} ${paint.title(nameOf(app))}`, ...appWords(app).map(indented)]),
    ...(people.length === 0 ? [] : [paint.title('people'), ...people.map(indented)]),
    ...(certificates.length === 0 ? [] : [paint.title('certificates'), ...certificates.map(indented)]),
    ...costWords(difference),
  ];
}

/** What becomes of one app. */
export function appWords({change, fields, effects}: AppDifference): readonly string[] {
  // What a whole app said is more than anybody reads; that it goes is the news.
  return [...(change === 'renamed' ? ['renamed: releases, configuration, volumes, builds and logs stay with it'] : []), ...(change === 'removed' ? [] : fieldWords(fields)), ...effects];
}

/** What becomes of a file that is no app's. */
export function fileWords({fields, effects}: FileDifference): readonly string[] {
  return [...fieldWords(fields), ...effects];
}

/** `- shop`, `~ shop → store` */
export function headOf(app: AppDifference): string {
  return `${SIGNS[app.change]} ${nameOf(app)}`;
}

function nameOf({app, from}: AppDifference): string {
  return from === undefined ? app : `${from} → ${app}`;
}

export function fieldWords(fields: readonly FieldDifference[]): readonly string[] {
  const rows = fields.filter(({field}) => field !== 'apiVersion' && field !== 'kind').map(({field, from, to}) => [field, changed(from, to)] as const);
  const width = Math.max(0, ...rows.map(([field]) => field.length));
  return rows.map(([field, change]) => `${field.padEnd(width)}  ${change}`);
}

/** Memory and cores of all replicas, then by node; none where they stay. */
export function costWords({cost: {before, after}, nodes}: Pick<Difference, 'cost' | 'nodes'>): readonly string[] {
  const costs = amounts(before, after);
  return [
    ...(costs.length === 0 ? [] : [`all replicas together may use at most: ${costs.join(', ')}`]),
    ...nodes.flatMap((share) => {
      const words = shareWords(share);
      return words.length === 0 ? [] : [`on ${share.node}: ${words.join(', ')}`];
    }),
  ];
}

/** `2 apps change, 1 is new; 3 replicas start; memory 1Gi → 2Gi, cores 2 → 4` */
export function summaryOf({apps, shared, people, cost}: Difference): string {
  const of = (change: AppDifference['change']) => apps.filter((app) => app.change === change).length;
  const sum = (part: keyof AppDifference['replicas']) => apps.reduce((all, {replicas}) => all + replicas[part], 0);
  const [added, changedApps, removed, renamed] = [of('added'), of('changed'), of('removed'), of('renamed')];
  const [starts, stops, replaced] = [sum('starts'), sum('stops'), sum('replaced')];
  const groups = [
    [
      ...(changedApps === 0 ? [] : [`${counted(changedApps, 'app')} ${changedApps === 1 ? 'changes' : 'change'}`]),
      ...(added === 0 ? [] : [`${counted(added, 'app')} ${added === 1 ? 'is' : 'are'} new`]),
      ...(removed === 0 ? [] : [`${counted(removed, 'app')} ${removed === 1 ? 'goes' : 'go'}`]),
      ...(renamed === 0 ? [] : [`${counted(renamed, 'app')} ${renamed === 1 ? 'is' : 'are'} renamed`]),
      ...(shared.length === 0 ? [] : [`${counted(shared.length, 'other file')} ${shared.length === 1 ? 'changes' : 'change'}`]),
    ],
    people.length === 0 ? [] : [`${counted(people.length, 'change')} of rights`],
    [
      ...(starts === 0 ? [] : [`${counted(starts)} ${starts === 1 ? 'starts' : 'start'}`]),
      ...(stops === 0 ? [] : [`${counted(stops)} ${stops === 1 ? 'stops' : 'stop'}`]),
      ...(replaced === 0 ? [] : [`${counted(replaced)} ${replaced === 1 ? 'is' : 'are'} replaced`]),
    ],
    amounts(cost.before, cost.after),
  ];
  const words = groups.filter((group) => group.length > 0).map((group) => group.join(', ')).join('; ');
  return words === '' ? NO_CHANGE : words;
}

/** `replicas 2 → 4`, `memory 1Gi → 2Gi of 8Gi` */
export function shareWords({before, after, capacity}: NodeShare): readonly string[] {
  const amount = amounts(before, after, capacity);
  return [...(before.replicas === after.replicas ? [] : [`replicas ${before.replicas} → ${after.replicas}`]), ...amount];
}

function amounts(before: Difference['cost']['before'], after: Difference['cost']['after'], capacity?: NodeShare['capacity']): readonly string[] {
  return [
    ...(before.memoryBytes === after.memoryBytes ? [] : [`memory ${formatBytes(before.memoryBytes)} → ${formatBytes(after.memoryBytes)}${capacity === undefined ? '' : ` of ${formatBytes(capacity.memoryBytes)}`}`]),
    ...(before.cpus === after.cpus ? [] : [`cores ${before.cpus} → ${after.cpus}${capacity === undefined ? '' : ` of ${capacity.cpus}`}`]),
  ];
}

function changed(from: unknown, to: unknown): string {
  if (from === undefined) return `+ ${short(to)}`;
  return to === undefined ? `- ${short(from)}` : `${short(from)} → ${short(to)}`;
}

function short(value: unknown): string {
  const text = (typeof value === 'string' && !value.includes('\n') ? value : stringify(value, {collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0})).trim();
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}

function indented(line: string): string {
  return `    ${line}`;
}
