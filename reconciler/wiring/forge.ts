import {cpus, totalmem} from 'node:os';
import {CLUSTER_DEFAULTS} from '../../schemas/cluster.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {git} from '../adapters/git.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {pushCommit, remoteTip, type Remote} from '../adapters/git-remote.ts';
import {remoteOf} from '../checkout/followed.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import type {DesiredApp} from '../desired/state.ts';
import type {AppOutcome} from '../forge/deploys.ts';
import {ForgePoster} from '../forge/desk.ts';
import {forgetClosed, planOfChange} from '../forge/plan-of.ts';
import type {ForgeDesk} from '../forge/status.ts';
import type {Layout} from '../layout.ts';
import type {PassReport} from '../loop.ts';
import {ForgeProposals} from '../proposals/at-forge.ts';
import {proposalsElsewhere} from '../proposals/elsewhere.ts';
import type {Deployer} from '../proposals/merge.ts';
import type {Proposals} from '../proposals/proposals.ts';
import {commitCheck} from '../receive/check.ts';
import {warningsOf} from '../receive/plaintext.ts';
import type {Keyring} from '../secrets/keyring.ts';
import type {NodeSettings} from '../settings.ts';
import type {EventLog} from '../status/events.ts';
import type {DesiredReader} from './desired-reader.ts';
import {judge} from './verdict.ts';

/** Commits that one fetch brought and that are told of. */
const COMMITS_MAX = 10;

export interface ForgeParts {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly repo: FollowedRepo;
  readonly reader: Pick<DesiredReader, 'cluster'>;
  readonly keyring: Keyring;
  readonly events: Pick<EventLog, 'add'>;
  readonly deployer: Deployer;
  domain(): string;
  /** Where people see a host. */
  urlOf(host: string): string;
  log(message: string, error: unknown): void;
}

/** Joins the pass to the forge that the cluster repository is followed from, if it is. */
export interface FollowedForge {
  readonly desk: ForgeDesk;
  /** Of a repository that is not our own. */
  readonly proposals: Proposals;
  /** Undefined: it is a folder. */
  readonly releases: ForgeProposals | undefined;
  /** Hears what each pass saw. */
  see(report: PassReport): void;
  run(signal: AbortSignal): Promise<void>;
}

export function followForge(parts: ForgeParts, signal: AbortSignal): FollowedForge {
  const {settings, layout, repo, reader, keyring, events, domain} = parts;
  const remote = settings.cluster.kind === 'remote' ? remoteOf(settings.cluster, layout) : undefined;
  const objects = new ObjectReader({gitdir: layout.clusterRepo});
  signal.addEventListener('abort', () => objects.close(), {once: true});
  const check = commitCheck({domain, keyring});
  const machines = [{node: settings.node, memoryBytes: totalmem(), cpus: cpus().length}];
  let last: PassReport | undefined;
  let commit: CommitId | undefined;
  let landed: CommitId | undefined;
  let apps: readonly DesiredApp[] = [];

  const poster = new ForgePoster({
    settings: () => (remote === undefined ? undefined : reader.cluster?.forge),
    whyNot: () => (remote === undefined ? 'the cluster repository is on this node, and no forge is told of it' : undefined),
    openSecret: (sealed) => keyring.open(sealed),
    domain,
    main: async (until) => (await repo.snapshot(until)).commit,
    planOf: (change, until) => planOfChange({
      gitdir: layout.clusterRepo, objects, remote: mustHave(remote), machines, domain, check,
      main: async (deadline) => (await repo.snapshot(deadline)).commit,
      warningsOf: (states, deadline) => warningsOf(states, deadline),
      apps: () => apps,
    }, change, until),
    keepOnly: (open, until) => forgetClosed(layout.clusterRepo, open, until),
    listed: async (open, askedAtMs, until) => releases?.listed(open, askedAtMs, until),
    push: ({branch, commit: to, replaces}, until) => pushBranch({gitdir: layout.clusterRepo, remote: mustHave(remote), branch, to, replaces}, until),
    refresh: (until) => repo.refresh(until),
    tell: (kind, message) => events.add({kind, message}),
    judge: (app, sinceMs) => (last === undefined ? {progress: 'starting'} : outcomeOf(app, last, sinceMs)),
    urlOf: ([only, ...more]) => {
      const app = more.length > 0 ? undefined : apps.find(({name}) => name === only);
      const host = app?.state === 'resolved' ? app.routes.find(({host: one}) => !one.includes('*'))?.host : undefined;
      return host && parts.urlOf(host);
    },
  });

  /** What came with it, too: a merge of several pull requests between two looks. */
  const followAll = async (from: CommitId | undefined, to: CommitId, changed: readonly AppName[]) => {
    const range = from === undefined ? [to] : [to, `^${from}`];
    const listed = await git(['rev-list', '--first-parent', `--max-count=${COMMITS_MAX}`, ...range, '--'], {gitdir: layout.clusterRepo}, signal);
    for (const one of listed.split('\n').filter((line) => line !== '' && line !== to).toReversed()) poster.follow(one as CommitId, changed);
    poster.follow(to, changed);
  };

  const releases = settings.cluster.kind !== 'remote' ? undefined : new ForgeProposals({
    where: settings.cluster.url, gitdir: layout.clusterRepo, objects, repo, check, forge: poster, deployer: parts.deployer, log: parts.log,
    keepReleases: () => reader.cluster?.keep.releases ?? CLUSTER_DEFAULTS.keep.releases,
    tipOf: async (branch, until) => await remoteTip(mustHave(remote), `refs/heads/${branch}`, until) as CommitId | undefined, // git's own
  });
  return {
    desk: poster,
    proposals: releases ?? proposalsElsewhere('a folder'),
    releases,
    run: (until) => poster.run(until),
    see(report) {
      last = report;
      const main = report.seen?.desired.commit;
      if (main !== undefined && main !== landed) {
        landed = main;
        releases?.landed(main, signal).catch((error: unknown) => {
          if (!signal.aborted) parts.log('releases of merged pull requests are not looked after', error);
        });
      }
      if (reader.cluster?.forge === undefined || remote === undefined) {
        // Told from the next commit on.
        [commit, apps] = [report.seen?.desired.commit, report.seen?.desired.apps ?? []];
        poster.see();
        return;
      }
      if (report.held?.commit !== undefined) poster.hold(report.held.commit, report.held.message);
      const desired = report.seen?.desired;
      if (desired !== undefined && desired.commit !== commit) {
        const [before, old] = [commit, apps];
        [commit, apps] = [desired.commit, desired.apps];
        const onError = (error: unknown) => {
          if (!signal.aborted) events.add({kind: 'forge-failed', message: `the forge will not be told of commit ${desired.commit.slice(0, 8)}: ${String(error)}`});
        };
        if (before === undefined) changedByCommit(layout.clusterRepo, desired.commit, signal).then((changed) => poster.follow(desired.commit, changed, {isOld: true}), onError);
        else followAll(before, desired.commit, changedBetween(old, desired.apps)).catch(onError);
      }
      poster.see();
    },
  };
}

function outcomeOf(app: AppName, report: PassReport, sinceMs: number): AppOutcome {
  const verdict = judge(app, report, sinceMs);
  if ('progress' in verdict) return {progress: verdict.progress};
  return verdict.result === 'failed' ? {result: 'failed', cause: verdict.cause} : {result: 'done'};
}

/** Apps that are other ones, that came or that went. */
function changedBetween(before: readonly DesiredApp[], after: readonly DesiredApp[]): readonly AppName[] {
  const keyOf = (app: DesiredApp) => `${app.treeId} ${app.state === 'resolved' ? app.specKey : ''}`;
  const [old, now] = [new Map(before.map((app) => [app.name, keyOf(app)])), new Map(after.map((app) => [app.name, keyOf(app)]))];
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name)).toSorted();
}

/** By its files alone: what was wanted before is not known after a start. */
async function changedByCommit(gitdir: string, commit: CommitId, signal: AbortSignal): Promise<readonly AppName[]> {
  const listed = await git(['diff-tree', '-r', '-m', '--first-parent', '--root', '--no-commit-id', '--name-only', '-z', commit, '--', 'apps/'], {gitdir}, signal);
  return [...new Set(listed.split('\0').flatMap((file) => /^apps\/([^/]+)\//.exec(file)?.[1] ?? []))].toSorted() as AppName[]; // folders below apps/
}

/** `replaces`: where the branch is, as we left it. Absent: it may be anywhere. Exported for its test. */
export async function pushBranch({gitdir, remote, branch, to, replaces}: {readonly gitdir: string; readonly remote: Remote; readonly branch: string; readonly to: CommitId; readonly replaces: CommitId | undefined}, signal: AbortSignal): Promise<void> {
  const ref = `refs/heads/${branch}`;
  const from = replaces ?? await remoteTip(remote, ref, signal) ?? NO_COMMIT;
  if (from === to) return;
  const outcome = await pushCommit(gitdir, {remote, ref, from, to}, signal);
  if (outcome.result === 'moved') throw new EditRefused(`branch "${branch}" of the repository was moved by somebody else at the same moment: try again`);
  if (outcome.result === 'refused') throw new EditRefused(`the cluster repository's server refused branch "${branch}": ${outcome.why}`);
}

function mustHave(remote: Remote | undefined): Remote {
  if (remote === undefined) throw new Error('bug: nothing is asked of a forge where the repository is our own');
  return remote;
}
