import type {HistoryEntry, ReleaseDetails, ReleaseList, ReleaseSummary} from '../../reconciler/release/releases.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {BuildpackManifest} from '../../schemas/release.ts';
import type {Palette} from './color.ts';
import {table} from './table.ts';
import {age, localTime} from './time.ts';

interface Look {
  readonly nowMs: number;
  readonly colors: Palette;
}

/** `flynn releases`, as Heroku prints it. */
export function releaseTable(app: AppName, {current, serving, releases}: ReleaseList, {nowMs, colors}: Look): readonly string[] {
  return [
    colors.title(`=== ⬢ ${app} Releases${current === undefined ? '' : ` - Current: v${current}`}${serving === undefined ? '' : ` (v${serving} serves)`}`),
    ...table(releases.map((release) => [`v${release.number}`, release.description, release.by, when(release.at, nowMs), state(release, colors)])),
  ];
}

/** `flynn releases info v3` */
export function releaseFacts(release: ReleaseDetails, {nowMs, colors}: Look): readonly string[] {
  const {number, image, isImageHere, source, services, changes} = release;
  const said = state(release, colors);
  return [
    colors.title(`=== Release v${number}`),
    ...table([
      ['release', `${release.description}${said === '' ? '' : `, ${said}`}`],
      ['by', `${release.by}, ${when(release.at, nowMs)}`],
      ['commit', release.commit],
      ['source', source.commit === undefined ? `${source.image ?? ''}${source.id === undefined ? '' : ` (${source.id.slice(7, 19)})`}` : `${source.commit} (${source.builder ?? ''})`],
      ...(source.buildpacks ?? []).flatMap(buildpackRows),
      ['image', `${image}${isImageHere ? '' : colors.bad(' is not on this node any more')}`],
      ...Object.entries(services).map(([name, {command, port}]) => [name, `${command.length === 0 ? "the image's command" : command.join(' ')}${port === undefined ? '' : `, port ${port}`}`]),
    ]).map((line) => `  ${line}`),
    ...(changes.length === 0 ? [] : ['', colors.title('=== Configuration, since the release before'), ...changes.map((change) => `  ${change}`)]),
  ];
}

/** What it was, exactly, and what it says that it took. */
function buildpackRows({name, commit, sha256, report = {}}: BuildpackManifest): readonly (readonly string[])[] {
  const pin = commit !== undefined ? ` at ${commit.slice(0, 8)}` : sha256 !== undefined ? ` with sha256 ${sha256.slice(0, 8)}` : '';
  return [['buildpack', `${name}${pin}`], ...Object.entries(report).map(([what, version]) => ['', `${what} ${version}`])];
}

/** `flynn history` */
export function historyTable(entries: readonly HistoryEntry[], {nowMs}: Look): readonly string[] {
  return table(entries.map(({commit, subject, by, at, current, proposal}) => [commit.slice(0, 8), current === undefined ? '-' : `v${current}`, subject, by, when(at, nowMs), ...(proposal === undefined ? [] : [reviewed(proposal)])]));
}

function reviewed({by, approvedBy}: NonNullable<HistoryEntry['proposal']>): string {
  return `proposed by ${by}${approvedBy.length === 0 ? '' : `, approved by ${approvedBy.join(', ')}`}`;
}

function state({state: kind, detail = ''}: ReleaseSummary, colors: Palette): string {
  const [cause = ''] = detail.split('\n');
  switch (kind) {
    case 'current': return colors.good('current');
    case 'failed': return colors.bad(`failed, taken back: ${cause}`);
    case 'reverted': return colors.faint(`reverted ${cause}`);
    case 'kept':
    case 'old': return '';
  }
}

function when(at: string, nowMs: number): string {
  return `${localTime(at)} (~ ${age(at, nowMs)} ago)`;
}
