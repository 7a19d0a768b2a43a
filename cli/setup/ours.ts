import path from 'node:path';
import type Docker from 'dockerode';
import {anySignal} from '../../reconciler/any-signal.ts';
import {LABEL_FACTS, LABEL_INSTANCE, LABEL_ROLE} from '../../reconciler/labels.ts';
import {instanceOf} from '../../reconciler/settings.ts';

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

/** Data directories of other nodes of which something runs on this machine, sorted: what they share with their containers lies below them. */
export async function otherNodes(docker: Docker, instance: string, signal: AbortSignal): Promise<readonly string[]> {
  const found = await docker.listContainers({filters: {label: [LABEL_INSTANCE, LABEL_ROLE]}, abortSignal: deadline(signal)});
  const folders = found.flatMap(({Labels, Mounts = []}) => {
    const other = Labels[LABEL_INSTANCE];
    // The name of an instance is made from the folder, so that the right one is known when it is met.
    return other === instance ? [] : Mounts.flatMap(({Source}) => above(Source).find((folder) => instanceOf(folder) === other) ?? []);
  });
  return [...new Set(folders)].toSorted();
}

/** `/a/b/c`: /a/b/c, /a/b, /a */
function above(file: string): readonly string[] {
  const steps = path.resolve(file).split('/').filter(Boolean);
  return steps.map((_, index) => `/${steps.slice(0, steps.length - index).join('/')}`);
}

export function deadline(signal: AbortSignal, timeoutMs = ENGINE_TIMEOUT_MS): AbortSignal {
  return anySignal([signal, AbortSignal.timeout(timeoutMs)]);
}
