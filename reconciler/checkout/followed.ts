import path from 'node:path';
import {unreachable} from '../../schemas/result.ts';
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
      const {url, tokenFile, keyFile, pollSeconds} = source;
      const knownHosts = path.join(layout.root, 'known_hosts');
      return remoteRepo({...common, pollSeconds, remote: {url, knownHosts, ...(tokenFile === undefined ? {} : {tokenFile}), ...(keyFile === undefined ? {} : {keyFile})}});
    }
    default: return unreachable(source);
  }
}
