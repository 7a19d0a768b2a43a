import type {AppAnswer} from '../../reconciler/api/answers.ts';
import type {ReleaseSummary} from '../../reconciler/release/releases.ts';
import type {Palette} from './color.ts';
import {sourceLine} from './source.ts';
import {table} from './table.ts';
import {age} from './time.ts';

export interface AppInfo {
  /** The newest one; absent: nothing was released yet. */
  readonly release: ReleaseSummary | undefined;
  readonly cluster: {readonly name: string; readonly url: string};
  readonly nowMs: number;
  readonly colors: Palette;
}

/** `flynn info`, as `heroku info` prints it. */
export function appFacts(app: AppAnswer, {release, cluster, nowMs, colors}: AppInfo): readonly string[] {
  const {servingRelease = app.release} = app;
  const rows: readonly (readonly [string, string])[] = [
    ['Cluster:', `${cluster.name} (${cluster.url})`],
    ['Git URL:', app.gitUrl],
    ...app.urls.map((url) => ['Web URL:', url] as const),
    ...(app.ports ?? []).map(({port, service, sni}) => ['TCP port:', `${port} → ${service}${sni === undefined ? '' : ` for ${sni}`}`] as const),
    ...(app.source === undefined ? [] : [['Source:', sourceLine(app.source, {colors})] as const]),
    ['Services:', app.services.map(({name, healthy, wanted}) => `${name} ${healthy}/${wanted}`).join(', ') || 'none yet: git push flynn main'],
    ['Release:', release === undefined ? 'none yet' : `v${release.number} ${release.description}, ${release.by}, ${age(release.at, nowMs)} ago${release.state === 'current' ? '' : ` (${release.state})`}`],
    ...(servingRelease === undefined || servingRelease === release?.number ? [] : [['Serving:', `v${servingRelease}`] as const]),
    ['Maintenance:', app.isInMaintenance === true ? 'on' : 'off'],
  ];
  return [colors.title(`=== ⬢ ${app.name}`), ...table(rows)];
}
