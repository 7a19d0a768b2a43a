import type {AppName} from '../../schemas/ids.ts';
import type {AppIds} from '../app-ids.ts';
import {initBareWith, isRepository} from '../checkout/own.ts';
import {sourceOf, type Layout} from '../layout.ts';
import type {Deploys} from '../receive/deploys.ts';
import {hookSettings} from '../receive/hook-scripts.ts';
import {noteDeployed} from '../receive/kept-sources.ts';
import {ReleaseRefused} from '../release/refused.ts';
import type {Keyring} from '../secrets/keyring.ts';
import type {SourceDeploy, SourceDeployOutcome} from '../source/follower.ts';
import {SourceRecords} from '../source/records.ts';
import {fetchSource, tipOf, type RemoteParts} from '../source/remote.ts';
import {Sources} from '../source/sources.ts';
import type {EventLog} from '../status/events.ts';

export interface AppSourcesParts {
  readonly layout: Layout;
  readonly ids: Pick<AppIds, 'idOf'>;
  readonly keyring: Pick<Keyring, 'open'>;
  readonly deploys: Deploys;
  readonly events: Pick<EventLog, 'add'>;
}

/** Sources that are followed elsewhere come into the same repositories that people push to, and are deployed as pushes are. */
export function followSources({layout, ids, keyring, deploys, events}: AppSourcesParts, signal: AbortSignal): Sources {
  const gitdirOf = (app: AppName) => sourceOf(layout, ids.idOf(app));
  const openSecret = (sealed: string) => keyring.open(sealed);
  const parts: RemoteParts = {run: layout.run, openSecret};
  return new Sources({
    records: new SourceRecords(layout.followed, (app) => ids.idOf(app)),
    openSecret,
    tip: (source, until) => tipOf(source, parts, until),
    fetch: async (app, source, until) => fetchSource(await repositoryAt(gitdirOf(app), layout, until), {source, parts}, until),
    deploy: (deploy, until) => deployCommit(deploy, {gitdir: gitdirOf(deploy.app), deploys}, until),
    tell: (app, kind, message) => events.add({app, kind, message, actor: 'flynn'}),
  }, signal);
}

async function deployCommit({app, commit, source: {branch, path: folder}, author, print}: SourceDeploy, {gitdir, deploys}: {readonly gitdir: string; readonly deploys: Deploys}, signal: AbortSignal): Promise<SourceDeployOutcome> {
  try {
    const {release, proposal} = await deploys.deploy({app, commit, branch, gitdir, env: {}, by: author, origin: 'pull', print, settle: () => {}, ...(folder !== undefined && {folder})}, signal);
    // A release that waits for others is none yet.
    if (proposal !== undefined) return {result: 'proposed', proposal};
    await noteDeployed(gitdir, commit, signal);
    return {result: 'deployed', release};
  } catch (error) {
    if (!(error instanceof ReleaseRefused) || signal.aborted) throw error;
    for (const line of error.details) print(line);
    return {result: 'refused', cause: error.message};
  }
}

async function repositoryAt(gitdir: string, layout: Layout, signal: AbortSignal): Promise<string> {
  if (!await isRepository(gitdir)) await initBareWith({gitdir, settings: await hookSettings(gitdir, layout)}, signal);
  return gitdir;
}
