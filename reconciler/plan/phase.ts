import type {DesiredApp, DesiredService, ResolvedApp} from '../desired/state.ts';
import type {Deploy, DeployRecord, KeptSpec} from '../observed/state.ts';
import {asPlaced, replicasWanted} from './room.ts';

/** Where an app stands between what it was last known to be good at and what its manifests want. */
export type Phase =
  /** What serves is what is wanted. `isRecorded`: the journal has these very manifests as the last good ones. */
  | {readonly kind: 'steady'; readonly serving: ResolvedApp; readonly isRecorded: boolean; readonly kept: readonly KeptSpec[]}
  /** Wanted, but no deploy of it has begun. */
  | {readonly kind: 'new'; readonly serving: ResolvedApp | undefined; readonly candidate: ResolvedApp}
  | {readonly kind: 'deploying'; readonly serving: ResolvedApp | undefined; readonly candidate: ResolvedApp; readonly deploy: Extract<Deploy, {state: 'deploying'}>}
  /** Sticky: not tried again until the app's files change. */
  | {
      readonly kind: 'failed';
      readonly serving: ResolvedApp | undefined;
      readonly deploy: Extract<Deploy, {state: 'failed'}>;
      /** The journal has the last good release at today's scale. */
      readonly isRecorded: boolean;
      /** What failed was what serves, started anew. */
      readonly isRestart: boolean;
    }
  /** Nothing runs. `isRecorded`: the journal says so too, for the case that the manifests become wrong. */
  | {readonly kind: 'suspended'; readonly serving: ResolvedApp | undefined; readonly wanted: ResolvedApp; readonly isRecorded: boolean}
  | {readonly kind: 'invalid'; readonly serving: ResolvedApp | undefined};

/** Two of an app with the same one differ by a restart only: nothing in them is new. */
export function keyByManifests({restartOf, specKey}: ResolvedApp): ResolvedApp['specKey'] {
  return restartOf ?? specKey;
}

/** A deploy of what serves already. */
export function isRestart(app: ResolvedApp, serving: ResolvedApp | undefined): boolean {
  return app.restartOf !== undefined && serving !== undefined && keyByManifests(app) === keyByManifests(serving);
}

export function phaseOf(app: DesiredApp, record: DeployRecord | undefined): Phase {
  const lastGood = asPlaced(record?.lastGood, app);
  if (app.state === 'invalid') return {kind: 'invalid', serving: lastGood};
  if (app.isSuspended === true) return {kind: 'suspended', serving: lastGood, wanted: app, isRecorded: lastGood === undefined || lastGood.isSuspended === true};
  const deploy = record?.deploy;
  if (deploy === undefined || deploy.specKey !== app.specKey) return {kind: 'new', serving: lastGood, candidate: app};
  const isSameTree = deploy.treeId === app.treeId;
  switch (deploy.state) {
    case 'healthy': return {kind: 'steady', serving: app, isRecorded: isSameTree, kept: deploy.kept ?? []};
    case 'deploying': return isSameTree ? {kind: 'deploying', serving: lastGood, candidate: app, deploy} : {kind: 'new', serving: lastGood, candidate: app};
    case 'failed': {
      if (!isSameTree) return {kind: 'new', serving: lastGood, candidate: app};
      const serving = withReplicasOf(lastGood, app);
      return {kind: 'failed', serving, deploy, isRestart: isRestart(app, serving), isRecorded: isSameScale(serving, record?.lastGood) && lastGood?.isSuspended !== true};
    }
  }
}

/** The last good release at today's scale: scaling goes on working while a newer release has failed. */
function withReplicasOf(lastGood: ResolvedApp | undefined, wanted: ResolvedApp): ResolvedApp | undefined {
  if (lastGood === undefined) return undefined;
  const scale = new Map(wanted.services.map(({name, replicas, unplaced}) => [name, {replicas, ...(unplaced && {unplaced})}]));
  const services = lastGood.services.map((service): DesiredService => ({...service, ...scale.get(service.name)}));
  const {isSuspended: _, ...rest} = lastGood;
  return {...rest, services};
}

function isSameScale(a: ResolvedApp | undefined, b: ResolvedApp | undefined): boolean {
  const scale = (app: ResolvedApp | undefined) => app?.services.map((service) => `${service.name}=${replicasWanted(service)}`).join();
  return scale(a) === scale(b);
}
