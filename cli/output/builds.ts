import type {BuildState, ListedBuild} from '../../reconciler/builds/builds.ts';
import type {AppName} from '../../schemas/ids.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Palette} from './color.ts';
import {table} from './table.ts';
import {age, localTime} from './time.ts';

interface Look {
  readonly nowMs: number;
  readonly colors: Palette;
}

/** `flynn builds` */
export function buildTable(app: AppName, builds: readonly ListedBuild[], {nowMs, colors}: Look): readonly string[] {
  return [
    colors.title(`=== ⬢ ${app} Builds`),
    ...table(builds.map((build) => [
      `#${build.number}`, colored(build.state, colors), build.commit.slice(0, 8), build.branch ?? '-', build.by, when(build.queuedAt, nowMs), lengthOf(build, nowMs) ?? '-', remark(build),
    ])),
  ];
}

/** `flynn builds info 12` */
export function buildFacts(build: ListedBuild, {nowMs, colors}: Look): readonly string[] {
  const {number, state, commit, branch, by, origin, queuedAt, builder, image, imageBytes, sourceBytes, release, reason, ahead} = build;
  const took = lengthOf(build, nowMs);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['state', `${colored(state, colors)}${ahead === undefined ? '' : `, ${placeOf(ahead)}`}`],
    ['reason', reason],
    ['commit', `${commit}${branch === undefined ? '' : ` (${branch})`}`],
    ['by', `${by}, ${ORIGINS[origin]}, ${when(queuedAt, nowMs)}`],
    ['took', took],
    ['builder', builder],
    ['source', sourceBytes === undefined ? undefined : formatBytes(sourceBytes)],
    ['image', image === undefined ? undefined : `${image.slice(7, 19)}${imageBytes === undefined ? '' : `, ${formatBytes(imageBytes)}`}`],
    ['release', release === undefined ? undefined : `v${release}`],
  ];
  return [colors.title(`=== Build #${number}`), ...table(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))).map((line) => `  ${line}`)];
}

/** `succeeded in 45 s`, `failed: no buildpack fits the app`, `is running` */
export function outcomeOf(build: ListedBuild): string {
  const {state, endedAt, reason} = build;
  if (endedAt === undefined) return `is ${state}`;
  if (state === 'succeeded') return `succeeded in ${lengthOf(build, 0)}`;
  return `${state === 'failed' ? state : `was ${state}`}${reason === undefined ? '' : `: ${reason}`}`;
}

const ORIGINS = {push: 'by a push', deploy: 'by flynn deploy', pull: 'from its source elsewhere', rebuild: 'because the image of a release is gone'} as const satisfies Record<ListedBuild['origin'], string>;

/** What it waited for is not its own time. Undefined: it has not begun, or never did. */
function lengthOf({startedAt, endedAt}: ListedBuild, nowMs: number): string | undefined {
  if (startedAt === undefined) return undefined;
  const seconds = Math.max(0, (endedAt === undefined ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)) / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function placeOf(ahead: number): string {
  return ahead === 0 ? 'next' : `${ahead} before it`;
}

function remark({release, reason, ahead}: ListedBuild): string {
  const said = reason ?? (ahead === undefined ? undefined : placeOf(ahead));
  return [...(release === undefined ? [] : [`v${release}`]), ...(said === undefined ? [] : [said])].join(': ');
}

function colored(state: BuildState, colors: Palette): string {
  switch (state) {
    case 'succeeded': return colors.good(state);
    case 'failed':
    case 'interrupted': return colors.bad(state);
    case 'running':
    case 'queued': return colors.busy(state);
    case 'cancelled': return colors.faint(state);
  }
}

function when(at: string, nowMs: number): string {
  return `${localTime(at)} (~ ${age(at, nowMs)} ago)`;
}
