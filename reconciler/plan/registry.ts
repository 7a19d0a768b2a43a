import {appIdOf} from '../../schemas/app-id.ts';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {registryRepository} from '../../schemas/registry-names.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';
import type {ObservedRegistry, PushedImage, RegistryTrouble} from '../observed/pushed.ts';
import type {ObservedState} from '../observed/state.ts';
import {registryKey, type Action, type Plan, type Waiting} from './action.ts';
import {imagesInUse, isDue} from './housekeeping.ts';
import {IMAGE_FRESH_MS} from './limits.ts';

/**
 * The registry has the images of all releases that are kept, as far as this node has them; and none of those any more that this node has pushed there and
 * no release needs. What is there beside is not ours. A push makes its own image come there at once: this is for what failed then, and for what was
 * released before there was a registry.
 */
export function planRegistry(desired: DesiredState, observed: ObservedState): Plan {
  const {registry: seen} = observed;
  if (desired.registry === undefined || seen === undefined) return {actions: [], waiting: []};
  const around: Around = {
    observed, seen,
    registry: desired.registry,
    here: new Set(observed.images.map(({app, id}) => keyOf(app, id))),
    there: new Set(seen.images.flatMap(({repository, image, digest}) => (digest === undefined ? [] : [keyOf(repository, image)]))),
  };
  const apps = new Map(desired.apps.map((app) => [app.name, app]));
  const parts = [
    ...desired.apps.map((app) => toPush(app, around)),
    ...[...Map.groupBy(seen.images, ({app}) => app)].flatMap(([app, images]) => toRemove(app, images, {...around, wanted: apps.get(app)})),
  ];
  const again = parts.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {
    actions: parts.flatMap(({actions}) => actions),
    waiting: parts.flatMap(({waiting}) => waiting),
    ...(again.length > 0 && {lookAgainAtMs: again.reduce((a, b) => Math.min(a, b))}),
  };
}

interface Around {
  readonly observed: ObservedState;
  readonly seen: ObservedRegistry;
  readonly registry: string;
  /** Images of each app on this node, and in each repository: `keyOf`. */
  readonly here: ReadonlySet<string>;
  readonly there: ReadonlySet<string>;
}

function keyOf(owner: string, image: ImageDigest): string {
  return `${owner} ${image}`;
}

/** One at a time; the newest release's first. */
function toPush(app: DesiredApp, {observed, seen, registry, here, there}: Around): Plan {
  if (app.state === 'invalid' || observed.operations.has(registryKey(app.name))) return {actions: [], waiting: []};
  const repository = registryRepository(registry, appIdOf(app));
  const missing = [...new Set(app.releasedImages)].filter((image) => !there.has(keyOf(repository, image)) && here.has(keyOf(app.name, image)));
  const waiting = missing.flatMap((image) => {
    const trouble = troubleOf('push', {app: app.name, image}, {seen, observed});
    return trouble === undefined ? [] : [waitingFor(trouble, repository)];
  });
  // What failed is likely to fail for the next one, too.
  const [next] = waiting.length > 0 ? [] : missing;
  return {actions: next === undefined ? [] : [{kind: 'push-image', app: app.name, image: next, reason: `a release has it, and ${repository} does not`}], waiting};
}

function waitingFor({app, image, problem, tries, againAtMs}: RegistryTrouble, repository: string): Waiting {
  return {app, subject: 'the registry', on: `${repository} taking image ${image.slice(7, 19)}, tried ${tries === 1 ? 'once' : `${tries} times`}: ${problem}`, untilMs: againAtMs};
}

/** Nothing while it is not known what of it is needed. */
function toRemove(app: AppName, images: readonly PushedImage[], {wanted, observed, seen, registry}: Around & {readonly wanted: DesiredApp | undefined}): readonly Plan[] {
  if (wanted === undefined ? !isDue(app, observed) : wanted.state === 'invalid') return [];
  if (observed.operations.has(registryKey(app)) || observed.clutter.proposed === 'unknown') return [];
  const needed = wanted?.state === 'resolved' ? imagesInUse(app, wanted.releasedImages, observed) : new Set<ImageDigest>();
  const reason = wanted === undefined ? `app ${app} is gone` : `no kept release of ${app} has it`;
  return images.filter(({repository, image}) => repository === registryRepository(registry, appIdOf(wanted ?? {name: app})) && !needed.has(image)).map((pushed): Plan => {
    // Its release may not be committed yet.
    const freshUntilMs = pushed.pushedAtMs + IMAGE_FRESH_MS;
    const waitsUntilMs = Math.max(freshUntilMs, troubleOf('remove', pushed, {seen, observed})?.againAtMs ?? 0);
    if (observed.nowMs < waitsUntilMs) return {actions: [], waiting: [], lookAgainAtMs: waitsUntilMs};
    return {actions: [{kind: 'remove-pushed', app, pushed, reason} satisfies Action], waiting: []};
  });
}

/** Of which the time has not come to try again. */
function troubleOf(kind: RegistryTrouble['kind'], {app, image}: {readonly app: AppName; readonly image: ImageDigest}, {seen, observed}: Pick<Around, 'seen' | 'observed'>): RegistryTrouble | undefined {
  return seen.troubles.find((one) => one.kind === kind && one.app === app && one.image === image && observed.nowMs < one.againAtMs);
}
