import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';
import type {ObservedImage, ObservedState} from '../observed/state.ts';
import {actionKey, type Action, type Plan} from './action.ts';
import {CACHE_IDLE_MS, GONE_KEPT_MS, IMAGE_FRESH_MS} from './limits.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Characters. */
const PACKAGES_SHOWN_MAX = 60;

/**
 * What is beyond the limits, or left by apps that are gone, goes: images, build caches, logs of builds. The image of a release that is kept
 * never does, nor anything of an app whose manifests can't be read. `flynn gc` does not wait until the time of things has come.
 */
export function planHousekeeping(desired: DesiredState, observed: ObservedState): Plan {
  const apps = new Map(desired.apps.map((app) => [app.name, app]));
  const actions = [
    ...[...Map.groupBy(observed.images, ({app}) => app)].flatMap(([app, images]) => unneededImages(app, images, {wanted: apps.get(app), desired, observed})),
    ...unneededCaches(apps, observed),
    ...unneededPackages(observed),
    ...observed.clutter.buildLogs.flatMap(({app}): Action[] => (isForgotten(app, apps, observed) ? [{kind: 'remove-build-logs', app, reason: `app ${app} is gone`}] : [])),
  ];
  return {actions: actions.filter((action) => !observed.operations.has(actionKey(action))), waiting: []};
}

/** Apps that are gone and of which there is still something to collect: images, here or in the registry, a build cache, logs of builds. */
export function appsWithLeftovers({images, clutter, registry}: ObservedState): ReadonlySet<AppName> {
  return new Set([...images, ...clutter.caches, ...clutter.buildLogs, ...registry?.images ?? []].map(({app}) => app));
}

interface Images {
  readonly wanted: DesiredApp | undefined;
  readonly desired: DesiredState;
  readonly observed: ObservedState;
}

function unneededImages(app: AppName, images: readonly ObservedImage[], {wanted, desired, observed}: Images): readonly Action[] {
  const remove = (reason: string) => ({id}: ObservedImage): Action => ({kind: 'remove-image', app, image: id, reason});
  if (wanted === undefined) return isDue(app, observed) ? images.map(remove(`app ${app} is gone`)) : [];
  if (wanted.state === 'invalid' || observed.clutter.proposed === 'unknown') return [];
  const {collect} = observed.clutter;
  const kept = collect === undefined ? desired.keptImages : 0;
  if (images.length <= kept) return [];
  const inUse = imagesInUse(app, wanted.releasedImages, observed);
  const isFresh = ({createdAtMs}: ObservedImage) => observed.nowMs - createdAtMs < IMAGE_FRESH_MS;
  return images
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))
    .slice(kept)
    .filter((image) => ![image.id, ...image.standsFor ?? []].some((id) => inUse.has(id)) && !(collect !== undefined && isFresh(image)))
    .map(remove(`no kept release of ${app} has it${kept === 0 ? '' : `, and it is not among its newest ${kept}`}`));
}

/** Of releases that are kept or proposed, and of what serves. */
export function imagesInUse(app: AppName, released: readonly ImageDigest[], observed: ObservedState): ReadonlySet<ImageDigest> {
  const lastGood = observed.journal.get(app)?.lastGood;
  const {proposed} = observed.clutter;
  return new Set([...released, ...(proposed === undefined || proposed === 'unknown' ? [] : proposed.get(app) ?? []), ...(lastGood?.releasedImages ?? []), ...(lastGood?.services ?? []).map(({container}) => container.image)]);
}

function unneededCaches(apps: ReadonlyMap<AppName, DesiredApp>, observed: ObservedState): readonly Action[] {
  const {nowMs, clutter: {caches, collect, isDiskLow}} = observed;
  return caches.filter(({isInUse}) => !isInUse).flatMap(({app, volume, usedAtMs}): Action[] => {
    const remove = (reason: string): Action[] => [{kind: 'remove-cache', app, ...(volume !== undefined && {volume}), reason}];
    if (isForgotten(app, apps, observed)) return remove(`app ${app} is gone`);
    if (!apps.has(app)) return [];
    if (collect === 'with-caches') return remove('somebody asked for it');
    if (isDiskLow) return remove('the disk is nearly full');
    return nowMs - usedAtMs > CACHE_IDLE_MS ? remove(`${app} was not built for ${CACHE_IDLE_MS / DAY_MS} days`) : [];
  });
}

/** Apps' images that stand on one have its layers, whether it is there or not: it only makes builds faster. */
function unneededPackages({nowMs, clutter: {packageImages, collect, isDiskLow}}: ObservedState): readonly Action[] {
  return packageImages.filter(({isInUse}) => !isInUse).flatMap(({image, packages, usedAtMs}): Action[] => {
    const remove = (why: string): Action[] => [{kind: 'remove-image', image, reason: `Debian packages for builds (${shortened(packages)}): ${why}`}];
    const idleMs = nowMs - usedAtMs;
    if (idleMs > CACHE_IDLE_MS) return remove(`not used for ${CACHE_IDLE_MS / DAY_MS} days`);
    // A build that has just asked for it is about to use it.
    if (idleMs < IMAGE_FRESH_MS) return [];
    if (collect === 'with-caches') return remove('somebody asked for it');
    return isDiskLow ? remove('the disk is nearly full') : [];
  });
}

function shortened(text: string): string {
  return text.length > PACKAGES_SHOWN_MAX ? `${text.slice(0, PACKAGES_SHOWN_MAX)}…` : text;
}

function isForgotten(app: AppName, apps: ReadonlyMap<AppName, DesiredApp>, observed: ObservedState): boolean {
  return !apps.has(app) && isDue(app, observed);
}

/** Of an app that is gone: whether nobody is waited for any more who took it away by mistake. */
export function isDue(app: AppName, {journal, nowMs, clutter}: ObservedState): boolean {
  const goneAtMs = journal.get(app)?.goneAtMs;
  return clutter.collect !== undefined || (goneAtMs !== undefined && nowMs >= goneAtMs + GONE_KEPT_MS);
}

