import type {AppId, AppName} from './ids.ts';

/** A line `id: shop` of an app.yaml, at its top. */
const LINE = /^id:[ \t]+(["']?)([a-z0-9-]{1,30})\1[ \t]*(?:#.*)?$/m;

/** An app, and what it goes by where that is not its name. */
export interface Identified {
  readonly name: AppName;
  readonly id?: AppId;
}

/**
 * What is kept of an app goes by. Read with a pattern, not parsed: an app.yaml that is wrong elsewhere must not part the app from its volumes.
 * `text`: its app.yaml; undefined where it has none that can be read.
 */
export function appIdIn(app: AppName, text: string | undefined): AppId {
  return (LINE.exec(text?.replaceAll('\r', '') ?? '')?.[2] ?? app) as AppId; // The pattern of a name.
}

export function identified(name: AppName, text: string | undefined): Identified {
  const id = appIdIn(name, text);
  return {name, ...(id !== appIdOf({name}) && {id})};
}

export function appIdOf({name, id}: Identified): AppId {
  return id ?? name as string as AppId;
}
