import type {AppName} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredService, DesiredState} from '../desired/state.ts';
import type {ObservedContainer, ObservedRun, ObservedState} from '../observed/state.ts';
import {isBusy} from '../plan/busy.ts';
import {imageHere} from '../plan/images.ts';
import {phaseOf} from '../plan/phase.ts';
import {isHealthy} from '../plan/health.ts';
import {Refused} from './oneshot.ts';

/** What the last pass saw; all that is asked for is looked up in it. */
export interface Seen {
  readonly desired: DesiredState;
  readonly observed: ObservedState;
}

const SERVICE_DEFAULT = 'web';

/** The service whose environment and limits a run gets, as the release that serves has it. */
export function serviceToRun({desired, observed}: Seen, {app: name, service}: {readonly app: AppName; readonly service?: string}): {readonly release: number; readonly service: DesiredService} {
  const app = wantedApp(desired, name);
  const {kind, serving} = phaseOf(app, observed.journal.get(name));
  if (kind === 'suspended' || serving?.isSuspended === true) throw new Refused('impossible', suspended(name));
  if (serving?.release === undefined) throw new Refused('impossible', `no release of "${name}" serves yet, so there is nothing to run a command in: git push flynn main`);
  const services = serving.services;
  const chosen = service === undefined ? services.find((one) => one.name === SERVICE_DEFAULT) ?? services[0] : services.find((one) => one.name === service);
  if (chosen === undefined) throw new Refused('missing', `release v${serving.release} of "${name}" has no service ${service === undefined ? '' : `"${service}" `}(it has ${services.map((one) => one.name).join(', ') || 'none'})`);
  const image = imageHere(chosen.container.image, observed, name);
  if (image === undefined) throw new Refused('impossible', `the image of v${serving.release} is not on this node: flynn status ${name}`);
  return {release: serving.release, service: image === chosen.container.image ? chosen : {...chosen, container: {...chosen.container, image}}};
}

export type Found =
  | {readonly kind: 'replica'; readonly container: ObservedContainer & {state: 'running'}}
  | {readonly kind: 'run'; readonly run: ObservedRun};

/** The container that runs under this name. While a deploy replaces it there are two for a moment: it is the one that serves. */
export function runningNamed({desired, observed}: Seen, {app: name, replica}: {readonly app: AppName; readonly replica: string}): Found {
  const app = wantedApp(desired, name);
  const run = observed.runs.find((one) => one.app === name && `run.${one.number}` === replica);
  if (run?.state === 'running') return {kind: 'run', run};
  const serving = new Set(phaseOf(app, observed.journal.get(name)).serving?.services.map(({specHash}) => specHash));
  const all = observed.containers.filter((container) => container.app === name && `${container.service}.${container.slot}` === replica);
  const rank = (container: ObservedContainer) => (serving.has(container.specHash) ? 0 : 2) + (isHealthy(container) ? 0 : 1);
  const [best] = all.filter((one) => one.state === 'running' && !isBusy(one, observed)).toSorted((a, b) => rank(a) - rank(b) || b.attempt - a.attempt);
  if (best?.state === 'running') return {kind: 'replica', container: best};
  if (all.length > 0 || run !== undefined) throw new Refused('impossible', `"${replica}" of "${name}" does not run now: flynn ps ${name}`);
  throw new Refused('missing', `"${name}" has no "${replica}": flynn ps ${name} lists what runs`);
}

/** The services that a restart makes anew. Refuses where it would change nothing, or try what has failed once more. */
export function servicesToRestart({desired, observed}: Seen, {app: name, service}: {readonly app: AppName; readonly service?: string}): readonly DesiredService[] {
  const app = wantedApp(desired, name);
  const phase = phaseOf(app, observed.journal.get(name));
  if (app.state === 'invalid' || phase.kind === 'invalid') throw new Refused('impossible', `the manifests of "${name}" are wrong, and what serves is kept as it is until they are right: flynn status ${name}`);
  if (phase.kind === 'suspended') throw new Refused('impossible', suspended(name));
  // Once a restart has failed, another one is a new try: what it starts is what serves.
  if (phase.kind === 'failed' && !phase.isRestart) throw new Refused('impossible', `"${name}" is stalled: ${phase.deploy.cause}; push what mends it, or take it back with git revert`);
  const all = app.services.filter(({replicas}) => replicas > 0);
  const chosen = service === undefined ? all : all.filter((one) => one.name === service);
  if (chosen.length > 0) return chosen;
  if (service === undefined) throw new Refused('impossible', app.release === undefined ? `nothing of "${name}" was pushed yet: git push flynn main` : `"${name}" is scaled to nothing, so nothing can be restarted`);
  const isKnown = app.services.some((one) => one.name === service);
  throw isKnown ? new Refused('impossible', `"${service}" of "${name}" is scaled to nothing, so nothing can be restarted`) : new Refused('missing', `"${name}" has no service "${service}" (it has ${app.services.map((one) => one.name).join(', ') || 'none'})`);
}

/** One replica that a restart makes anew, while nothing else is being done to its app. */
export function replicaToRestart(seen: Seen, {app: name, replica}: {readonly app: AppName; readonly replica: string}): ObservedContainer & {state: 'running'} {
  const found = runningNamed(seen, {app: name, replica});
  if (found.kind === 'run') throw new Refused('impossible', `"${replica}" is a one-off command: there is nothing to restart`);
  const app = wantedApp(seen.desired, name);
  const phase = phaseOf(app, seen.observed.journal.get(name));
  const {container} = found;
  if (phase.kind === 'new' || phase.kind === 'deploying') throw new Refused('impossible', `"${name}" is being deployed, which replaces its containers`);
  if (phase.kind !== 'steady') throw new Refused('impossible', `"${name}" is ${phase.kind === 'suspended' ? 'suspended' : 'stalled'}, and what serves is kept as it is: flynn status ${name}; to stop this container and start another: flynn kill ${replica}`);
  const service = phase.serving.services.find(({specHash}) => specHash === container.specHash);
  if (service === undefined || container.slot > service.replicas) throw new Refused('impossible', `"${replica}" of "${name}" is on its way out: flynn ps ${name}`);
  return container;
}

function suspended(name: AppName): string {
  return `"${name}" is suspended, and nothing of it runs until: flynn resume ${name}`;
}

function wantedApp({apps}: DesiredState, name: AppName): DesiredApp {
  const app = apps.find((one) => one.name === name);
  if (app === undefined) throw new Refused('missing', `there is no app "${name}"`);
  return app;
}
