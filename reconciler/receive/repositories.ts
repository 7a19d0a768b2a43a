import {realpath} from 'node:fs/promises';
import path from 'node:path';
import {appIdIn} from '../../schemas/app-id.ts';
import type {AppName} from '../../schemas/ids.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {initBareWith, isRepository} from '../checkout/own.ts';
import {sortFolder} from '../desired/folder.ts';
import {sourceOf} from '../layout.ts';
import type {GitDeps} from './deps.ts';
import {hookSettings} from './hook-scripts.ts';

export type Repository =
  | {readonly kind: 'cluster'; readonly gitdir: string}
  | {readonly kind: 'app'; readonly gitdir: string; readonly app: AppName}
  /** A sentence for the one who asked. */
  | {readonly kind: 'none'; readonly why: string};

/** The repository behind `http://git.<domain>/<name>.git`. An app's is made when it is first asked for. */
export async function findRepository(name: string, {layout, ids, node, repo}: Pick<GitDeps, 'layout' | 'ids' | 'node' | 'repo'>, signal: AbortSignal): Promise<Repository> {
  if (name === 'cluster') {
    const {cluster} = node.settings;
    if (cluster.kind === 'own') return {kind: 'cluster', gitdir: layout.clusterRepo};
    return {kind: 'none', why: `this node follows ${cluster.kind === 'remote' ? `the repository ${cluster.url}` : `the folder ${cluster.folder}`}: change that instead`};
  }
  const problem = problemOfAppName(name);
  if (problem !== undefined) return {kind: 'none', why: problem};
  // The name was just found to be one.
  const app = name as AppName;
  const {apps} = await repo.snapshot(signal);
  const piece = apps.find((one) => one.name === app);
  if (piece === undefined) return {kind: 'none', why: `there is no app "${app}" in the cluster repository. Make it with: flynn create ${app}`};
  const id = ids.idOf(app);
  // It has just been renamed, or claims what is another one's: nobody gets at a repository by that.
  if (id !== appIdIn(app, sortFolder(app, await piece.files(signal)).manifest?.text)) return {kind: 'none', why: `the node has not taken over yet what the app "${app}" goes by. See: flynn status ${app}`};
  const gitdir = sourceOf(layout, id);
  if (!await isRepository(gitdir)) await initBareWith({gitdir, settings: await hookSettings(gitdir, layout)}, signal);
  return {kind: 'app', gitdir, app};
}

/** Which of ours a hook was run in; undefined: none. Git says where it is without symbolic links, our settings may have some. */
export async function repositoryAt(folder: string, {layout: {clusterRepo, sources}, ids}: Pick<GitDeps, 'layout' | 'ids'>): Promise<Exclude<Repository, {kind: 'none'}> | undefined> {
  const [gitdir, cluster, apps] = await Promise.all([folder, clusterRepo, sources].map((place) => realpath(place).catch(() => undefined)));
  if (gitdir === undefined) return undefined;
  if (gitdir === cluster) return {kind: 'cluster', gitdir};
  const app = ids.nameOf(path.basename(gitdir, '.git'));
  if (apps !== path.dirname(gitdir) || app === undefined || problemOfAppName(app) !== undefined) return undefined;
  return {kind: 'app', gitdir, app};
}
