import type {ContainerSpec} from '../adapters/engine.ts';
import * as labels from '../labels.ts';
import type {ActionOf} from '../plan/action.ts';

/**
 * Linux capabilities (capabilities(7)) that a replica keeps: what images that start as root need to prepare files, drop
 * to another user and listen on a low port. Everything else is dropped.
 */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID'] as const;

/** A replica in the engine's words. */
export function replicaSpec(
  {app, service, release, slot, attempt, failures, name}: ActionOf<'run-container'>,
  {instance, network, logBytesMax}: {instance: string; network: string; logBytesMax: number},
): ContainerSpec {
  const {container} = service;
  return {
    name: `${instance}-${name}`,
    image: container.image,
    command: container.command,
    env: {...container.env, FLYNN_APP: app, FLYNN_SERVICE: service.name, FLYNN_REPLICA: `${service.name}.${slot}`, FLYNN_RELEASE: `v${release}`},
    labels: {
      [labels.LABEL_INSTANCE]: instance,
      [labels.LABEL_ROLE]: 'app',
      [labels.LABEL_APP]: app,
      [labels.LABEL_SERVICE]: service.name,
      [labels.LABEL_SLOT]: String(slot),
      [labels.LABEL_RELEASE]: String(release),
      [labels.LABEL_SPEC]: service.specHash,
      [labels.LABEL_ATTEMPT]: String(attempt),
      [labels.LABEL_FAILURES]: String(failures),
      [labels.LABEL_FACTS]: JSON.stringify(container.facts),
      [labels.LABEL_LIMITS]: `${container.memoryBytes}/${container.cpus}`,
    },
    network,
    mounts: [],
    memoryBytes: container.memoryBytes,
    cpus: container.cpus,
    pidsMax: container.pidsMax,
    capabilities: CAPABILITIES,
    restart: 'never',
    logBytesMax,
  };
}
