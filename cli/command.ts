import type {AppName} from '../schemas/ids.ts';
import type {Client} from './client.ts';
import type {Streams} from './streams.ts';

/** One word after `flynn`, in a file of its own: `commands/<name>.ts` exports a `Command` and `table.ts` names it. */
export interface Command {
  /** Without the leading `flynn`: `scale [<service>=<replicas>…] [--no-wait]`. */
  readonly usage: string;
  /** One line for `flynn help`. */
  readonly summary: string;
  /** What `flynn help <command>` says beyond usage and summary. */
  readonly details?: readonly string[];
  /** Whole command lines, with `flynn`. */
  readonly examples?: readonly string[];
  /** Exit status when `run` throws a failure. Default 1; `plan` has 2, because its 1 means something else. */
  readonly failureStatus?: number;
  /**
   * Resolves to the exit status: 0 done, 1 refused or failed, 2 used wrongly. Throws `UsageError` and `Failure`, which are
   * told to the user as they are. `args` has no global flags any more.
   */
  run(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number>;
}

/** All that a command knows of the world around it, so that tests can give it another one. */
export interface CommandContext {
  /** Data: what a pipe wants. One line, without newline. */
  out(line: string): void;
  /** Progress, warnings, advice: what a person wants. */
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Colours and live progress are welcome on stdout. */
  readonly isTerminal: boolean;
  /** `--json`: print JSON, one document (or one a line for streams), and nothing else to stdout. */
  readonly isJson: boolean;
  /** `-a`, as it was given. */
  readonly appFlag?: string;
  /** `-c`, as it was given. */
  readonly clusterFlag?: string;
  /** `--clone`, or `FLYNN_CLONE`: a clone of the cluster repository is meant, and no cluster is asked. */
  readonly cloneFlag?: string;
  /** `--propose`: changes are not made but proposed, with this title; empty: as they are called. Absent: they are made. */
  readonly proposeFlag?: string;
  /** All of stdin. */
  input(): Promise<string>;
  /** stdin, stdout and stderr as they are, for a command that runs elsewhere. */
  streams(): Streams;
  nowMs(): number;
  /** False without asking when nobody is there to answer. */
  confirm(question: string, signal: AbortSignal): Promise<boolean>;
  /** Of the cluster that is meant. Throws `Failure` when there is none; talks to nobody yet. */
  client(): Promise<Client>;
  /** The app that is meant: `named` (a positional argument), `-a`, `FLYNN_APP`, the git work tree's remote. Throws `Failure`. */
  app(named: string | undefined, signal: AbortSignal): Promise<AppName>;
}

/** The command line makes no sense: exit status 2, and the usage is shown. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** It can't be done, and the user can do something about it. `advice` says what, a line each. */
export class Failure extends Error {
  override name = 'Failure';
  readonly advice: readonly string[];

  constructor(message: string, {advice = [], cause}: {readonly advice?: readonly string[]; readonly cause?: unknown} = {}) {
    super(message, {cause});
    this.advice = advice;
  }
}
