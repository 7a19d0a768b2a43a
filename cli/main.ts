import module from 'node:module';
import {homedir} from 'node:os';
import path from 'node:path';
import {createInterface} from 'node:readline/promises';
import {type Command, type CommandContext, Failure, UsageError} from './command.ts';
import {Proposed} from './proposed.ts';
import {parseGlobals} from './globals.ts';
import {processStreams, type Streams} from './streams.ts';
import {COMMANDS, HIDDEN, inOurWords, TOPICS} from './table.ts';
import {visible} from '../schemas/visible.ts';

/** What the process around the command line is: the real one, or a test's. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isTerminal: boolean;
  out(line: string): void;
  err(line: string): void;
  input(): Promise<string>;
  streams(): Streams;
  nowMs(): number;
  confirm(question: string, signal: AbortSignal): Promise<boolean>;
}

const STATUS_INTERRUPTED = 130;
/** A full disk, one that can't be written to, somebody else's file: no bug of ours, and the message names the file. */
const MACHINE_SAYS_NO: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']);

/** Runs one command line to its exit status: 0 done, 1 refused or failed, 2 used wrongly, 130 interrupted. */
export async function main(surroundings: Surroundings, signal: AbortSignal): Promise<number> {
  const around = tamed(surroundings);
  let command: Command | undefined;
  let context: CommandContext | undefined;
  try {
    const {flags, rest} = parseGlobals(around.argv);
    context = contextOf(around, flags);
    const [name, ...args] = inOurWords(rest);
    if (flags.isVersion) return await (await load('version')).run([], context, signal);
    if (flags.isHelp || name === undefined || name === 'help') {
      return await help(name === 'help' ? inOurWords(args)[0] : name, around);
    }
    command = await load(name);
    return await command.run(args, context, signal);
  } catch (error) {
    if (error instanceof Proposed && context !== undefined) return (await import('./output/proposals.ts')).tellProposed(error.answer, context);
    return report(error, {command, around, isInterrupted: signal.aborted});
  }
}

/** What others wrote (commits, names, logs) is shown on the terminal, and never obeyed by it. */
function tamed(around: Surroundings): Surroundings {
  return {
    ...around,
    out: (line) => around.out(visible(line)),
    err: (line) => around.err(visible(line)),
    confirm: (question, signal) => around.confirm(visible(question), signal),
  };
}

async function load(name: string): Promise<Command> {
  const loader = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (loader !== undefined) return loader();
  const {nearest} = await import('./nearest.ts');
  const guess = nearest(name, Object.keys(COMMANDS).filter((one) => !HIDDEN.has(one)));
  throw new UsageError(`"${name}" is not a flynn command${guess === undefined ? '' : `; did you mean "${guess}"?`}\nsee: flynn help`);
}

async function help(name: string | undefined, around: Surroundings): Promise<number> {
  const {helpOf, overview} = await import('./output/help.ts');
  for (const line of name === undefined ? await overview(TOPICS) : helpOf(await load(name))) around.out(line);
  return 0;
}

function contextOf(around: Surroundings, flags: ReturnType<typeof parseGlobals>['flags']): CommandContext {
  const clone = flags.clone ?? around.env.FLYNN_CLONE ?? '';
  const context: CommandContext = {
    ...around,
    isJson: flags.isJson,
    ...(flags.app === undefined ? {} : {appFlag: flags.app}),
    ...(flags.cluster === undefined ? {} : {clusterFlag: flags.cluster}),
    ...(clone === '' ? {} : {cloneFlag: clone}),
    ...(flags.propose === undefined ? {} : {proposeFlag: flags.propose}),
    client: async () => clone !== '' ? (await import('./offline/client.ts')).createCloneClient(clone, context) : (await import('./which-cluster.ts')).clientOf(context),
    app: async (named, signal) => (await import('./which-app.ts')).whichApp(named, context, signal),
  };
  return context;
}

function report(error: unknown, {command, around, isInterrupted}: {command: Command | undefined; around: Surroundings; isInterrupted: boolean}): number {
  if (error instanceof UsageError) {
    for (const line of error.message.split('\n')) around.err(line);
    if (command !== undefined) around.err(`usage: flynn ${command.usage}`);
    return 2;
  }
  if (isInterrupted) return STATUS_INTERRUPTED;
  if (error instanceof Failure) {
    around.err(`error: ${error.message}`);
    for (const line of error.advice) around.err(`       ${line}`);
  } else if (error instanceof Error && MACHINE_SAYS_NO.has((error as NodeJS.ErrnoException).code ?? '')) {
    around.err(`error: ${error.message}`);
  } else {
    // Not expected by anybody: the stack is what a bug report needs.
    around.err(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  return command?.failureStatus ?? 1;
}

async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  using lines = createInterface({input: process.stdin, output: process.stderr});
  return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, {signal})).trim());
}

async function runAsProcess(): Promise<void> {
  // `flynn env set --secret KEY=value` waits for a deploy: until then everybody on the machine would see the value in the list of processes.
  if (process.argv.includes('env')) process.title = 'flynn env';
  // Keeps the compiled (and type-stripped) sources between runs: half of the start-up time.
  module.enableCompileCache(compileCacheFolder());
  const interrupt = new AbortController();
  const streams = processStreams();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // A command that runs elsewhere gets it instead of us.
      if (streams.areSignalsTaken()) return;
      if (interrupt.signal.aborted) process.exit(STATUS_INTERRUPTED);
      interrupt.abort(new Failure(`stopped by ${name}`));
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `flynn logs | head` closes our stdout: that is no error.
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`error: can't write to stdout: ${error.message}\n`);
    process.exit(1);
  });
  process.exitCode = await main({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    isTerminal: process.stdout.isTTY === true,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    input: async () => (await import('node:stream/consumers')).text(process.stdin),
    streams: () => streams,
    nowMs: () => Date.now(),
    confirm,
  }, interrupt.signal);
}

/** The user's own: what lies in a shared folder such as /tmp could be anybody's code. */
function compileCacheFolder(): string {
  const caches = process.env.XDG_CACHE_HOME;
  return path.join(caches !== undefined && path.isAbsolute(caches) ? caches : path.join(homedir(), '.cache'), 'flynn', 'compiled');
}

if (import.meta.main) await runAsProcess();
