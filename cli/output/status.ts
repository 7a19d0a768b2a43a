import type {AppStatus, Condition, NodeStatus} from '../../reconciler/status/status.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Palette} from './color.ts';
import {sourceLine} from './source.ts';
import {table} from './table.ts';
import {age} from './time.ts';

interface Look {
  readonly nowMs: number;
  readonly colors: Palette;
}

/** `flynn status`: the node, and a line for each app. */
export function nodeStatus(status: NodeStatus, look: Look): readonly string[] {
  return [
    look.colors.title(`=== ${status.cluster} (${status.domain}), node ${status.node}`),
    ...facts([
      ['revision', status.revision ?? 'none applied yet'],
      ['last pass', since(status.lastPassAt, look)],
      ['last success', since(status.lastSuccessfulPassAt, look)],
      ...status.nodes.map(({node, memoryBytes, cpus, free, closed}) => ['room', `${node}${closed === undefined ? '' : ` (${closed})`}: ${formatBytes(free.memoryBytes)} of ${formatBytes(memoryBytes)} memory and ${free.cpus} of ${cpus} cores are not requested`] as const),
    ]),
    ...conditions(status.conditions, look),
    ...(status.notices ?? []).map((notice) => `  note ${notice}`),
    '',
    ...(status.apps.length === 0 ? [noApps(status)] : appTable(status.apps, look)),
  ];
}

/** Before a commit could be read nothing is known of apps: why not stands in the conditions above. */
function noApps({commit, conditions}: NodeStatus): string {
  if (commit !== undefined) return 'no apps yet; make one: flynn create';
  return `which apps there are is not known: ${conditions.some(({type, status}) => type === 'Stalled' && status) ? 'no commit of the cluster repository could be read yet' : 'the cluster repository is being read'}`;
}

/** `flynn status shop`. */
export function appStatus(app: AppStatus, look: Look): readonly string[] {
  const services = app.services.map(({name, healthy, wanted}) => `${name} ${healthy}/${wanted}`).join(', ');
  return [
    look.colors.title(`=== ${app.name}${release(app)}`),
    ...facts([['services', services === '' ? 'none yet: git push flynn main' : services], ...app.urls.map((url) => ['url', `${url}${app.isInMaintenance ? '  (maintenance)' : ''}`] as const), ...(app.ports ?? []).map(({port, service, sni}) => ['port', `${port} → ${service}${sni === undefined ? '' : ` for ${sni}`}`] as const), ...(app.source === undefined ? [] : [['source', sourceLine(app.source, look)] as const])]),
    ...conditions(app.conditions, look),
    ...app.services.flatMap(({replicas}) => replicas).filter(({detail}) => detail !== undefined)
      .map(({name, state, detail}) => `  ${name} ${state}: ${detail}`),
    ...app.waiting.map((wait) => `  ${wait}`),
    ...(app.notices ?? []).map((notice) => `  note ${notice}`),
  ];
}

/** `flynn apps`, and a part of `flynn status`. */
export function appTable(apps: readonly AppStatus[], {nowMs, colors}: Look): readonly string[] {
  return table([
    ['APP', 'RELEASE', 'SERVICES', 'STATE', 'SINCE', 'MESSAGE'],
    ...apps.map((app) => {
      const condition = leading(app.conditions);
      return [
        app.name,
        app.release === undefined ? '-' : `v${app.release}`,
        app.services.map(({name, healthy, wanted}) => `${name} ${healthy}/${wanted}`).join(', ') || '-',
        condition === undefined ? '-' : colored(condition, colors)(condition.reason),
        condition === undefined ? '-' : age(condition.since, nowMs),
        condition?.message ?? '',
      ];
    }),
  ]);
}

/** The condition that says most about what a person should do: what is stuck, else what goes on, else whether it is ready. */
function leading(all: readonly Condition[]): Condition | undefined {
  const find = (type: Condition['type']) => all.find((condition) => condition.type === type);
  const [stalled, reconciling] = [find('Stalled'), find('Reconciling')];
  if (stalled?.status === true) return stalled;
  return reconciling?.status === true ? reconciling : find('Ready') ?? all[0];
}

function conditions(all: readonly Condition[], {nowMs, colors}: Look): readonly string[] {
  return table(all.map((condition) => [
    ` ${colored(condition, colors)(condition.type)}`,
    String(condition.status), condition.reason, condition.commit.slice(0, 8), age(condition.since, nowMs), condition.message,
  ])).map((line) => ` ${line}`);
}

function colored({type, status}: Condition, {good, bad, busy}: Palette): (text: string) => string {
  if (type === 'Stalled') return status ? bad : (text) => text;
  if (type === 'Reconciling') return status ? busy : (text) => text;
  return status ? good : bad;
}

function facts(rows: readonly (readonly [string, string])[]): readonly string[] {
  return table(rows).map((line) => `  ${line}`);
}

function since(at: string | undefined, {nowMs}: Look): string {
  return at === undefined ? 'never' : `${age(at, nowMs)} ago`;
}

function release({release, servingRelease}: AppStatus): string {
  if (release === undefined) return '';
  return servingRelease === undefined || servingRelease === release ? ` v${release}` : ` v${release} (v${servingRelease} serves)`;
}
