import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import type {DesiredApp, ImageOrigin, ResolvedApp} from '../desired/state.ts';
import type {LostImage, ObservedState} from '../observed/state.ts';
import {rebuildKey, type Action, type Plan, type Waiting} from './action.ts';
import type {Phase} from './phase.ts';
import {replicasWanted} from './room.ts';

type Images = Pick<ObservedState, 'images'>;

/**
 * What is run where this image is wanted: itself, or what was built in its place. Undefined: this node has neither. An image of another app is none for this
 * one: who may deploy that one would see what is in it.
 */
export function imageHere(image: ImageDigest, {images}: Images, app?: AppName): ImageDigest | undefined {
  const own = app === undefined ? images : images.filter((one) => one.app === app);
  return (own.find(({id}) => id === image) ?? own.find(({standsFor}) => standsFor?.includes(image)))?.id;
}

export type ImageFate =
  | {readonly state: 'here'}
  /** It is pulled or built again, or about to be. */
  | {readonly state: 'coming'; readonly origin: ImageOrigin; readonly way: ImageWay}
  /** Why it failed may pass: all is tried once more. `cause`: as below. */
  | {readonly state: 'later'; readonly cause: string; readonly tries: number; readonly untilMs: number}
  /** `cause`: as the reason of a deploy's failure. */
  | {readonly state: 'gone'; readonly cause: string};

export type ImageWay =
  | {readonly kind: 'pull'; readonly name: string}
  /** `after`: why the registry did not give it. */
  | {readonly kind: 'build'; readonly commit: CommitId; readonly after?: string};

/** What becomes of the image of a release of this app. */
export function fateOfImage(release: Pick<ResolvedApp, 'imageOrigin'> | undefined, image: ImageDigest, {app, observed}: Around): ImageFate {
  if (imageHere(image, observed, app.name) !== undefined) return {state: 'here'};
  const owner = observed.images.find(({id}) => id === image)?.app;
  const what = `image ${image.slice(0, 19)} is ${owner === undefined ? 'not on this node' : `one of the app ${owner}`}`;
  const origin = release?.imageOrigin;
  if (origin?.image !== image) return {state: 'gone', cause: what};
  const {registry, commit} = origin;
  const lost = failuresOf(image, {app, observed});
  if (registry !== undefined && lost?.registry === undefined) return {state: 'coming', origin, way: {kind: 'pull', name: registry}};
  if (commit !== undefined && lost?.build === undefined) return {state: 'coming', origin, way: {kind: 'build', commit, ...(lost?.registry !== undefined && {after: lost.registry})}};
  const cause = [
    what,
    ...(lost?.registry === undefined ? [] : [`could not be pulled: ${lost.registry}`]),
    ...(lost?.build === undefined || commit === undefined ? [] : [`could not be built again from its source ${commit.slice(0, 8)}: ${lost.build}`]),
  ].join(', and ');
  return lost?.againAtMs === undefined ? {state: 'gone', cause} : {state: 'later', cause, tries: lost.tries, untilMs: lost.againAtMs};
}

/** Those that still count. */
function failuresOf(image: ImageDigest, {app, observed}: Around): LostImage | undefined {
  const lost = observed.lostImages?.get(app.name);
  if (lost?.image !== image || lost.treeId !== app.treeId || lost.specKey !== specKeyOf(app)) return undefined;
  return lost.againAtMs !== undefined && observed.nowMs >= lost.againAtMs ? undefined : lost;
}

interface Around {
  readonly app: DesiredApp;
  readonly observed: ObservedState;
}

/** The image that this release waits for; undefined: it is here or gone for good, or nothing is started from it. */
export function imageAwaited(release: ResolvedApp, around: Around): Extract<ImageFate, {state: 'coming' | 'later'}> | undefined {
  const fate = fateOfRelease(release, around);
  return fate?.state === 'coming' || fate?.state === 'later' ? fate : undefined;
}

/** Why what serves can't be started any more; undefined: it can. */
export function whyNoImage(app: DesiredApp, serving: ResolvedApp | undefined, observed: ObservedState): string | undefined {
  const fate = serving && fateOfRelease(serving, {app, observed});
  return fate?.state === 'gone' ? fate.cause : undefined;
}

/**
 * A release whose image this node does not have is pulled from the cluster's registry, or else built again from its source, as its push did: a
 * machine that was lost comes back from its git repositories alone. First what serves, then what is to be deployed, which waits for it before its time begins.
 */
export function planMissingImage(app: DesiredApp, phase: Phase, observed: ObservedState): Plan {
  if (phase.kind === 'suspended') return {actions: [], waiting: []};
  const candidate = phase.kind === 'new' || phase.kind === 'deploying' ? phase.candidate : undefined;
  for (const release of [phase.serving, candidate]) {
    const lacking = release && imageAwaited(release, {app, observed});
    if (lacking?.state === 'later') return {actions: [], waiting: [waitingForTry(app, lacking)]};
    if (release !== undefined && lacking !== undefined) return bring(app, {release, ...lacking}, observed);
  }
  return {actions: [], waiting: []};
}

/** The containers that are started have what this node has in the place of their image. */
export function withImagesHere(plan: Plan, observed: Images): Plan {
  if (observed.images.every(({standsFor}) => standsFor === undefined)) return plan;
  return {...plan, actions: plan.actions.map((action): Action => {
    switch (action.kind) {
      case 'run-container': return {...action, service: {...action.service, container: {...action.service.container, image: imageHere(action.service.container.image, observed, action.app) ?? action.service.container.image}}};
      case 'run-job': return {...action, container: {...action.container, image: imageHere(action.container.image, observed, action.app) ?? action.container.image}};
      default: return action;
    }
  })};
}

function bring(app: DesiredApp, {release: {release}, origin, way}: {readonly release: ResolvedApp; readonly origin: ImageOrigin; readonly way: ImageWay}, observed: ObservedState): Plan {
  const how = way.kind === 'pull' ? `pulled from ${repositoryIn(way.name)}` : `built again from its source ${way.commit.slice(0, 8)}`;
  const waiting: Waiting = {app: app.name, subject: IMAGE_SUBJECT, on: `image ${origin.image.slice(7, 19)} of v${release} being ${how}`};
  if (observed.operations.has(rebuildKey(app.name))) return {actions: [], waiting: [waiting]};
  const base = {app: app.name, image: origin.image, treeId: app.treeId, specKey: specKeyOf(app)};
  const missing = `the image of v${release} is not on this node`;
  if (way.kind === 'pull') return {actions: [{kind: 'pull-image', ...base, name: way.name, reason: missing}], waiting: []};
  const {commit, after} = way;
  const reason = `${missing}${after === undefined ? '' : `, nor to be had from its registry (${after})`}, its source ${commit.slice(0, 8)} is in its repository`;
  return {actions: [{kind: 'rebuild-image', ...base, commit, ...(origin.path !== undefined && {path: origin.path}), reason}], waiting: []};
}

function waitingForTry({name}: DesiredApp, {cause, tries, untilMs}: Extract<ImageFate, {state: 'later'}>): Waiting {
  return {app: name, subject: IMAGE_SUBJECT, on: `another try (after ${tries === 1 ? 'one' : tries}): ${cause.replaceAll(/\s*\n\s*/g, '; ')}`, untilMs};
}

function repositoryIn(name: string): string {
  return name.replace(/(@|:[^/]*$).*/, '');
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
