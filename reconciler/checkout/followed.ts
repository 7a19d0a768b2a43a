import path from 'node:path';
import {unreachable} from '../../schemas/result.ts';
import type {Remote} from '../adapters/git-remote.ts';
import type {SignCommit} from '../adapters/git-write.ts';
import type {Layout} from '../layout.ts';
import type {ClusterSource} from '../settings.ts';
import {folderRepo} from './folder.ts';
import {ownRepo} from './own.ts';
import {remoteRepo} from './remote.ts';
import type {CommitCheck, FollowedRepo} from './repo.ts';

/** The repository that a node was told to follow. An own one has to exist, see `createOwnRepo`. */
export function followedRepo({layout, source, check, sign}: {layout: Layout; source: ClusterSource; check?: CommitCheck; sign?: SignCommit}): FollowedRepo {
  const unsigned = {gitdir: layout.clusterRepo, ...(check === undefined ? {} : {check})};
  const common = {...unsigned, ...(sign === undefined ? {} : {sign})};
  switch (source.kind) {
    case 'own': return ownRepo(common);
    case 'folder': return folderRepo({...unsigned, folder: path.resolve(source.folder)});
    case 'remote': {
      return remoteRepo({...common, pollSeconds: source.pollSeconds, remote: remoteOf(source, layout)});
    }
    default: return unreachable(source);
  }
}

/** How a repository elsewhere is reached. */
export function remoteOf({url, tokenFile, keyFile}: Extract<ClusterSource, {kind: 'remote'}>, layout: Layout): Remote {
  return {url, knownHosts: path.join(layout.root, 'known_hosts'), ...(tokenFile === undefined ? {} : {tokenFile}), ...(keyFile === undefined ? {} : {keyFile})};
}
