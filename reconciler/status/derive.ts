import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {DesiredApp, DesiredService, ResolvedApp} from '../desired/state.ts';
import type {DeployRecord, ObservedContainer, ObservedRun} from '../observed/state.ts';
import {formatWaiting} from '../plan/format.ts';
import type {Action, Waiting} from '../plan/action.ts';
import {isBusy} from '../plan/busy.ts';
import {phaseOf} from '../plan/phase.ts';
import {replicasWanted} from '../plan/room.ts';
import {howItEnded, isHealthy} from '../plan/health.ts';
import type {AppStatus, Condition, ReplicaStatus, RunStatus, ServiceStatus} from './status.ts';

/** A condition without its time, which only the hub knows. */
export type Claim = Omit<Condition, 'since' | 'commit'>;

export interface AppFacts {
  readonly app: DesiredApp;
  readonly record: DeployRecord | undefined;
  readonly containers: readonly ObservedContainer[];
  readonly runs: readonly ObservedRun[];
  readonly waiting: readonly Waiting[];
  /** What the pass begins, or would begin if it could. Absent: nothing. */
  readonly actions?: readonly Action[];
  /** Names of containers that something is being done to. */
  readonly busy: ReadonlySet<string>;
  /** Why nothing of what serves can be started any more. Absent: it can. */
  readonly imageGone?: string;
  /** What a port of the node waits for that is to lead to it. Absent: nothing. */
  readonly portWaits?: string | undefined;
  urlOf(host: string): string;
}

/** What people see of one app, from what one pass saw, but for its conditions. Pure. */
export function deriveApp(facts: AppFacts): Omit<AppStatus, 'conditions' | 'source'> {
  const {app, record, containers} = facts;
  const phase = phaseOf(app, record);
  const serving = phase.serving;
  const wanted = app.state === 'resolved' ? app : serving;
  return {
    name: app.name,
    ...(app.id !== undefined && {id: app.id}),
    ...(wanted?.release === undefined ? {} : {release: wanted.release}),
    ...(serving?.release === undefined || serving.release === wanted?.release ? {} : {servingRelease: serving.release}),
    urls: hostsOf((serving ?? wanted)?.routes ?? []).map(facts.urlOf),
    ...portsOf((serving ?? wanted)?.tcp),
    ...(wanted?.isInMaintenance && {isInMaintenance: true}),
    services: (wanted?.services ?? []).map((service) => serviceStatus(service, serving, containers, facts.busy)),
    runs: facts.runs.toSorted((a, b) => a.createdAtMs - b.createdAtMs || a.number - b.number).map((run) => runStatus(run, facts.busy)),
    waiting: [...facts.waiting, ...begunBy(facts)].map(formatWaiting),
  };
}

/** What the next pass waits for, which sees it being done: without it the app would seem to be done for the moment between. */
function begunBy({app, containers, actions = []}: AppFacts): readonly Waiting[] {
  const ending = new Set(actions.flatMap((action) => (action.kind === 'stop-container' || action.kind === 'remove-container' ? [action.id] : [])));
  const written = actions.filter((action) => action.kind === 'write-deploy');
  return [
    ...written.map(({deploy: {release}}) => ({app: app.name, subject: release === undefined ? 'configuration' : `release v${release}`, on: 'its state to be written down'})),
    ...containers.filter(({id}) => ending.has(id)).map(({service, slot, release}) => ({app: app.name, subject: `${service}.${slot} (v${release})`, on: 'its end: it is being stopped'})),
  ];
}

/** Each once, what somebody can open first. */
export function hostsOf(routes: ResolvedApp['routes']): readonly string[] {
  return [...new Set(routes.map(({host}) => host))].toSorted((a, b) => Number(a.startsWith('*')) - Number(b.startsWith('*')));
}

function portsOf(tcp: ResolvedApp['tcp']): Pick<AppStatus, 'ports'> {
  return tcp === undefined ? {} : {ports: tcp.map(({port, service, sni}) => ({port, service, ...(sni !== undefined && {sni})}))};
}

/** What can be said of one app after one pass. Pure. */
export function claimsOf({app, record, containers, busy, imageGone, portWaits}: Pick<AppFacts, 'app' | 'record' | 'containers' | 'busy' | 'imageGone' | 'portWaits'>): readonly Claim[] {
  const phase = phaseOf(app, record);
  const ready = phase.serving?.isSuspended === true ? SUSPENDED : readiness(phase.serving, containers, busy);
  switch (phase.kind) {
    case 'suspended': return [SUSPENDED];
    case 'steady':
      if (!ready.status && imageGone !== undefined) return [ready, {type: 'Stalled', status: true, reason: 'ImageMissing', message: `${imageGone}; to try it again: flynn restart -a ${app.name}`}];
      if (ready.status && portWaits !== undefined) return [{...ready, status: false, reason: 'PortWaits', message: `${ready.message}; ${portWaits}`}, {type: 'Reconciling', status: true, reason: 'PortWaits', message: portWaits}];
      return ready.status ? [ready] : [ready, {...ready, type: 'Reconciling', status: true}];
    case 'new':
    case 'deploying': return [ready, {type: 'Reconciling', status: true, reason: 'Deploying', message: `${releaseName(phase.candidate)} is being deployed: ${counts(phase.candidate, containers, busy)}`}];
    case 'failed': return [ready, {type: 'Stalled', status: true, reason: phase.isRestart ? 'RestartFailed' : 'ReleaseFailed', message: `${phase.isRestart ? `a restart of ${releaseName(phase.deploy)}` : releaseName(phase.deploy)} failed: ${phase.deploy.cause}`}];
    case 'invalid': {
      const problems = app.state === 'invalid' ? app.problems.map(formatDiagnostic).join('\n') : '';
      return [ready, {type: 'Stalled', status: true, reason: app.state === 'invalid' && app.reason !== undefined ? app.reason : 'InvalidManifest', message: problems}];
    }
  }
}

const SUSPENDED: Claim = {type: 'Ready', status: false, reason: 'Suspended', message: 'app.yaml says suspend: true: nothing of it runs'};

function serviceStatus(service: DesiredService, serving: ResolvedApp | undefined, containers: readonly ObservedContainer[], busy: ReadonlySet<string>): ServiceStatus {
  const mine = containers.filter((container) => container.service === service.name);
  const hashes = new Set([service.specHash, serving?.services.find(({name}) => name === service.name)?.specHash]);
  const shown = mine.filter((container) => container.state !== 'exited' || isNewestOfSlot(container, mine) && hashes.has(container.specHash) && container.slot <= service.replicas);
  return {
    name: service.name,
    command: service.container.command,
    wanted: replicasWanted(service),
    ...(service.unplaced && {waitsFor: `${service.unplaced.isOverQuota === true ? 'over quota: ' : ''}${service.unplaced.on}`}),
    healthy: healthyOf(service, containers, busy),
    replicas: shown.toSorted((a, b) => a.slot - b.slot || a.createdAtMs - b.createdAtMs).map((container) => replicaStatus(container, busy)),
  };
}

function isNewestOfSlot(container: ObservedContainer, all: readonly ObservedContainer[]): boolean {
  return !all.some((other) => other.slot === container.slot && other.createdAtMs > container.createdAtMs);
}

function replicaStatus(container: ObservedContainer, busy: ReadonlySet<string>): ReplicaStatus {
  const base = {name: `${container.service}.${container.slot}`, containerId: container.id, release: container.release};
  const at = (ms: number) => new Date(ms).toISOString();
  if (container.state === 'created') return {...base, state: container.error === undefined ? 'starting' : 'crashed', since: at(container.createdAtMs), ...(container.error !== undefined && {detail: howItEnded(container)})};
  if (container.state === 'exited') return {...base, state: 'crashed', since: at(container.finishedAtMs), detail: howItEnded(container)};
  const since = at(container.startedAtMs);
  if (busy.has(`container ${container.name}`)) return {...base, state: 'stopping', since};
  const {health} = container;
  if (health.state === 'healthy') return {...base, state: 'up', since, ...(container.drift !== undefined && {detail: container.drift})};
  const detail = 'detail' in health && health.detail !== undefined ? {detail: health.detail} : {};
  return {...base, state: health.state === 'unhealthy' ? 'unhealthy' : 'starting', since, ...detail};
}

function runStatus(run: ObservedRun, busy: ReadonlySet<string>): RunStatus {
  const {number, release, program, isDetached} = run;
  const base = {name: `run.${number}`, containerId: run.id, release, program, isDetached};
  const at = (ms: number) => new Date(ms).toISOString();
  switch (run.state) {
    case 'created': return {...base, state: 'starting', since: at(run.createdAtMs)};
    case 'running': return {...base, state: busy.has(`container ${run.name}`) ? 'stopping' : 'up', since: at(run.startedAtMs)};
    case 'exited': return {...base, state: 'ended', since: at(run.finishedAtMs), detail: howItEnded(run)};
  }
}

function readiness(serving: ResolvedApp | undefined, containers: readonly ObservedContainer[], busy: ReadonlySet<string>): Claim {
  if (serving === undefined) return {type: 'Ready', status: false, reason: 'NothingServes', message: 'no release has become healthy yet'};
  if (serving.release === undefined) return {type: 'Ready', status: true, reason: 'NoRelease', message: 'nothing was pushed yet: git push flynn main'};
  const isComplete = serving.services.every((service) => healthyOf(service, containers, busy) >= service.replicas);
  const unplaced = serving.services.find((service) => service.unplaced !== undefined);
  const reason = !isComplete ? 'ReplicasMissing' : unplaced === undefined ? 'Healthy' : unplaced.unplaced?.isOverQuota === true ? 'OverQuota' : 'NoRoom';
  const room = unplaced?.unplaced === undefined ? '' : `; ${unplaced.name} ${unplaced.unplaced.isOverQuota === true ? 'is over quota' : 'waits for room'}: ${unplaced.unplaced.on}`;
  return {type: 'Ready', status: reason === 'Healthy', reason, message: `${releaseName(serving)}: ${counts(serving, containers, busy)}${room}`};
}

function releaseName({release}: {readonly release?: number}): string {
  return release === undefined ? 'the configuration' : `release v${release}`;
}

function counts(app: ResolvedApp, containers: readonly ObservedContainer[], busy: ReadonlySet<string>): string {
  const running = app.services.filter((service) => replicasWanted(service) > 0);
  if (running.length === 0) return 'scaled to nothing';
  return running.map((service) => `${service.name} [${Math.min(healthyOf(service, containers, busy), service.replicas)}/${replicasWanted(service)}]`).join(', ');
}

/** One that is being stopped still answers, but nobody may count on it: after "scale 1, scale 3" the old two are on their way out. A replica that is being replaced counts once. */
function healthyOf(service: DesiredService, containers: readonly ObservedContainer[], busy: ReadonlySet<string>): number {
  const healthy = containers.filter((container) => container.service === service.name && container.specHash === service.specHash && isHealthy(container) && !isBusy(container, {operations: busy}));
  return new Set(healthy.map(({slot}) => slot)).size;
}
