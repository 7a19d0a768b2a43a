import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import {EditRefused, NothingThere, type Author} from '../checkout/snapshot.ts';
import {configChanges, describeChanges} from '../commits/config.ts';
import {appNow} from './app-now.ts';
import {deployRelease, type DeployDeps} from './deploy.ts';
import {describeRelease} from './describe.ts';
import {Jobs} from './jobs.ts';
import {madeBefore} from './made-before.ts';
import {detail} from '../build/output.ts';
import {proposeRelease, type Making, type Proposer} from './make.ts';
import {overtakenBy} from './overtaken.ts';
import {pastReleases, type PastRelease} from './past.ts';
import {published} from './publish.ts';
import {planRebase, rebasePreview, type RebaseDeps} from './rebase.ts';
import {ReleaseRefused} from './refused.ts';
import type {HistoryEntry, ImageWish, ReleaseDetails, ReleaseList, ReleaseOutcome, Releases, ReleaseSummary, Wisher} from './releases.ts';
import {resumeMakings} from './resume.ts';
import {configuredAt, lastOf, planRollback, releaseAt, type RollbackDeps} from './rollback.ts';

export interface DeskDeps extends DeployDeps, RollbackDeps, RebaseDeps {
  readonly repo: DeployDeps['repo'];
  /** Undefined: the cluster repository is a folder. */
  readonly proposals: Proposer | undefined;
  /** See `build/prebuilt.ts`. */
  takeImage(request: {readonly app: AppName; readonly name: string; readonly isPulled: boolean; print(line: string): void}, signal: AbortSignal): Promise<Result<TakenImage, {readonly reason: string}>>;
}

interface TakenImage {
  readonly image: ImageDigest;
  readonly id: string;
  readonly name: string;
  readonly ports: readonly number[];
}

/** Releases made by commands of people, and what git tells of all releases. What is in the making ends with the signal, and goes on in git. */
export function releaseDesk(deps: DeskDeps, signal: AbortSignal): Releases {
  const {repo} = deps;
  const jobs = new Jobs(signal);
  void resumeMakings(deps, signal);
  const make = (making: Omit<Making, 'release'> & {readonly release: Omit<Making['release'], 'pushedBy' | 'createdAt'>}, {deployTimeoutMs, print, who}: {deployTimeoutMs: number; print(line: string): void; who: Wisher}, until: AbortSignal): Promise<ReleaseOutcome> => {
    const asked = {operationId: who.operationId, ...(who.seen !== undefined && {seen: who.seen})};
    const whole = {...making, ...asked, release: {...making.release, pushedBy: making.author.name, createdAt: new Date().toISOString()}};
    return who.propose === undefined ? deployRelease(deps, {making: whole, deployTimeoutMs, print}, until) : proposed(deps, whole, {print, who}, until);
  };

  /** Once for each id, also when the process that began is gone. */
  const once = (app: AppName, who: Wisher, run: (print: (line: string) => void, until: AbortSignal) => Promise<ReleaseOutcome>) => jobs.start(who.operationId, (print, until) => refusing(
    async () => await madeBefore(deps, {app, operationId: who.operationId, print}, until) ?? await run(print, until),
  )).follow(who.signal);

  return {
    async list(app, limit, until): Promise<ReleaseList> {
      const history = await repo.history(app, until);
      const past = pastReleases(app, history).slice(0, limit);
      const releases = await Promise.all(past.map((one) => summaryOf(deps, app, one, until)));
      const current = history[0]?.current;
      const serving = deps.servingRelease(app);
      return {...(current === undefined ? {} : {current}), ...(serving === undefined ? {} : {serving}), releases};
    },

    async show(app, number, until) {
      const past = pastReleases(app, await repo.history(app, until));
      const release = past.find((one) => one.number === number);
      if (release === undefined) throw new NothingThere(`⬢ ${app} never had a release v${number}`);
      return detailsOf(deps, app, {release, before: past.find((one) => one.number < number)}, until);
    },

    async history(app, limit, until): Promise<readonly HistoryEntry[]> {
      return (await repo.history(app, until)).slice(0, limit).map(({commit, atMs, author, message, current}) => ({
        commit, at: new Date(atMs).toISOString(), by: author.name, subject: message.split('\n')[0] ?? '', ...(current === undefined ? {} : {current}), ...proposalOf(message),
      }));
    },

    overtaken: (app, which, until) => overtakenBy(repo, app, which, until),

    preview: async (app, wish, until) => (await planRollback(deps, app, wish, until)).preview,

    rollback(app, wish, who) {
      return once(app, who, async (print, until) => {
        const {making, deployTimeoutMs} = await planRollback(deps, app, wish, until);
        return make({...making, author: who.author}, {deployTimeoutMs, print, who}, until);
      });
    },

    rebasePreview: (app, until) => rebasePreview(deps, app, until),

    rebase(app, who) {
      return once(app, who, async (print, until) => {
        const {making, deployTimeoutMs} = await planRebase(deps, app, print, until);
        return make({...making, author: who.author}, {deployTimeoutMs, print, who}, until);
      });
    },

    deployImage(app, wish, who) {
      return once(app, who, async (print, until) => {
        const {making, deployTimeoutMs} = await planImage(deps, app, {wish, author: who.author, print}, until);
        return make(making, {deployTimeoutMs, print, who}, until);
      });
    },
  };
}

/** What the commit of a merged proposal says of it. */
function proposalOf(message: string): Pick<HistoryEntry, 'proposal'> {
  const number = /^Flynn-Proposal: (\d+)$/m.exec(message)?.[1];
  const people = (trailer: string) => [...message.matchAll(new RegExp(`^${trailer}: (.+?) <[^>]*>$`, 'gm'))].map(([, name = '']) => name);
  return number === undefined ? {} : {proposal: {number: Number(number), by: people('Proposed-by')[0] ?? '', approvedBy: people('Approved-by')}};
}

/** Others look at it first. */
async function proposed(deps: DeskDeps, making: Making, {print, who}: {print(line: string): void; readonly who: Wisher}, signal: AbortSignal): Promise<ReleaseOutcome> {
  const {author: {name, email}, user = '', propose = ''} = who;
  const {number, proposal} = await proposeRelease(deps, making, {who: {user, name, email}, title: propose}, signal);
  print(detail(`Release v${number} is proposed: #${proposal.number}; it deploys when it is merged`));
  for (const line of proposal.plan.lines) print(detail(`  ${line}`));
  if (proposal.url !== undefined) print(detail(`Others look at it at: ${proposal.url}`));
  return {result: 'proposed', release: number, proposal: proposal.number};
}

async function planImage(deps: DeskDeps, app: AppName, {wish, author, print}: {wish: ImageWish; author: Author; print(line: string): void}, signal: AbortSignal) {
  const now = await appNow(app, deps.repo, signal);
  const taken = await deps.takeImage({app, name: wish.image, isPulled: wish.isPulled, print}, signal);
  if (!taken.ok) throw new ReleaseRefused(taken.problem.reason);
  const {image, id, name, ports} = taken.value;
  const registered = await published(deps.registry, {app, image, print}, signal);
  const port = wish.port ?? ports[0];
  return {
    deployTimeoutMs: now.deployTimeoutMs,
    making: {
      app,
      author,
      release: {image, ...registered, source: {image: name, id}, services: {[wish.service]: {command: wish.command, ...(port === undefined ? {} : {port})}}},
      keep: now.keepReleases,
      subject: name.replace(/@.*/, ''),
      trailers: [`Flynn-Image: ${name}`],
    },
  };
}

async function summaryOf({repo}: DeskDeps, app: AppName, release: PastRelease, signal: AbortSignal): Promise<ReleaseSummary> {
  const manifest = await releaseAt(repo, app, release, signal).catch((error: unknown) => {
    if (error instanceof EditRefused) return undefined;
    throw error;
  });
  const {number, fate, author, atMs, commit} = release;
  const detail = fate.kind === 'failed' ? fate.cause : fate.kind === 'reverted' ? `by ${fate.by.name}` : undefined;
  return {
    number,
    state: fate.kind,
    ...(detail === undefined ? {} : {detail}),
    description: manifest === undefined ? 'a release that this version can\'t read' : describeRelease(manifest),
    by: author.name,
    at: new Date(atMs).toISOString(),
    commit,
    ...(manifest?.rollbackOf === undefined ? {} : {rollbackOf: manifest.rollbackOf}),
  };
}

async function detailsOf(deps: DeskDeps, app: AppName, {release, before}: {release: PastRelease; before: PastRelease | undefined}, signal: AbortSignal): Promise<ReleaseDetails> {
  const {repo, isImageHere} = deps;
  const manifest = await releaseAt(repo, app, release, signal);
  const {image, source, services} = manifest;
  const [then, earlier] = await Promise.all([release, before].map(async (one) => {
    if (one === undefined) return undefined;
    const {at, called} = lastOf(app, one);
    return configuredAt(repo, called, {at, release: manifest}, signal);
  }));
  return {
    ...await summaryOf(deps, app, release, signal),
    image, source, services,
    isImageHere: await isImageHere(app, image, signal),
    changes: then === undefined || earlier === undefined ? [] : describeChanges(configChanges(earlier.manifest, then.manifest)),
  };
}

/** The API tells the message of an `EditRefused` to the one who asked. */
async function refusing(work: () => Promise<ReleaseOutcome>): Promise<ReleaseOutcome> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ReleaseRefused ? new EditRefused([...error.details, error.message].join('\n'), {cause: error}) : error;
  }
}
