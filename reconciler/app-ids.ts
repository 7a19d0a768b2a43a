import {appIdOf, type Identified} from '../schemas/app-id.ts';
import type {AppId, AppName} from '../schemas/ids.ts';

/**
 * What apps are called now, and what is kept of them goes by. Git, the pass and people know them by their names; volumes, images, repositories, builds, logs
 * and journals stay where they are when an app is renamed. Who keeps such things asks here, each time.
 */
export class AppIds {
  /** Of apps whose id is not their name. */
  #ids: ReadonlyMap<string, AppId> = new Map();
  #names: ReadonlyMap<string, AppName> = new Map();

  /** All apps that there are now. */
  see(apps: readonly Identified[]): void {
    this.#ids = new Map(apps.flatMap((app) => (app.id === undefined ? [] : [[app.name, app.id] as const])));
    this.#names = new Map(apps.map((app) => [appIdOf(app), app.name]));
  }

  /** Every app goes by its name. */
  get arePlain(): boolean {
    return this.#ids.size === 0;
  }

  idOf(app: AppName): AppId {
    return this.#ids.get(app) ?? appIdOf({name: app});
  }

  /** An app that is gone is called what it goes by. Undefined: it is gone, and another one has that name now. */
  nameOf(id: string): AppName | undefined {
    return this.#names.get(id) ?? (this.#ids.has(id) ? undefined : id as AppName);
  }
}
