import type {AppName, ContainerId, ServiceName} from '../../schemas/ids.ts';
import type {ContainerRecord} from '../adapters/engine.ts';
import * as labels from '../labels.ts';
import type {ObservedRun} from './state.ts';

/** A run as the planner sees it; undefined when the labels don't say that it is one. */
export function toRun(record: ContainerRecord, isAttended: (name: string) => boolean): ObservedRun | undefined {
  const label = record.labels;
  const [app, service, mode] = [label[labels.LABEL_APP], label[labels.LABEL_SERVICE], label[labels.LABEL_MODE]];
  const number = Number(label[labels.LABEL_SLOT]);
  if (label[labels.LABEL_ROLE] !== 'run' || app === undefined || service === undefined || mode === undefined || !Number.isInteger(number)) return undefined;
  const name = runName(app, number);
  const base = {
    id: record.id as ContainerId,
    name,
    app: app as AppName,
    number,
    service: service as ServiceName,
    release: Number(label[labels.LABEL_RELEASE] ?? 0),
    program: label[labels.LABEL_PROGRAM] ?? '',
    isDetached: mode === 'detached',
    isAttended: isAttended(name),
    createdAtMs: record.createdAtMs,
  };
  switch (record.status) {
    case 'created': return {...base, state: 'created'};
    case 'running': return {...base, state: 'running', startedAtMs: record.startedAtMs};
    case 'exited': return {...base, state: 'exited', startedAtMs: record.startedAtMs, finishedAtMs: record.finishedAtMs, exitCode: record.exitCode, isOutOfMemory: record.isOutOfMemory};
  }
}

/** The container's name, without the instance. */
export function runName(app: string, number: number): string {
  return `${app}.run.${number}`;
}
