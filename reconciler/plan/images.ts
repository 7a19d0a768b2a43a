import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {DesiredState} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import type {Action, Plan} from './action.ts';

/** Removes images that no kept release names, but for the newest few of each app. Nothing is removed of an app that can't be read. */
export function planImages(desired: DesiredState, observed: ObservedState): Plan {
  const byApp = Map.groupBy(observed.images, ({app}) => app);
  const actions = [...byApp].flatMap(([app, images]): Action[] => {
    if (images.length <= desired.keptImages) return [];
    const wanted = desired.apps.find(({name}) => name === app);
    if (wanted?.state === 'invalid') return [];
    const inUse = imagesInUse(app, wanted?.releasedImages ?? [], observed);
    return images
      .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))
      .slice(desired.keptImages)
      .filter(({id}) => !inUse.has(id) && !observed.operations.has(`image ${id}`))
      .map(({id}): Action => ({kind: 'remove-image', app, image: id, reason: `no kept release of ${app} has it, and it is not among its newest ${desired.keptImages}`}));
  });
  return {actions, waiting: []};
}

function imagesInUse(app: AppName, released: readonly ImageDigest[], observed: ObservedState): ReadonlySet<ImageDigest> {
  const lastGood = observed.journal.get(app)?.lastGood;
  return new Set([...released, ...(lastGood?.releasedImages ?? []), ...(lastGood?.services ?? []).map(({container}) => container.image)]);
}
