import {spawn} from 'node:child_process';
import {anySignal} from '../../reconciler/any-signal.ts';
import {Failure} from '../command.ts';

interface Executed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface ExecOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Milliseconds; then SIGKILL. */
  readonly timeoutMs?: number;
  /** Gets each line of both streams as it comes. */
  readonly onLine?: (line: string) => void;
}

const OUTPUT_BYTES_MAX = 4 << 20;
const TIMEOUT_MS_DEFAULT = 60_000;
const FAILURE_LINES_MAX = 15;

/** Runs a program to its end, without a shell. Rejects only when it can't be started, takes too long or the signal is aborted. */
export function exec(argv: readonly [string, ...string[]], {env = process.env, cwd, timeoutMs = TIMEOUT_MS_DEFAULT, onLine}: ExecOptions, signal: AbortSignal): Promise<Executed> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const deadline = anySignal([signal, AbortSignal.timeout(timeoutMs)]);
    const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'pipe'], signal: deadline, killSignal: 'SIGKILL', env, ...(cwd === undefined ? {} : {cwd})});
    const texts = {stdout: '', stderr: ''};
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        if (texts[name].length < OUTPUT_BYTES_MAX) texts[name] += chunk;
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine?.(line);
      }).on('end', () => {
        if (rest !== '') onLine?.(rest);
      });
    }
    child.once('error', (error) => {
      const isLate = deadline.aborted && !signal.aborted;
      reject(isLate ? new Error(`'${argv.join(' ')}' did not end within ${timeoutMs / 1000} s`, {cause: error}) : error);
    });
    child.once('close', (code) => resolve({exitCode: code ?? 137, ...texts}));
  });
}

/** As `exec`, but an exit status other than 0 throws a `Failure` with the end of the output and `advice`. */
export async function mustExec(argv: readonly [string, ...string[]], {advice, ...options}: ExecOptions & {readonly advice: readonly string[]}, signal: AbortSignal): Promise<string> {
  const {exitCode, stdout, stderr} = await exec(argv, options, signal).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Failure(`'${argv.join(' ')}' could not be run: ${error instanceof Error ? error.message : String(error)}`, {advice, cause: error});
  });
  if (exitCode === 0) return stdout;
  const end = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '').slice(-FAILURE_LINES_MAX);
  throw new Failure(`'${argv.join(' ')}' failed with status ${exitCode}`, {advice: [...end, ...advice]});
}

export async function isOnPath(program: string, signal: AbortSignal): Promise<boolean> {
  // `command -v` is the shell's own: nothing else has to be installed for it. The name is an argument, never part of the script.
  return (await exec(['sh', '-c', 'command -v "$1"', 'sh', program], {}, signal)).exitCode === 0;
}
