import type {AppName} from '../../schemas/ids.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
import type {Edit} from '../checkout/snapshot.ts';
import {releaseFile, releaseFolder, releaseNumbers} from '../commits/edits.ts';
import type {ChangedFile} from './merging.ts';

/** A release that comes with a proposal, and the number that it gets on main. */
export interface Numbered {
  readonly app: AppName;
  readonly from: number;
  readonly to: number;
}

/** Releases that a proposal brings, in the order of their numbers. */
export function releasesIn(changes: readonly ChangedFile[]): readonly {readonly app: AppName; readonly number: number}[] {
  return changes.filter(({change}) => change === 'added').flatMap(({path}) => {
    const [, app, file = ''] = /^apps\/([^/]+)\/releases\/(.+)$/.exec(path) ?? [];
    const number = releaseNumberOf(file);
    return app === undefined || number === undefined ? [] : [{app: app as AppName, number}];
  }).toSorted((one, other) => one.number - other.number);
}

/** Numbers that were given on main meanwhile are not used again. `floors`: the highest that an app ever had there. Pure. */
export function numbersFor(releases: ReturnType<typeof releasesIn>, floors: ReadonlyMap<AppName, number>): readonly Numbered[] {
  const last = new Map(floors);
  return releases.map(({app, number}) => {
    const to = Math.max(number, (last.get(app) ?? 0) + 1);
    last.set(app, to);
    return {app, from: number, to};
  });
}

/** Gives releases the numbers that main has for them. To be run on the proposal's own tree: on main's, one of that number would be in the way. Pure. */
export function renumber(numbered: readonly Numbered[]): Edit {
  return (read) => {
    const changes: Record<string, string | undefined> = {};
    // The highest first: what makes room is not written over.
    for (const {app, from, to} of numbered.toReversed()) {
      const text = read(releaseFile(app, from));
      if (from === to || text === undefined) continue;
      changes[releaseFile(app, to)] = text;
      changes[releaseFile(app, from)] ??= undefined;
    }
    return changes;
  };
}

/** Lets the oldest releases of apps that got a new one go. Pure. */
export function pruneReleases(apps: readonly AppName[], keep: number): Edit {
  return (_read, list) => Object.fromEntries(apps.flatMap((app) => releaseNumbers(list(releaseFolder(app))).slice(keep).map((old) => [releaseFile(app, old), undefined])));
}
