import type {Right} from './rights.ts';

/** A right that a change of a file takes. */
export interface Need {
  readonly path: string;
  readonly right: Right;
  readonly app?: string;
}

/** What became of one file. */
export interface ChangedPath {
  readonly path: string;
  /** Whether its app is there before and after the change; both true for files of no app. */
  readonly before: boolean;
  readonly after: boolean;
}

/** What a push to the cluster repository takes, path by path. Pure. */
export function needOf({path, before, after}: ChangedPath): Need {
  const [top, app, ...rest] = path.split('/');
  if (top === 'people' || top === 'teams') return {path, right: 'people.edit'};
  if (top !== 'apps' || app === undefined || rest.length === 0) return {path, right: 'cluster.edit'};
  if (!before) return {path, right: 'app.create', app};
  if (!after) return {path, right: 'app.destroy', app};
  if (rest[0] === 'secrets.yaml') return {path, right: 'app.env.write', app};
  if (rest[0] === 'releases') return {path, right: 'app.deploy', app};
  return {path, right: 'app.edit', app};
}
