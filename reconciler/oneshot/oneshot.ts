import type {AppName} from '../../schemas/ids.ts';
import type {Attached, CommandSignal as EngineSignal, TerminalSize} from '../adapters/docker-attach.ts';
import type {Author} from '../checkout/snapshot.ts';

/** What people may do to an app's containers without a commit. All of it is written to the audit log before it happens. */
export interface OneShot {
  /** Runs a command in a container of its own, of the release that serves. @throws {Refused} */
  run(request: RunRequest, signal: AbortSignal): Promise<Session>;
  /** The same with nobody connected: its output is kept as a replica's is. @throws {Refused} */
  runDetached(request: RunRequest, signal: AbortSignal): Promise<StartedRun>;
  /** Runs a command in a container that runs. @throws {Refused} */
  exec(request: ExecRequest, signal: AbortSignal): Promise<Session>;
  /** Stops one container; resolves when it has ended. @throws {Refused} */
  kill(request: ReplicaRequest, signal: AbortSignal): Promise<Killed>;
  /** Writes down that services are to get new containers: the pass does it. @throws {Refused} */
  restart(request: RestartRequest, signal: AbortSignal): Promise<Restarted>;
  /** Writes down that one replica is to be replaced, and waits until another one has its place. @throws {Refused} also when none gets healthy: the old one stays then. */
  restartReplica(request: ReplicaRequest, signal: AbortSignal): Promise<RestartedReplica>;
}

/** Who asks, as the audit log has it. */
export interface Actor extends Author {
  readonly user?: string;
  /** When an identity provider said who it is. */
  readonly oidc?: {readonly subject: string};
  /** Address. */
  readonly from?: string;
}

interface CommandRequest {
  readonly app: AppName;
  readonly actor: Actor;
  /** As typed. A single word is a shell's line. Never empty. */
  readonly command: readonly string[];
  /** Beside the service's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly terminal?: TerminalSize;
}

export interface RunRequest extends CommandRequest {
  /** Whose environment and limits it gets. Absent: `web`, or else the first. */
  readonly service?: string;
}

export interface ExecRequest extends CommandRequest {
  /** `web.1`, `run.4821` */
  readonly replica: string;
}

export interface ReplicaRequest {
  readonly app: AppName;
  readonly actor: Actor;
  readonly replica: string;
}

export interface RestartRequest {
  readonly app: AppName;
  readonly actor: Actor;
  /** Absent: all that run. */
  readonly service?: string;
}

export type CommandSignal = EngineSignal;

export interface StartedRun {
  /** `run.4821` */
  readonly name: string;
  readonly release: number;
}

/** A command that somebody is connected to. */
export interface Session extends StartedRun, Pick<Attached, 'output' | 'write' | 'endInput' | 'resize' | 'send' | 'outcome'> {
  /** Has to be called, whatever happens: nobody is connected any more. What still runs is ended. */
  close(): Promise<void>;
}

export interface Killed {
  readonly replica: string;
  readonly tookMs: number;
  /** A replica's place is filled again; a run's is not. */
  readonly isReplaced: boolean;
}

export interface Restarted {
  readonly services: readonly string[];
}

export interface RestartedReplica {
  readonly replica: string;
  readonly tookMs: number;
}

/** It can't be done, and the message says why: `missing` when there is no such thing, `impossible` when it can't be done to it now. */
export class Refused extends Error {
  override name = 'Refused';
  readonly kind: 'missing' | 'impossible';
  /** What a shell's exit status would be, of a command that can't be started. */
  readonly exitCode: number | undefined;

  constructor(kind: Refused['kind'], message: string, exitCode?: number) {
    super(message);
    this.kind = kind;
    this.exitCode = exitCode;
  }
}

/** One line of the audit log. What is not there could hold a secret. */
export interface AuditEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** `Ann Lee <ann@example.com>`: of a person's token its owner, of the node's own one whatever name the request gave. */
  readonly actor: string;
  /** Whose token it was: a person of `people/`, or `operator`. */
  readonly user?: string;
  /** What an identity provider calls him, when that said who he is. */
  readonly oidc?: string;
  /** Address of the client. */
  readonly from?: string;
  /** `run`, `exec`, `kill`, `restart`, `confirm`, `commit`, `push`, `refused` … */
  readonly action: string;
  readonly app?: AppName;
  /** `web.1`, `run.4821`, a commit … */
  readonly subject?: string;
  readonly command?: CommandPrint;
  /** What became of it in git. */
  readonly commit?: string;
  /** SHA-256 of the line before this one: nobody changes or takes out a line without all that follow. Absent in lines of older versions, and in the very first one. */
  readonly prev?: string;
}

/** A command without its arguments, which may hold secrets. */
export interface CommandPrint {
  /** Its first word. */
  readonly program: string;
  /** Of all its words, as JSON: who knows the command can find it, nobody can read it. */
  readonly sha256: string;
}

/** Who did what, as it is kept. */
export interface Audit {
  /** Resolves when it is on the disk; what can't be written down is not to be done. */
  add(entry: NewAuditEntry): Promise<void>;
  /** The newest, oldest first. */
  last(count: number): Promise<readonly AuditEntry[]>;
  /** Whether all lines are as they were written. */
  verify(): Promise<AuditVerdict>;
}

export type NewAuditEntry = Omit<AuditEntry, 'at' | 'prev'>;

export interface AuditVerdict {
  readonly lines: number;
  /** The first line whose predecessor is not what it was, `audit.log:12`. Absent: the chain is whole. */
  readonly brokenAt?: string;
}
