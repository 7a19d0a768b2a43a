import type {AppName} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';
import type {ObservedContainer, ObservedState} from '../observed/state.ts';
import type {Action, Plan} from './action.ts';
import {admitted} from './admission.ts';
import {agreedPairs} from './agreed.ts';
import {certificateOf, planCertificates} from './certificates.ts';
import {withImagesHere} from './images.ts';
import {planApp, type AppHere, type AppPlan, type RoutedPath} from './app.ts';
import {withoutNewStarts} from './cordon.ts';
import {replicasName} from './hosts.ts';
import {appsWithLeftovers, planHousekeeping} from './housekeeping.ts';
import {planAbandonedBuilds, planSystem} from './platform.ts';
import {planRegistry} from './registry.ts';
import {retireJob} from './job.ts';
import {retireAll} from './retire.ts';
import {planNetworks} from './networks.ts';
import {planRouter} from './router.ts';
import {planRuns} from './runs.ts';
import {planConnections, withSharedNetworks} from './shared-networks.ts';
import {planTcp, type RoutedPort} from './tcp.ts';
import {hostName, streamName} from '../router/names.ts';

/**
 * Decides what to do so that the node comes closer to `desired`.
 *
 * Pure and deterministic: no clock, no randomness, no I/O; the same two states give the same plan, byte for byte.
 * No `actions` means: nothing to do now. No `actions` and no `waiting` means: converged.
 */
export function plan(desired: DesiredState, observed: ObservedState): Plan {
  const byApp = Map.groupBy(observed.containers, ({app}) => app);
  const apps = desired.apps.map((app) => planAlone(app, {containers: byApp.get(app.name) ?? [], closed: desired.closed}, observed));
  const tcp = planTcp(apps.flatMap(({ports}) => ports), observed, (host) => certificateOf(host, desired.tls, observed));
  const certificates = planCertificates({routes: apps.flatMap(({routes}) => routes), ports: apps.flatMap(({ports}) => ports)}, desired.tls, observed);
  const parts: readonly Plan[] = [
    planSystem(desired, observed, tcp),
    planNetworks(desired, observed),
    planConnections(desired, observed),
    planRouter(apps, {...desired, structure: certificates.structure}, observed),
    certificates,
    tcp,
    ...apps,
    ...planGone(desired, byApp, observed),
    planHousekeeping(desired, observed),
    planRegistry(desired, observed),
    planAbandonedBuilds(observed),
    planRuns(desired, observed),
  ];
  return withImagesHere(admitted(withoutNewStarts({
    actions: withSharedNetworks(withIds(parts.flatMap((part) => part.actions), desired), agreedPairs(desired, observed), observed),
    waiting: parts.flatMap((part) => part.waiting),
    ...earliest(parts.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? [])),
  }, desired, observed), desired, observed), observed);
}

function earliest(times: readonly number[]): Pick<Plan, 'lookAgainAtMs'> {
  return times.length === 0 ? {} : {lookAgainAtMs: times.reduce((a, b) => Math.min(a, b))};
}

/** Containers of an app that was renamed get the volumes that it has had. */
function withIds(actions: readonly Action[], {apps}: DesiredState): readonly Action[] {
  const ids = new Map(apps.flatMap(({name, id}) => (id === undefined ? [] : [[name, id] as const])));
  if (ids.size === 0) return actions;
  return actions.map((action) => {
    const appId = action.kind === 'run-container' || action.kind === 'run-job' ? ids.get(action.app) : undefined;
    return appId === undefined ? action : {...action, appId};
  });
}

/** One bad app never blocks another, not even when it is we who are wrong about it: then it stays as it is, its traffic included. */
function planAlone(app: DesiredApp, here: AppHere, observed: ObservedState): AppPlan {
  try {
    return planApp(app, here, observed);
  } catch (error) {
    const on = `a mistake of Flynn's own to be mended: ${error instanceof Error ? error.message : String(error)}`;
    return {actions: [], waiting: [{app: app.name, subject: 'its plan', on}], ...asTheyAre(app, observed)};
  }
}

function asTheyAre(app: DesiredApp, {journal, router}: ObservedState): Pick<AppPlan, 'routes' | 'ports'> {
  const known = journal.get(app.name)?.lastGood ?? (app.state === 'resolved' ? app : undefined);
  const names = router.state === 'ready' ? router.names : new Map();
  return {
    routes: (known?.routes ?? []).map((route): RoutedPath =>
      ({...route, app: app.name, isHeld: true, ...(known?.errorPages && {errorPages: known.errorPages}), targets: names.get(hostName(route.host)) ?? (route.redirect === undefined ? names.get(replicasName({...route, app: app.name})) : undefined) ?? []})),
    ports: (known?.tcp ?? []).map((route): RoutedPort => {
      const replicas = known?.services.find(({name}) => name === route.service)?.replicas ?? 0;
      return {...route, app: app.name, isHeld: true, replicas, targets: names.get(streamName(route.service, app.name)) ?? []};
    }),
  };
}

/**
 * Apps that left the commit: their containers go, and what the disk knows of their deploys. Since when they are gone is noted while there is something of
 * them to collect later. Sources and volumes stay.
 */
function planGone(desired: DesiredState, byApp: ReadonlyMap<AppName, readonly ObservedContainer[]>, observed: ObservedState): readonly Plan[] {
  const wanted = new Set(desired.apps.map(({name}) => name));
  const leftovers = appsWithLeftovers(observed);
  const known = new Set([...byApp.keys(), ...observed.jobs.map(({app}) => app), ...observed.crons.keys(), ...observed.journal.keys(), ...leftovers]);
  return [...known].filter((app) => !wanted.has(app)).toSorted().map((app): Plan => {
    const reason = `app ${app} is not in commit ${desired.commit.slice(0, 8)}`;
    const containers = byApp.get(app) ?? [];
    const jobs = observed.jobs.filter((job) => job.app === app);
    if (containers.length > 0 || jobs.length > 0) {
      const {actions, waiting} = retireAll(containers, {reason, observed, keepExited: 0});
      return {actions: [...actions, ...jobs.flatMap((job) => retireJob(job, reason, observed))], waiting};
    }
    const record = observed.journal.get(app);
    const crons = Object.keys(observed.crons.get(app)?.crons ?? {});
    if (crons.length > 0) return {actions: crons.map((cron): Action => ({kind: 'forget-cron', app, cron, reason})), waiting: []};
    if (!leftovers.has(app)) return {actions: record === undefined ? [] : [{kind: 'forget-app', app, reason}], waiting: []};
    return {actions: record?.goneAtMs === undefined ? [{kind: 'note-gone', app, atMs: observed.nowMs, reason}] : [], waiting: []};
  });
}

