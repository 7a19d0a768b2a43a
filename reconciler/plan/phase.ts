import type {DesiredApp, DesiredService, ResolvedApp} from '../desired/state.ts';
import type {Deploy, DeployRecord} from '../observed/state.ts';
import {asPlaced, replicasWanted} from './room.ts';

/** Where an app stands between what it was last known to be good at and what its manifests want. */
export type Phase =
  /** What serves is what is wanted. `isRecorded`: the journal has these very manifests as the last good ones. */
  | {readonly kind: 'steady'; readonly serving: ResolvedApp; readonly isRecorded: boolean}
  /** Wanted, but no deploy of it has begun. */
  | {readonly kind: 'new'; readonly serving: ResolvedApp | undefined; readonly candidate: ResolvedApp}
  | {readonly kind: 'deploying'; readonly serving: ResolvedApp | undefined; readonly candidate: ResolvedApp; readonly deploy: Deploy}
  /** Sticky: not tried again until the app's files change. */
  | {
      readonly kind: 'failed';
      readonly serving: ResolvedApp | undefined;
      readonly deploy: Extract<Deploy, {state: 'failed'}>;
      /** The journal has the last good release at today's scale. */
      readonly isRecorded: boolean;
    }
  | {readonly kind: 'invalid'; readonly serving: ResolvedApp | undefined};

/** Two of an app with the same one differ by a restart only: nothing in them is new. */
export function keyByManifests({restartOf, specKey}: ResolvedApp): ResolvedApp['specKey'] {
  return restartOf ?? specKey;
}

export function phaseOf(app: DesiredApp, record: DeployRecord | undefined): Phase {
  const lastGood = asPlaced(record?.lastGood, app);
  if (app.state === 'invalid') return {kind: 'invalid', serving: lastGood};
  const deploy = record?.deploy;
  if (deploy === undefined || deploy.specKey !== app.specKey) return {kind: 'new', serving: lastGood, candidate: app};
  const isSameTree = deploy.treeId === app.treeId;
  switch (deploy.state) {
    case 'healthy': return {kind: 'steady', serving: app, isRecorded: isSameTree};
    case 'deploying': return isSameTree ? {kind: 'deploying', serving: lastGood, candidate: app, deploy} : {kind: 'new', serving: lastGood, candidate: app};
    case 'failed': {
      if (!isSameTree) return {kind: 'new', serving: lastGood, candidate: app};
      const serving = withReplicasOf(lastGood, app);
      return {kind: 'failed', serving, deploy, isRecorded: isSameScale(serving, record?.lastGood)};
    }
  }
}

/** The last good release at today's scale: scaling goes on working while a newer release has failed. */
function withReplicasOf(lastGood: ResolvedApp | undefined, wanted: ResolvedApp): ResolvedApp | undefined {
  if (lastGood === undefined) return undefined;
  const scale = new Map(wanted.services.map(({name, replicas, unplaced}) => [name, {replicas, ...(unplaced && {unplaced})}]));
  const services = lastGood.services.map((service): DesiredService => ({...service, ...scale.get(service.name)}));
  return {...lastGood, services};
}

function isSameScale(a: ResolvedApp | undefined, b: ResolvedApp | undefined): boolean {
  const scale = (app: ResolvedApp | undefined) => app?.services.map((service) => `${service.name}=${replicasWanted(service)}`).join();
  return scale(a) === scale(b);
}
