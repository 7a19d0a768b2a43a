import type {ContainerFacts, DesiredSystem} from '../desired/state.ts';
import type {AppName, ContainerId, CronName, ServiceName, SpecHash} from '../../schemas/ids.ts';
import type {ContainerRecord} from '../adapters/engine.ts';
import * as labels from '../labels.ts';
import type {Health, Job, ObservedContainer, ObservedJob} from './state.ts';
import type {ObservedSystem} from './system.ts';

/** Where what is on the node's own network listens, among other addresses. */
const LOOPBACK = '127.0.0.1';

/** A replica as the planner sees it; undefined when the labels don't say that it is one: then it is not to be planned for. */
export function toReplica(record: ContainerRecord, instance: string, health: (id: string) => Health): ObservedContainer | undefined {
  const label = record.labels;
  const [app, service, specHash, facts] = [label[labels.LABEL_APP], label[labels.LABEL_SERVICE], label[labels.LABEL_SPEC], factsOf(label[labels.LABEL_FACTS])];
  const slot = Number(label[labels.LABEL_SLOT]);
  const attempt = Number(label[labels.LABEL_ATTEMPT]);
  if (label[labels.LABEL_ROLE] !== 'app' || app === undefined || service === undefined || specHash === undefined || facts === undefined) return undefined;
  if (!Number.isInteger(slot) || !Number.isInteger(attempt)) return undefined;
  const base = {
    id: record.id as ContainerId,
    name: `${app}.${service}.${slot}-${specHash.slice(0, 8)}-${attempt}`,
    app: app as AppName,
    service: service as ServiceName,
    slot,
    release: Number(label[labels.LABEL_RELEASE] ?? 0),
    specHash: specHash as SpecHash,
    attempt,
    failures: Number(label[labels.LABEL_FAILURES] ?? 0),
    createdAtMs: record.createdAtMs,
    facts,
  };
  switch (record.status) {
    case 'created': return {...base, state: 'created', ...(record.error === '' ? {} : {error: record.error})};
    case 'exited': {
      const {startedAtMs, finishedAtMs, exitCode, isOutOfMemory} = record;
      return {...base, state: 'exited', startedAtMs, finishedAtMs, exitCode, isOutOfMemory};
    }
    case 'running': {
      const shared = record.addresses[instance];
      const address = facts.isOnHostNetwork === true ? LOOPBACK : record.addresses[labels.appNetwork(instance, app)] ?? shared;
      const byHand = handmadeDrift(record, address);
      const drift = byHand !== undefined ? `was changed by hand: ${byHand}` : address !== undefined && address === shared ? 'is on the network that all apps once shared, and gets one of its app alone' : undefined;
      return {
        ...base,
        state: 'running',
        startedAtMs: record.startedAtMs,
        // It answers nobody: what its last probe said does not count any more.
        health: record.isPaused ? {state: 'unhealthy', detail: 'it is paused'} : health(record.id),
        ...(address === undefined ? {} : {address}),
        ...(drift === undefined ? {} : {drift}),
      };
    }
  }
}

/** A job as the planner sees it; undefined when the labels don't say that it is one. */
export function toJob(record: ContainerRecord): ObservedJob | undefined {
  const label = record.labels;
  if (label[labels.LABEL_ROLE] !== 'job') return undefined;
  const [app, run, facts, job] = [label[labels.LABEL_APP], label[labels.LABEL_RUN], factsOf(label[labels.LABEL_FACTS]), jobOf(label)];
  if (app === undefined || run === undefined || facts === undefined || job === undefined) return undefined;
  const base = {
    id: record.id as ContainerId,
    name: `${app}.${job.kind === 'cron' ? job.cron : job.kind}.${run}`,
    app: app as AppName,
    job,
    release: Number(label[labels.LABEL_RELEASE] ?? 0),
    createdAtMs: record.createdAtMs,
    stopGraceMs: facts.stopGraceMs,
  };
  switch (record.status) {
    case 'created': return {...base, state: 'created', ...(record.error === '' ? {} : {error: record.error})};
    case 'running': return {...base, state: 'running', startedAtMs: record.startedAtMs};
    case 'exited': {
      const {startedAtMs, finishedAtMs, exitCode, isOutOfMemory} = record;
      return {...base, state: 'exited', startedAtMs, finishedAtMs, exitCode, isOutOfMemory};
    }
  }
}

function jobOf(label: ContainerRecord['labels']): Job | undefined {
  const run = label[labels.LABEL_RUN] ?? '';
  const cron = label[labels.LABEL_CRON];
  if (label[labels.LABEL_JOB] === 'release') return {kind: 'release', run};
  return label[labels.LABEL_JOB] === 'cron' && cron !== undefined ? {kind: 'cron', cron: cron as CronName, run} : undefined;
}

function handmadeDrift(record: ContainerRecord & {status: 'running'}, address: string | undefined): string | undefined {
  if (record.isPaused) return 'it is paused';
  if (address === undefined) return 'it is not connected to its network';
  const [memory, cpus] = (record.labels[labels.LABEL_LIMITS] ?? '').split('/').map(Number);
  if (memory !== undefined && record.memoryBytes !== memory) return `its memory limit is ${record.memoryBytes} bytes, not ${memory}`;
  if (cpus !== undefined && Math.abs(record.cpus - cpus) > 0.001) return `its CPU limit is ${record.cpus} cores, not ${cpus}`;
  return undefined;
}

/** Written by us; but a label can be anything by the time it is read. */
function factsOf(text: string | undefined): ContainerFacts | undefined {
  if (text === undefined) return undefined;
  try {
    const facts = JSON.parse(text) as Partial<ContainerFacts> | null;
    return typeof facts?.stopGraceMs === 'number' && typeof facts.check?.kind === 'string' ? (facts as ContainerFacts) : undefined;
  } catch {
    return undefined;
  }
}

export function toSystem(record: ContainerRecord): ObservedSystem | undefined {
  const role = record.labels[labels.LABEL_ROLE];
  if (role !== 'router' && role !== 'dns' && role !== 'tcp' && role !== 'ssh') return undefined;
  return {
    id: record.id as ContainerId,
    name: record.name,
    role: role satisfies DesiredSystem['role'],
    specHash: (record.labels[labels.LABEL_SPEC] ?? '') as SpecHash,
    state: record.status === 'running' && record.isPaused ? 'paused' : record.status,
    createdAtMs: record.createdAtMs,
    ...(record.status === 'running' && {startedAtMs: record.startedAtMs}),
    ...(record.status === 'exited' && {finishedAtMs: record.finishedAtMs}),
    shift: Number(record.labels[labels.LABEL_SHIFT] ?? 0),
    isKept: record.restart === 'always',
  };
}
