import {createHash, randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {Readable} from 'node:stream';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {AppName, BlobId, CommitId, TreeId} from '../../../schemas/ids.ts';
import {type Author, type Change, type ClusterRepo, type Committed, EditRefused, StaleRead} from '../../../reconciler/checkout/snapshot.ts';
import {Keyring} from '../../../reconciler/secrets/keyring.ts';
import type {ForgeDesk, ForgeState} from '../../../reconciler/forge/status.ts';
import {FakeAudit, FakeOneShot} from './fake-one-shot.ts';
import type {CronLine, CronView, DeployOutcome, DrainStatus, Garbage, Housekeeping, LogLine, MetricsDesk, NodeMetrics, NodeView, QuotaDesk, RegistryState, SourceDesk, StackDesk, StackLine} from '../../../reconciler/node.ts';
import type {Plan} from '../../../reconciler/plan/action.ts';
import type {CronStatus} from '../../../reconciler/status/cron.ts';
import type {HookOutcome, SourceLine, SourceStatus} from '../../../reconciler/source/status.ts';
import type {AppStatus, FlynnEvent, NodeStatus} from '../../../reconciler/status/status.ts';
import {FakeBuilds, FakeDeploys} from './fake-builds.ts';
import {FakeCertificates} from './fake-certificates.ts';
import {FakeProposals} from './fake-proposals.ts';
import {FakeReleases} from './fake-releases.ts';
import {FakeVolumes} from './fake-volumes.ts';

export const COMMIT = '1a2b3c4d'.repeat(5) as CommitId;
export const NOW = '2026-11-23T10:13:01Z';

/** A node without engine or disk: tests set what it says, and read what was asked of it. */
export class FakeView implements NodeView {
  readonly settings = {
    data: '/var/lib/flynn', node: 'n1', domain: 'flynn.localhost', listen: '127.0.0.1',
    httpPort: 8080, httpsPort: 8443, apiPort: 3580, dnsPort: 3553, sshPort: 0, cluster: {kind: 'own'},
  } as const;
  readonly repo = new FakeRepo();
  /** Nothing is on the disk until somebody calls `ensure`, and removes it afterwards. */
  readonly keyring = new Keyring(path.join(tmpdir(), `flynn-keys-${randomUUID()}`));
  readonly releases = new FakeReleases();
  readonly proposals = new FakeProposals();
  /** The lines of a build of the stack. */
  stackLines: readonly StackLine[] = [];
  readonly stack: StackDesk = {
    info: async () => [{name: 'run', tag: 'flynn/run:1', id: `sha256:${'a'.repeat(64)}`, madeAt: NOW, sizeBytes: 2 ** 20, debian: 'Debian 13'}],
    packages: async (image) => [{name: image === 'run' ? 'curl' : 'gcc', version: '8.14.1-2'}],
    build: async function* (this: FakeView) {
      yield* this.stackLines;
    }.bind(this),
  };
  registryState: RegistryState | undefined;
  readonly builds = new FakeBuilds();
  readonly deploys = new FakeDeploys();
  readonly oneShot = new FakeOneShot();
  readonly audit = new FakeAudit();
  readonly volumes = new FakeVolumes();
  readonly certificates = new FakeCertificates();
  readonly ssh = () => ({state: 'off'} as const);
  readonly quota: QuotaDesk = {standings: () => [{kind: 'team', name: 'web', field: 'replicas', used: 3, allowed: 8, apps: ['shop']}]};
  /** The app whose deploy has canaries. */
  canary: AppName | undefined;
  readonly decided: string[] = [];
  readonly canaries = {
    decide: (app: AppName, kind: string, by: string) => {
      if (app !== this.canary) throw new EditRefused(`no deploy of "${app}" has canaries now`);
      this.decided.push(`${kind} ${app} by ${by}`);
    },
  };
  /** What its router has done. */
  traffic: NodeMetrics = {since: NOW, http: [], tcp: [], tcpReplicas: [], problems: []};
  readonly metrics: MetricsDesk = {look: async () => this.traffic};
  /** What is left on its disk. */
  garbage: readonly Garbage[] = [];
  readonly collected: string[] = [];
  readonly housekeeping: Housekeeping = {
    garbage: async () => this.garbage,
    collect: async (what) => {
      this.collected.push(what);
      return this.garbage;
    },
    diskProblem: () => undefined,
  };
  /** By app. */
  followed: Readonly<Record<string, SourceStatus>> = {};
  hookOutcome: HookOutcome = {result: 'unknown'};
  readonly hooks: {readonly app: AppName; readonly body: string}[] = [];
  forgeState: ForgeState | undefined;
  readonly forge: ForgeDesk = {
    state: () => this.forgeState,
    open: () => [],
    openChange: async ({branch}) => ({number: 1, url: `https://forge.test/${branch}`}),
    hook: async ({headers}) => (headers['x-gitlab-token'] === 'good' ? {result: 'accepted'} : {result: 'refused'}),
  };
  readonly sources: SourceDesk = {
    status: (app) => this.followed[app],
    sync: (app) => {
      const source = this.followed[app];
      if (source === undefined) throw new EditRefused(`⬢ ${app} has no source elsewhere`);
      return Readable.from([{print: '-----> Building on the Flynn stack'}, {source}]) as AsyncIterable<SourceLine>;
    },
    hook: async (app, {body}) => {
      this.hooks.push({app, body: body.toString()});
      return this.hookOutcome;
    },
  };
  readonly wakes: string[] = [];
  readonly streams = {open: 0};
  ready = false;
  /** Sealed values. */
  inUse: readonly string[] = [];
  /** The commit that is held back. */
  held: CommitId | undefined;
  current: NodeStatus = {node: 'n1', cluster: 'home', domain: 'flynn.localhost', commit: COMMIT, revision: `main@sha1:${COMMIT}`, conditions: [], nodes: [], apps: []};
  planned: Plan | Error = {actions: [], waiting: []};
  progress: readonly string[] = [];
  outcome: DeployOutcome | Error = {result: 'healthy', commit: COMMIT, release: 1, urls: []};
  written: readonly LogLine[] = [];
  past: readonly FlynnEvent[] = [];
  before: readonly FlynnEvent[] = [];
  cronList: readonly CronStatus[] = [];
  cronLines: readonly CronLine[] = [];
  readonly started: string[] = [];
  readonly crons: CronView = {
    list: () => this.cronList,
    start: async ({app, cron}, by) => {
      if (!this.cronList.some(({name}) => name === cron)) throw new EditRefused(`app "${app}" has no cron job "${cron}"`);
      this.started.push(`${app} ${cron} by ${by}`);
      return {id: '20261123-101301-000', dueAt: NOW, by, state: 'due'};
    },
    log: (run, mode) => {
      this.started.push(`log of ${run.app} ${run.cron} ${run.run} ${mode}`);
      return Readable.from(this.cronLines) as AsyncIterable<CronLine>;
    },
  };
  readonly #listeners = new Set<(event: FlynnEvent) => void>();

  status(): NodeStatus {
    return this.current;
  }

  sealedInUse(): readonly string[] {
    return this.inUse;
  }

  isReady(): boolean {
    return this.ready;
  }

  async plan(): Promise<Plan> {
    if (this.planned instanceof Error) throw this.planned;
    return this.planned;
  }

  async confirm(commit: string): Promise<CommitId> {
    if (this.held?.startsWith(commit) !== true) throw new EditRefused('no commit is held back that could be confirmed');
    return this.held;
  }

  registry(): RegistryState | undefined {
    return this.registryState;
  }

  wake(reason: string): void {
    this.wakes.push(reason);
  }

  async converged(_app: AppName, onProgress: (line: string) => void): Promise<DeployOutcome> {
    for (const line of this.progress) onProgress(line);
    if (this.outcome instanceof Error) throw this.outcome;
    return this.outcome;
  }

  async *logs({service, lines, follow}: Parameters<NodeView['logs']>[0], signal: AbortSignal): AsyncGenerator<LogLine> {
    this.streams.open++;
    try {
      const all = this.written.filter(({name}) => service === undefined || name.startsWith(`${service}.`));
      yield* all.slice(Math.max(0, all.length - (lines ?? all.length)));
      if (follow && !signal.aborted) await once(signal, 'abort');
    } finally {
      this.streams.open--;
    }
  }

  onEvent(listener: (event: FlynnEvent) => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener));
  }

  events(): readonly FlynnEvent[] {
    return this.past;
  }

  drained: readonly DrainStatus[] = [];

  async drains(): Promise<readonly DrainStatus[]> {
    return this.drained;
  }

  async *olderEvents(): AsyncGenerator<FlynnEvent> {
    yield* this.before;
  }

  emit(event: FlynnEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  listeners(): number {
    return this.#listeners.size;
  }
}

/** A cluster repository in memory, with one branch and no disk. */
export class FakeRepo implements ClusterRepo {
  readonly files = new Map<string, string>();
  /** Apps of all its commits, and whether the node has them. */
  changed: readonly AppName[] = [];
  isApplied = true;
  readonly commits: {readonly commit: CommitId; readonly message: string; readonly author: Author}[] = [];
  readonly #operations = new Map<string, CommitId>();

  async snapshot(): ReturnType<ClusterRepo['snapshot']> {
    const texts = (isMeant: (path: string) => boolean) => [...this.files].filter(([file]) => isMeant(file)).map(([file, text]) => ({path: file, kind: 'text' as const, blobId: file as BlobId, text}));
    const names = new Set([...this.files.keys()].flatMap((file) => /^apps\/([^/]+)\//.exec(file)?.[1] ?? []));
    return {
      commit: this.commits.at(-1)?.commit ?? COMMIT,
      committedAtMs: 0,
      shared: {treeId: 'shared' as TreeId, files: async () => texts((file) => !file.startsWith('apps/'))},
      apps: [...names].sort().map((name) => ({
        name: name as AppName,
        treeId: name as string as TreeId,
        files: async () => texts((file) => file.startsWith(`apps/${name}/`)),
      })),
    };
  }

  async facts(name: string): ReturnType<ClusterRepo['facts']> {
    const found = this.commits.find(({commit}) => commit.startsWith(name));
    return found && {commit: found.commit, apps: this.changed, isShared: false, isMerged: true, isApplied: this.isApplied};
  }

  async commit({edit, message: wanted, subject, author, operationId, seen}: Change): Promise<Committed> {
    const done = this.#operations.get(operationId);
    const called = this.commits.find(({commit}) => commit === done)?.message;
    if (done !== undefined) return {commit: done, isNew: false, ...(subject !== undefined && called !== undefined && {subject: called})};
    if (seen !== undefined && !seen.commits.includes((await this.snapshot()).commit)) throw new StaleRead('it was changed');
    const list = (folder: string) => [...new Set([...this.files.keys()]
      .filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
    const read = (path: string) => this.files.get(path);
    const message = subject?.(read) ?? wanted;
    const changed = edit(read, list);
    for (const [path, text] of Object.entries(changed)) {
      if (text === undefined) for (const file of this.files.keys()) { if (file === path || file.startsWith(`${path}/`)) this.files.delete(file); }
      else this.files.set(path, text);
    }
    const commit = createHash('sha1').update(`${this.commits.length} ${message}`).digest('hex') as CommitId;
    this.commits.push({commit, message, author});
    this.#operations.set(operationId, commit);
    return {commit, isNew: true, ...(subject !== undefined && {subject: message})};
  }

  watch(): void {
    throw new EditRefused('nobody watches in these tests');
  }
}

/** A healthy app with one service, unless told otherwise. */
export function app(name: string, over: Partial<AppStatus> = {}): AppStatus {
  return {
    name: name as AppName,
    release: 3,
    servingRelease: 3,
    urls: [`http://${name}.flynn.localhost:8080/`],
    services: [{
      name: 'web', command: ['/bin/bash', '-c', 'npm start'], wanted: 1, healthy: 1,
      replicas: [{name: 'web.1', containerId: 'c'.repeat(64), release: 3, state: 'up', since: '2026-11-23T10:12:01Z'}],
    }],
    runs: [],
    conditions: [{type: 'Ready', status: true, reason: 'Healthy', message: 'release v3 serves', commit: COMMIT, since: '2026-11-23T10:12:01Z'}],
    waiting: [],
    ...over,
  };
}
