import type {AppName, CommitId, ContainerId} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import type {CronBooks} from '../apply/cron-books.ts';
import type {Engine} from '../adapters/engine.ts';
import type {Builds} from '../builds/builds.ts';
import type {CanaryDesk} from './canaries.ts';
import {EditRefused, type ClusterRepo} from '../checkout/snapshot.ts';
import {CronDesk} from './cron-desk.ts';
import {sealedInUseBy} from '../desired/secrets.ts';
import type {ForgeDesk} from '../forge/status.ts';
import type {Loop, PassReport} from '../loop.ts';
import type {CertificateDesk, DeployDesk, DeployOutcome, DrainStatus, Housekeeping, LogLine, LogQuery, MetricsDesk, NodeView, QuotaDesk, RegistryState, SourceDesk, StackDesk} from '../node.ts';
import type {Audit, OneShot} from '../oneshot/oneshot.ts';
import {whyNoImage} from '../plan/images.ts';
import {phaseOf} from '../plan/phase.ts';
import {waitsOfPorts} from '../plan/tcp.ts';
import type {Plan} from '../plan/action.ts';
import type {Proposals} from '../proposals/proposals.ts';
import type {Releases} from '../release/releases.ts';
import {secureUrlOf, urlOf, type NodeSettings} from '../settings.ts';
import type {Keyring} from '../secrets/keyring.ts';
import type {SshAnswer} from '../ssh/answer.ts';
import {Conditions} from '../status/conditions.ts';
import {deriveApp, type Claim} from '../status/derive.ts';
import type {EventLog} from '../status/events.ts';
import {ReleaseOutput} from '../status/release-output.ts';
import type {AppStatus, CommitSigning, FlynnEvent, NodeStatus} from '../status/status.ts';
import {judge, runningReleaseJob, type Verdict} from './verdict.ts';
import type {Volumes} from '../volumes/volumes.ts';

/** Lines of the failed container's log that go with a failure. */
const FAILURE_LOG_LINES = 30;
/** Digits of a commit that name it well enough, as git shows it. */
const COMMIT_PREFIX_MIN = 7;

export interface ViewOptions {
  readonly settings: NodeSettings;
  readonly repo: ClusterRepo;
  readonly keyring: Keyring;
  readonly loop: Pick<Loop, 'wake'>;
  readonly engine: Engine;
  readonly events: EventLog;
  drains(): Promise<readonly DrainStatus[]>;
  readonly crons: Pick<CronBooks, 'books' | 'write'>;
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Made with the view itself, which it asks. */
  releases(view: View): Releases;
  readonly proposals: Proposals;
  readonly stack: StackDesk;
  registry(): RegistryState | undefined;
  readonly builds: Builds;
  readonly deploys: DeployDesk;
  readonly oneShot: OneShot;
  readonly audit: Audit;
  readonly volumes: Volumes;
  readonly canaries: CanaryDesk;
  readonly housekeeping: Housekeeping;
  readonly sources: SourceDesk;
  readonly forge: ForgeDesk;
  readonly metrics: MetricsDesk;
  readonly certificates: CertificateDesk;
  ssh(): SshAnswer;
  readonly quota: QuotaDesk;
  /** Writes down that a commit which is held back is meant. */
  confirm(held: {readonly reason: 'MassDelete' | 'HistoryRewritten' | 'UntrustedCommit'; readonly commit: CommitId}, signal: AbortSignal): Promise<void>;
  signing(): CommitSigning;
  clusterName(): string;
  domain(): string;
}

/** What people and the parts around the pass see of a node: each answer is made from what the last pass saw. */
export class View implements NodeView {
  readonly settings: NodeSettings;
  readonly repo: ClusterRepo;
  readonly keyring: Keyring;
  readonly releases: Releases;
  readonly proposals: Proposals;
  readonly stack: StackDesk;
  readonly builds: Builds;
  readonly deploys: DeployDesk;
  readonly oneShot: OneShot;
  readonly audit: Audit;
  readonly volumes: Volumes;
  readonly canaries: CanaryDesk;
  readonly housekeeping: Housekeeping;
  readonly sources: SourceDesk;
  readonly forge: ForgeDesk;
  readonly metrics: MetricsDesk;
  readonly crons: CronDesk;
  readonly certificates: CertificateDesk;
  readonly ssh: NodeView['ssh'];
  readonly quota: QuotaDesk;
  readonly #options: ViewOptions;
  readonly #conditions = new Conditions();
  readonly #passListeners = new Set<(report: PassReport) => void>();
  #last: PassReport | undefined;
  #lastSeen: NonNullable<PassReport['seen']> | undefined;
  #lastSuccessAtMs: number | undefined;
  #isReady = false;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.repo = options.repo;
    this.keyring = options.keyring;
    this.releases = options.releases(this);
    this.proposals = options.proposals;
    this.stack = options.stack;
    this.builds = options.builds;
    this.deploys = options.deploys;
    this.oneShot = options.oneShot;
    this.audit = options.audit;
    this.volumes = options.volumes;
    this.canaries = options.canaries;
    this.housekeeping = options.housekeeping;
    this.sources = options.sources;
    this.forge = options.forge;
    this.metrics = options.metrics;
    this.certificates = options.certificates;
    this.ssh = () => options.ssh();
    this.quota = options.quota;
    this.crons = new CronDesk({
      books: options.crons,
      logs: (query, signal) => options.logs(query, signal),
      seen: () => this.#lastSeen,
      onPass: (listener, signal) => this.#onPass(listener, signal),
      wake: () => options.loop.wake(),
    });
  }

  /** Called by the loop after each pass. */
  publish(report: PassReport): void {
    this.#last = report;
    if (report.seen !== undefined) this.#lastSeen = report.seen;
    this.#isReady ||= isUp(report.seen);
    if (report.held === undefined && report.seen !== undefined) this.#lastSuccessAtMs = report.startedAtMs + report.tookMs;
    this.#noteConditions(report);
    for (const listener of this.#passListeners) listener(report);
  }

  sealedInUse(): readonly string[] {
    const {desired, observed} = this.#lastSeen ?? {};
    const apps = [...desired?.apps ?? [], ...[...observed?.journal.values() ?? []].flatMap(({lastGood}) => lastGood ?? [])];
    return apps.flatMap((app) => (app.state === 'resolved' ? sealedInUseBy(app) : []));
  }

  isReady(): boolean {
    return this.#isReady;
  }

  status(): NodeStatus {
    const seen = this.#lastSeen;
    const commit = seen?.desired.commit;
    const at = (ms: number) => new Date(ms).toISOString();
    return {
      node: this.settings.node,
      cluster: this.#options.clusterName(),
      domain: this.#options.domain(),
      ...(commit !== undefined && {commit, revision: `main@sha1:${commit}`}),
      ...(this.#last && {lastPassAt: at(this.#last.startedAtMs + this.#last.tookMs)}),
      ...(this.#lastSuccessAtMs !== undefined && {lastSuccessfulPassAt: at(this.#lastSuccessAtMs)}),
      conditions: this.#conditions.ofNode(),
      commits: this.#options.signing(),
      nodes: seen?.desired.nodes ?? [],
      apps: seen === undefined ? [] : this.#apps(seen),
      ...noticed(this.certificates.notices()),
    };
  }

  /** What the last pass saw that could see anything; waits for the first one. */
  async seen(signal: AbortSignal): Promise<NonNullable<PassReport['seen']>> {
    if (this.#lastSeen === undefined) await this.#nextPass(({seen}) => seen !== undefined, signal);
    if (this.#lastSeen === undefined) throw new Error('bug: a pass that saw something was not kept');
    return this.#lastSeen;
  }

  wake(_reason: string): void {
    this.#options.loop.wake();
  }

  /** The plan of the next pass: asking changes nothing, and does nothing that the pass would not do anyway. */
  async plan(signal: AbortSignal): Promise<Plan> {
    const from = this.#options.loop.wake();
    const {held, seen} = await this.#nextPass(({number}) => number >= from, signal);
    if (seen === undefined) throw new Error(held?.message ?? 'no commit has been read yet');
    return seen.plan;
  }

  async confirm(commit: string, signal: AbortSignal): Promise<CommitId> {
    const held = this.#last?.held;
    if ((held?.reason !== 'MassDelete' && held?.reason !== 'HistoryRewritten' && held?.reason !== 'UntrustedCommit') || held.commit === undefined) throw new EditRefused('no commit is held back that could be confirmed');
    if (commit.length < COMMIT_PREFIX_MIN || !held.commit.startsWith(commit)) throw new EditRefused(`the commit that is held back is ${held.commit.slice(0, 8)}, not "${commit}"`);
    await this.#options.confirm({reason: held.reason, commit: held.commit}, signal);
    this.#options.loop.wake();
    return held.commit;
  }

  registry(): RegistryState | undefined {
    return this.#options.registry();
  }

  drains(): Promise<readonly DrainStatus[]> {
    return this.#options.drains();
  }

  events(): readonly FlynnEvent[] {
    return this.#options.events.recent();
  }

  olderEvents(): AsyncIterable<FlynnEvent> {
    return this.#options.events.older();
  }

  onEvent(listener: (event: FlynnEvent) => void, signal: AbortSignal): void {
    this.#options.events.listen(listener, signal);
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    return this.#options.logs(query, signal);
  }

  async converged(app: AppName, onProgress: (line: string) => void, signal: AbortSignal): Promise<DeployOutcome> {
    const from = this.#options.loop.wake();
    const decided = Promise.withResolvers<Verdict>();
    const waiting = new AbortController();
    const startedAtMs = Date.now();
    let lastProgress = '';
    const output = new ReleaseOutput({engine: this.#options.engine, print: onProgress, signal: anySignal([signal, waiting.signal])});
    this.#onPass((report) => {
      if (report.number < from) return;
      const verdict = judge(app, report, startedAtMs);
      if ('progress' in verdict) {
        if (verdict.progress !== lastProgress) output.say(verdict.progress);
        lastProgress = verdict.progress;
      } else decided.resolve(verdict);
      const job = runningReleaseJob(app, report);
      if (job !== undefined) output.see(job);
    }, waiting.signal);
    const onAbort = () => decided.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    try {
      const verdict = await decided.promise;
      await output.settled();
      return await this.#outcome(verdict, output, signal);
    } finally {
      waiting.abort();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #outcome(verdict: Verdict, output: ReleaseOutput, signal: AbortSignal): Promise<DeployOutcome> {
    switch (verdict.result) {
      case 'removed':
      case 'suspended': return verdict;
      case 'failed': return {result: 'failed', commit: verdict.commit, cause: verdict.cause, log: verdict.container === undefined || output.hasTold(verdict.container) ? [] : await this.#logTail(verdict.container, signal)};
      case 'healthy': return {...verdict, urls: verdict.hosts.map((host) => this.#urlOf(host))};
    }
  }

  #urlOf(host: string): string {
    return this.certificates.isRedirected(host) ? secureUrlOf(host, this.settings) : urlOf(host, this.settings);
  }

  async #logTail(container: ContainerId, signal: AbortSignal): Promise<readonly string[]> {
    const lines: string[] = [];
    try {
      for await (const {text} of this.#options.engine.logs(container, {tail: FAILURE_LOG_LINES, follow: false}, signal)) lines.push(text);
    } catch (error) {
      lines.push(`(its log can't be read: ${error instanceof Error ? error.message : String(error)})`);
    }
    return lines;
  }

  #nextPass(isMeant: (report: PassReport) => boolean, signal: AbortSignal): Promise<PassReport> {
    const heard = new AbortController();
    return new Promise<PassReport>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error), {once: true, signal: heard.signal});
      this.#onPass((report) => {
        if (isMeant(report)) resolve(report);
      }, heard.signal);
    }).finally(() => heard.abort());
  }

  #onPass(listener: (report: PassReport) => void, signal: AbortSignal): void {
    this.#passListeners.add(listener);
    signal.addEventListener('abort', () => this.#passListeners.delete(listener), {once: true});
  }

  #apps({desired, observed, plan}: NonNullable<PassReport['seen']>): readonly AppStatus[] {
    const byApp = Map.groupBy(observed.containers, ({app}) => app);
    const [waits, acts] = [Map.groupBy(plan.waiting, ({app}) => app), Map.groupBy(plan.actions, ({app}) => app)];
    const runs = Map.groupBy(observed.runs, ({app}) => app);
    return desired.apps.map((app): AppStatus => {
      const rest = deriveApp({
        app,
        record: observed.journal.get(app.name),
        containers: byApp.get(app.name) ?? [],
        runs: runs.get(app.name) ?? [],
        waiting: waits.get(app.name) ?? [], actions: acts.get(app.name) ?? [],
        busy: observed.operations,
        urlOf: (host) => this.#urlOf(host),
      });
      const source = this.sources.status(app.name);
      // True of the newest commit, however long they have been so.
      return {...rest, ...(source && {source}), ...noticed(this.certificates.notices(app.name)), conditions: this.#conditions.of(app.name).map((condition) => ({...condition, commit: desired.commit}))};
    });
  }

  #noteConditions({held, seen}: PassReport): void {
    const at = {commit: seen?.desired.commit ?? this.#lastSeen?.desired.commit ?? NO_COMMIT, now: new Date().toISOString()};
    this.#conditions.seeNode([...nodeClaims(held, this.#lastSeen !== undefined), ...diskClaims(this.housekeeping)], at);
    if (seen === undefined) return;
    const {desired, observed, plan} = seen;
    const byApp = Map.groupBy(observed.containers, ({app}) => app);
    const portWaits = waitsOfPorts(plan.waiting);
    this.#conditions.see(desired.apps.map((app) => {
      const record = observed.journal.get(app.name);
      const imageGone = observed.lostImages?.has(app.name) === true ? whyNoImage(app, phaseOf(app, record).serving, observed) : undefined;
      return {app, record, containers: byApp.get(app.name) ?? [], busy: observed.operations, ...(imageGone !== undefined && {imageGone}), portWaits: portWaits.get(app.name)};
    }), at);
  }
}

/** The router answers, and nothing is left to be done of the platform's own (no app) that may take it away again. */
function isUp(seen: PassReport['seen']): boolean {
  const isPlatformsOwn = ({app}: {app?: AppName}) => app === undefined;
  return seen?.observed.router.state === 'ready' && !seen.plan.actions.some(isPlatformsOwn) && !seen.plan.waiting.some(isPlatformsOwn);
}

function noticed(notices: readonly string[]): {readonly notices?: readonly string[]} {
  return notices.length === 0 ? {} : {notices};
}

const NO_COMMIT = '0'.repeat(40) as CommitId;

function nodeClaims(held: PassReport['held'], hasSeen: boolean): readonly Claim[] {
  if (held === undefined) return [{type: 'Ready', status: hasSeen, reason: hasSeen ? 'Reconciled' : 'Starting', message: 'the newest commit is applied'}];
  const {reason, message} = held;
  return [{type: 'Ready', status: false, reason, message}, {type: 'Stalled', status: true, reason, message}];
}

/** Nothing stops but builds: the node is as ready as it was, and somebody has to make room. */
function diskClaims(housekeeping: Housekeeping): readonly Claim[] {
  const message = housekeeping.diskProblem();
  return message === undefined ? [] : [{type: 'Stalled', status: true, reason: 'DiskNearlyFull', message}];
}
