import {isDeepStrictEqual} from 'node:util';
import {urlOfForge, FORGE_DEFAULTS, type ForgeKind, type ForgeManifest} from '../../schemas/forge.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {isSigned} from '../source/signature.ts';
import type {HookOutcome, HookRequest} from '../source/status.ts';
import {DeployStatuses, type DeployParts} from './deploys.ts';
import type {Forge} from './forge.ts';
import {gitea} from './gitea.ts';
import {github, type ForgePlace} from './github.ts';
import {gitlab} from './gitlab.ts';
import {ForgeFailed} from './http.ts';
import {Plans, type PlanParts} from './plans.ts';
import type {ChangeOpened, ForgeDesk, ForgeState, OpenPull, ProposedChange} from './status.ts';

/** Between two looks, in milliseconds: a burst of events is one look. */
const REST_MS = 1_000;
/** Longest pause after looks that failed. */
const PAUSE_MS_MAX = 15 * 60_000;
/** Most that is told of why the forge can't be told anything. */
const PROBLEM_LENGTH_MAX = 500;

export interface ForgeDeskParts extends Omit<DeployParts, 'nowMs'> {
  /** What the applied cluster.yaml says. Undefined: there is none, or the repository is no one's but ours. */
  settings(): ForgeManifest | undefined;
  /** Why a forge could not be used even if cluster.yaml named one. */
  whyNot(): string | undefined;
  openSecret(sealed: string): Promise<string>;
  domain(): string;
  /** The newest commit of main. */
  main(signal: AbortSignal): Promise<CommitId>;
  planOf: PlanParts['planOf'];
  keepOnly: PlanParts['keepOnly'];
  listed: PlanParts['listed'];
  /** Moves a branch of the repository there to a commit of ours. */
  push(change: Pick<ProposedChange, 'branch' | 'commit' | 'replaces'>, signal: AbortSignal): Promise<void>;
  /** The repository there may have moved. */
  refresh(signal: AbortSignal): Promise<void>;
  tell(kind: 'forge-failed' | 'forge-reachable', message: string): void;
}

const KINDS: Readonly<Record<ForgeKind, (place: ForgePlace) => Forge>> = {github, gitlab, gitea};

interface Connected {
  readonly of: ForgeManifest;
  readonly forge: Forge;
  readonly plans: Plans;
}

/** Tells the forge what becomes of open pull requests and merged commits, again and again. One node of a cluster does. */
export class ForgePoster implements ForgeDesk {
  readonly #parts: ForgeDeskParts;
  readonly #deploys: DeployStatuses;
  #connected: Connected | undefined;
  #isAwake = true;
  /** Somebody has changed how the forge is reached: no pause after failures counts any more. */
  #isChanged = false;
  #seenSettings = '';
  #mustRefresh = false;
  #wakeUp = () => {};
  #failures = 0;
  #problem: string | undefined;
  #notBeforeMs = 0;
  #lookedAtMs: number | undefined;

  constructor(parts: ForgeDeskParts) {
    this.#parts = parts;
    this.#deploys = new DeployStatuses({judge: (app, sinceMs) => parts.judge(app, sinceMs), urlOf: (apps) => parts.urlOf(apps), nowMs: () => Date.now()});
  }

  /** Looks and tells until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wakeUp(), {once: true});
    while (!signal.aborted) {
      this.#isAwake = false;
      this.#isChanged = false;
      const settings = this.#parts.settings();
      if (settings !== undefined) await this.#look(settings, signal);
      await this.#pause(settings, signal);
    }
  }

  /** These apps change by a commit that is applied from now on. */
  follow(commit: CommitId, apps: readonly AppName[], how: {readonly isOld?: boolean} = {}): void {
    this.#deploys.follow(commit, apps, how);
    this.look();
  }

  hold(commit: CommitId, why: string): void {
    this.#deploys.hold(commit, why);
    this.look();
  }

  /** Called after each pass. */
  see(): void {
    const settings = JSON.stringify(this.#parts.settings()) ?? '';
    if (settings !== this.#seenSettings) {
      this.#seenSettings = settings;
      this.#isChanged = true;
      this.#problem = undefined;
      this.#failures = 0;
      this.#notBeforeMs = 0;
      this.look();
    }
    if (this.#deploys.see()) this.look();
  }

  /** Looks soon. */
  look(): void {
    this.#isAwake = true;
    this.#wakeUp();
  }

  state(): ForgeState | undefined {
    const settings = this.#parts.settings();
    if (settings === undefined) return undefined;
    const {kind, repository, hookSecret} = settings;
    const isCurrent = this.#connected !== undefined && isDeepStrictEqual(this.#connected.of, settings);
    return {
      kind, repository, url: urlOfForge(settings) ?? '', hasHook: hookSecret !== undefined, changes: isCurrent ? this.#connected?.plans.count ?? 0 : 0,
      ...(isCurrent && this.#lookedAtMs !== undefined && {lookedAt: new Date(this.#lookedAtMs).toISOString()}),
      ...(this.#problem !== undefined && {problem: this.#problem}),
    };
  }

  open(): readonly OpenPull[] {
    return this.#connected?.plans.open ?? [];
  }

  async openChange(change: ProposedChange, signal: AbortSignal): Promise<ChangeOpened> {
    const settings = this.#parts.settings();
    if (settings === undefined) throw new EditRefused(this.#parts.whyNot() ?? 'cluster.yaml names no forge: flynn forge set');
    try {
      const {forge} = await this.#connect(settings);
      await this.#parts.push(change, signal);
      const {branch, title, body} = change;
      const {number, url} = await forge.propose({branch, into: 'main', title, body}, signal);
      this.look();
      return {number, url};
    } catch (error) {
      if (error instanceof ForgeFailed) throw new EditRefused(error.message);
      throw error;
    }
  }

  async hook(request: HookRequest): Promise<HookOutcome> {
    const sealed = this.#parts.settings()?.hookSecret;
    if (sealed === undefined) return {result: 'unknown'};
    if (!isSigned(request, await this.#parts.openSecret(sealed))) return {result: 'refused'};
    // Whatever it is about: what is looked at costs a question or two, and is what decides.
    this.#mustRefresh = true;
    this.look();
    return {result: 'accepted'};
  }

  async #look(settings: ForgeManifest, signal: AbortSignal): Promise<void> {
    try {
      if (this.#mustRefresh) {
        this.#mustRefresh = false;
        await this.#parts.refresh(signal);
      }
      const {forge, plans} = await this.#connect(settings);
      await this.#deploys.tell(forge, signal);
      await plans.look(await this.#parts.main(signal), signal);
      this.#lookedAtMs = Date.now();
      this.#notBeforeMs = 0;
      this.#reached(forge);
    } catch (error) {
      if (!signal.aborted) this.#missed(error);
    }
  }

  async #connect(settings: ForgeManifest): Promise<Connected> {
    // Another object with every change of a shared file.
    if (this.#connected !== undefined && isDeepStrictEqual(this.#connected.of, settings)) return this.#connected;
    const {kind, repository, token} = settings;
    const forge = KINDS[kind]({url: urlOfForge(settings) ?? '', repository, token: (await this.#parts.openSecret(token)).trim()});
    this.#connected = {of: settings, forge, plans: new Plans({forge, domain: this.#parts.domain(), planOf: (change, signal) => this.#parts.planOf(change, signal), keepOnly: (open, signal) => this.#parts.keepOnly(open, signal), listed: (...asked) => this.#parts.listed(...asked)})};
    return this.#connected;
  }

  #reached({name}: Forge): void {
    if (this.#problem !== undefined) this.#parts.tell('forge-reachable', `${name} is told again`);
    this.#problem = undefined;
    this.#failures = 0;
  }

  #missed(error: unknown): void {
    const message = (error instanceof Error ? error.message : String(error)).slice(0, PROBLEM_LENGTH_MAX);
    this.#failures += 1;
    if (error instanceof ForgeFailed && error.notBeforeMs !== undefined) this.#notBeforeMs = error.notBeforeMs;
    if (this.#problem !== message) this.#parts.tell('forge-failed', message);
    this.#problem = message;
  }

  async #pause(settings: ForgeManifest | undefined, signal: AbortSignal): Promise<void> {
    const pollMs = (settings?.pollSeconds ?? FORGE_DEFAULTS.pollSeconds) * 1000;
    // What it has refused it is not asked at every turn of the cluster; what is new is told at once.
    const restMs = Math.max(REST_MS, this.#notBeforeMs - Date.now(), this.#failures === 0 ? 0 : Math.min(PAUSE_MS_MAX, 5_000 * 2 ** (this.#failures - 1)));
    await this.#wait(restMs, () => this.#isChanged, signal);
    await this.#wait(Math.max(0, pollMs - restMs), () => this.#isAwake, signal);
  }

  /** Until then, or until somebody wakes us while `mayEnd`. */
  async #wait(ms: number, mayEnd: () => boolean, signal: AbortSignal): Promise<void> {
    if (mayEnd() || signal.aborted || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        if (!mayEnd() && !signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = () => {};
  }
}
