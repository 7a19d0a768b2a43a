import type Docker from 'dockerode';
import {LABEL_FACTS, LABEL_INSTANCE, LABEL_ROLE} from '../../reconciler/labels.ts';

/** Is told by labels alone: what does not carry our instance and a role is not ours. */
export interface OurContainer {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly isRunning: boolean;
  readonly facts: string | undefined;
}

const ENGINE_TIMEOUT_MS = 20_000;

export function instanceFilter(instance: string): {readonly label: string[]} {
  return {label: [`${LABEL_INSTANCE}=${instance}`]};
}

export async function ourContainers(docker: Docker, instance: string, signal: AbortSignal): Promise<readonly OurContainer[]> {
  const found = await docker.listContainers({all: true, filters: instanceFilter(instance), abortSignal: deadline(signal)});
  return found.flatMap(({Id, Names, Labels, State}) => {
    const role = Labels[LABEL_ROLE];
    // A container that somebody starts by hand inherits the instance from an app's image, but no image has a role.
    if (role === undefined) return [];
    const isRunning = State === 'running' || State === 'paused' || State === 'restarting';
    return [{id: Id, name: (Names[0] ?? Id).replace(/^\//, ''), role, isRunning, facts: Labels[LABEL_FACTS]}];
  });
}

export function deadline(signal: AbortSignal, timeoutMs = ENGINE_TIMEOUT_MS): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
}
