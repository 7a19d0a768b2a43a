import {PassThrough} from 'node:stream';
import {type Audit, type AuditEntry, type AuditVerdict, type ExecRequest, type Killed, type OneShot, Refused, type ReplicaRequest, type Restarted, type RestartedReplica, type RestartRequest, type RunRequest, type Session, type StartedRun} from '../../../reconciler/oneshot/oneshot.ts';

type Piece = {readonly stream: 'stdout' | 'stderr'; readonly bytes: Buffer};

/** A command in memory: it does what the test says. */
export class FakeSession implements Session {
  readonly name: string;
  readonly release = 3;
  readonly stdin = new PassThrough();
  readonly sent: string[] = [];
  readonly sizes: string[] = [];
  exitCode = 0;
  isClosed = false;
  readonly #output = new PassThrough({objectMode: true, highWaterMark: 1});

  constructor(name: string) {
    this.name = name;
  }

  get output(): AsyncIterable<Piece> {
    return this.#output;
  }

  async print(stream: Piece['stream'], bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#output.write({stream, bytes}, (error) => (error ? reject(error) : resolve())));
  }

  end(exitCode = 0): void {
    this.exitCode = exitCode;
    this.#output.end();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.stdin.write(bytes)) await new Promise<void>((resolve) => this.stdin.once('drain', () => resolve()));
  }

  endInput(): void {
    this.stdin.end();
  }

  async resize({columns, rows}: {columns: number; rows: number}): Promise<void> {
    this.sizes.push(`${columns}x${rows}`);
  }

  async send(name: string): Promise<void> {
    this.sent.push(name);
  }

  async outcome(): Promise<{exitCode: number; isOutOfMemory: boolean}> {
    return {exitCode: this.exitCode, isOutOfMemory: false};
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#output.destroy();
  }
}

/** Notes what is asked for, and lets tests say what a command does. */
export class FakeOneShot implements OneShot {
  readonly asked: (RunRequest | ExecRequest | ReplicaRequest | RestartRequest)[] = [];
  refusal: Refused | undefined;
  /** What a command does, once somebody is connected. */
  command: (session: FakeSession) => Promise<void> | void = (session) => session.end();
  readonly sessions: FakeSession[] = [];

  async run(request: RunRequest): Promise<Session> {
    return this.#session(request, 'run.4821');
  }

  async runDetached(request: RunRequest): Promise<StartedRun> {
    this.#ask(request);
    return {name: 'run.4821', release: 3};
  }

  async exec(request: ExecRequest): Promise<Session> {
    return this.#session(request, request.replica);
  }

  async kill(request: ReplicaRequest): Promise<Killed> {
    this.#ask(request);
    return {replica: request.replica, tookMs: 312, isReplaced: !request.replica.startsWith('run.')};
  }

  async restart(request: RestartRequest): Promise<Restarted> {
    this.#ask(request);
    return {services: [request.service ?? 'web']};
  }

  async restartReplica(request: ReplicaRequest): Promise<RestartedReplica> {
    this.#ask(request);
    return {replica: request.replica, tookMs: 1420};
  }

  #session(request: RunRequest | ExecRequest, name: string): Session {
    this.#ask(request);
    const session = new FakeSession(name);
    this.sessions.push(session);
    void Promise.resolve(this.command(session)).catch(() => session.end(70));
    return session;
  }

  #ask(request: (typeof this.asked)[number]): void {
    this.asked.push(request);
    if (this.refusal !== undefined) throw this.refusal;
  }
}

export class FakeAudit implements Audit {
  entries: AuditEntry[] = [];

  async add(entry: Omit<AuditEntry, 'at'>): Promise<void> {
    this.entries.push({at: '2026-11-23T10:13:01.000Z', ...entry});
  }

  async last(count: number): Promise<readonly AuditEntry[]> {
    return this.entries.slice(-count);
  }

  async verify(): Promise<AuditVerdict> {
    return {lines: this.entries.length};
  }
}
