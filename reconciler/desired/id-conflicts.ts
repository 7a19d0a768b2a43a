import {appIdOf, type Identified} from '../../schemas/app-id.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import {locate} from '../../schemas/load.ts';
import type {AppFiles} from './app.ts';
import {appFile} from './folder.ts';

/** An app that would get what another one has outside of git, or that would be parted from its own. */
export interface IdConflict {
  readonly app: AppName;
  /** What its own things go by: nothing goes by that as long as it has none. */
  readonly id: AppId;
  readonly message: string;
}

/**
 * Who has an id: the app that was served with it, else the one that says so, else the first by name. And whoever was served keeps his, unless that went with
 * a rename: otherwise who may edit one app would get at the volumes of another that is gone.
 *
 * @param served  What apps were known by, before this commit.
 */
export function findIdConflicts(apps: readonly Identified[], served: readonly Identified[]): readonly IdConflict[] {
  // The usual case costs nothing.
  if (apps.every(({id}) => id === undefined) && served.every(({id}) => id === undefined)) return [];
  const before = new Map(served.map((app) => [app.name, appIdOf(app)]));
  const byId = Map.groupBy(apps, appIdOf);
  return apps.flatMap((app): readonly IdConflict[] => {
    const id = appIdOf(app);
    const had = before.get(app.name);
    const rivals = byId.get(id) ?? [];
    const owner = ownerOf(id, rivals, before);
    if (owner.name !== app.name) return [{app: app.name, id: had !== undefined && had !== id ? had : unowned(app.name), message: `what goes by the id "${id}" is that of the app "${owner.name}" (${appFile(owner.name)}): this one needs an id of its own, such as \`id: ${id}-2\``}];
    if (had === undefined || had === id || byId.has(had)) return [];
    return [{app: app.name, id: had, message: `its id was "${had}", and is "${id}" now: with it the app would lose its volumes, images and repository. It keeps the one it had`}];
  });
}

/** The place of an id in its file; where the file is not known, its beginning. */
export function locateIdConflict({app, message}: IdConflict, files: AppFiles | undefined): readonly Diagnostic[] {
  const file = files?.files.find(({path}) => path === appFile(app));
  if (file?.kind !== 'text') return [{file: appFile(app), line: 1, column: 1, message}];
  return locate([{path: /^id:/m.test(file.text) ? ['id'] : [], message}], file.path, file.text);
}

function ownerOf(id: AppId, rivals: readonly Identified[], before: ReadonlyMap<AppName, AppId>): Identified {
  const sorted = rivals.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const owner = sorted.find(({name}) => before.get(name) === id) ?? sorted.find((app) => app.id !== undefined) ?? sorted[0];
  if (owner === undefined) throw new Error(`bug: nobody has the id "${id}"`);
  return owner;
}

/** The dot is in no id. */
function unowned(app: AppName): AppId {
  return `${app}.none` as AppId;
}
