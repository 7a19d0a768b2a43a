import type {ImageDigest} from '../../schemas/ids.ts';
import type {DesiredApp, ImageOrigin, ResolvedApp} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import {rebuildKey, type Action, type Plan, type Waiting} from './action.ts';
import type {Phase} from './phase.ts';
import {replicasWanted} from './room.ts';

type Images = Pick<ObservedState, 'images'>;

/** What is run where this image is wanted: itself, or what was built in its place. Undefined: this node has neither. */
export function imageHere(image: ImageDigest, {images}: Images): ImageDigest | undefined {
  return (images.find(({id}) => id === image) ?? images.find(({standsFor}) => standsFor?.includes(image)))?.id;
}

export type ImageFate =
  | {readonly state: 'here'}
  /** It is being built again, or about to be. */
  | {readonly state: 'coming'; readonly origin: ImageOrigin}
  /** `cause`: as the reason of a deploy's failure. */
  | {readonly state: 'gone'; readonly cause: string};

/** What becomes of the image of a release of this app. */
export function fateOfImage(release: Pick<ResolvedApp, 'imageOrigin'> | undefined, image: ImageDigest, {app, observed}: Around): ImageFate {
  if (imageHere(image, observed) !== undefined) return {state: 'here'};
  const what = `image ${image.slice(0, 19)} is not on this node`;
  const origin = release?.imageOrigin;
  if (origin?.image !== image) return {state: 'gone', cause: what};
  const lost = observed.lostImages?.get(app.name);
  const isLost = lost?.image === image && lost.treeId === app.treeId && lost.specKey === specKeyOf(app);
  return isLost ? {state: 'gone', cause: `${what}, and could not be built again from its source ${origin.commit.slice(0, 8)}: ${lost.cause}`} : {state: 'coming', origin};
}

interface Around {
  readonly app: DesiredApp;
  readonly observed: ObservedState;
}

/** Where the image comes from that this release waits for; undefined: it is here or gone for good, or nothing is started from it. */
export function imageAwaited(release: ResolvedApp, around: Around): ImageOrigin | undefined {
  const fate = fateOfRelease(release, around);
  return fate?.state === 'coming' ? fate.origin : undefined;
}

/** Why what serves can't be started any more; undefined: it can. */
export function whyNoImage(app: DesiredApp, serving: ResolvedApp | undefined, observed: ObservedState): string | undefined {
  const fate = serving && fateOfRelease(serving, {app, observed});
  return fate?.state === 'gone' ? fate.cause : undefined;
}

/**
 * A release whose image this node does not have is built again from its source, as its push did: a machine that was lost comes back from its
 * git repositories alone. First what serves, then what is to be deployed, which waits for it before its time begins.
 */
export function planMissingImage(app: DesiredApp, phase: Phase, observed: ObservedState): Plan {
  if (phase.kind === 'suspended') return {actions: [], waiting: []};
  const candidate = phase.kind === 'new' || phase.kind === 'deploying' ? phase.candidate : undefined;
  for (const release of [phase.serving, candidate]) {
    const origin = release && imageAwaited(release, {app, observed});
    if (release !== undefined && origin !== undefined) return rebuild(app, {release, origin}, observed);
  }
  return {actions: [], waiting: []};
}

/** The containers that are started have what this node has in the place of their image. */
export function withImagesHere(plan: Plan, observed: Images): Plan {
  if (observed.images.every(({standsFor}) => standsFor === undefined)) return plan;
  return {...plan, actions: plan.actions.map((action): Action => {
    switch (action.kind) {
      case 'run-container': return {...action, service: {...action.service, container: {...action.service.container, image: imageHere(action.service.container.image, observed) ?? action.service.container.image}}};
      case 'run-job': return {...action, container: {...action.container, image: imageHere(action.container.image, observed) ?? action.container.image}};
      default: return action;
    }
  })};
}

function rebuild(app: DesiredApp, {release: {release}, origin}: {readonly release: ResolvedApp; readonly origin: ImageOrigin}, observed: ObservedState): Plan {
  const source = origin.commit.slice(0, 8);
  const waiting: Waiting = {app: app.name, subject: IMAGE_SUBJECT, on: `image ${origin.image.slice(7, 19)} of v${release} being built again from its source ${source}`};
  if (observed.operations.has(rebuildKey(app.name))) return {actions: [], waiting: [waiting]};
  const reason = `the image of v${release} is not on this node, its source ${source} is in its repository`;
  return {actions: [{kind: 'rebuild-image', app: app.name, origin, treeId: app.treeId, specKey: specKeyOf(app), reason}], waiting: []};
}

/** The subject of the wait for an image. */
export const IMAGE_SUBJECT = 'its image';

function specKeyOf(app: DesiredApp): ResolvedApp['specKey'] | undefined {
  return app.state === 'resolved' ? app.specKey : undefined;
}

/** All that a release starts has one image. Undefined: it starts nothing. */
function fateOfRelease(release: ResolvedApp, around: Around): ImageFate | undefined {
  const image = release.services[0]?.container.image;
  return image === undefined || !isStarted(release) ? undefined : fateOfImage(release, image, around);
}

/** Whether anything is started from its image. */
function isStarted({services, crons, releaseJob, isSuspended}: ResolvedApp): boolean {
  return isSuspended !== true && (services.some((service) => replicasWanted(service) > 0) || (crons ?? []).length > 0 || releaseJob !== undefined);
}
