import {execa, ExecaError} from 'execa';

/** How long a git command on this disk may take, in milliseconds. */
export const LOCAL_DEADLINE_MS = 30_000;
/** How long a git command that talks to another machine may take, in milliseconds. */
export const REMOTE_DEADLINE_MS = 120_000;
/** Most that is kept of a command's output, in bytes. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Most that an error quotes of what git said, in characters. */
const QUOTE_CHARACTERS_MAX = 2000;

export interface GitOptions {
  /** Bare repository. Absent: the command needs none. */
  readonly gitdir?: string;
  /** Added to the fixed environment, for example the quarantine of a push. */
  readonly env?: Readonly<Record<string, string>>;
  /** Configuration for this command alone, by environment: arguments are visible to every user of the machine. */
  readonly config?: Readonly<Record<string, string>>;
  /**
   * `none` (default): neither the system's nor the user's configuration changes what git does.
   * `machine`: both are read, because a company's proxy and CA settings live there. For remotes.
   */
  readonly configuration?: 'none' | 'machine';
  readonly input?: string;
  readonly deadlineMs?: number;
}

/** Git ended with a status other than 0, or not in time. */
export class GitError extends Error {
  override name = 'GitError';
  /** Undefined: killed, or never started. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** What was printed before the failure: `push --porcelain` tells there which ref was refused. */
  readonly stdout: string;

  constructor(message: string, outcome: {exitCode: number | undefined; stderr: string; stdout: string; cause: unknown}) {
    super(message, {cause: outcome.cause});
    this.exitCode = outcome.exitCode;
    this.stderr = outcome.stderr;
    this.stdout = outcome.stdout;
  }
}

/**
 * Runs one git command to its end and answers with what it printed, without the last newline.
 * Put `--` before anything that came from outside.
 *
 * @throws {GitError} when git fails or is too slow; the signal's reason when that was aborted
 */
export async function git(args: readonly string[], options: GitOptions, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const where = options.gitdir === undefined ? [] : [`--git-dir=${options.gitdir}`];
  const deadlineMs = options.deadlineMs ?? LOCAL_DEADLINE_MS;
  try {
    const {stdout} = await execa('git', [...where, ...args], {
      env: gitEnvironment(options),
      extendEnv: false,
      ...(options.input === undefined ? {stdin: 'ignore'} : {input: options.input}),
      timeout: deadlineMs,
      cancelSignal: signal,
      killDescendants: true,
      forceKillAfterDelay: 2000,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    return stdout;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw explain({command: args[0] ?? '', deadlineMs}, error);
  }
}

function explain({command, deadlineMs}: {command: string; deadlineMs: number}, error: ExecaError): GitError {
  const stderr = textOf(error.stderr).slice(-QUOTE_CHARACTERS_MAX);
  const how = error.timedOut ? `did not end within ${deadlineMs / 1000} s`
    : error.exitCode === undefined ? `could not run: ${error.originalMessage ?? error.signal ?? 'killed'}`
    : `failed (exit code ${error.exitCode})`;
  const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
  return new GitError(`git ${command} ${how}${said}`, {exitCode: error.exitCode, stderr, stdout: textOf(error.stdout), cause: undefined});
}

function textOf(output: unknown): string {
  return typeof output === 'string' ? output : '';
}

/** What git needs of our own environment: to find programs and certificates, and to get through a proxy. */
const PASSED_ON = [
  'PATH', 'HOME', 'TMPDIR', 'SSH_AUTH_SOCK',
  'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY',
  'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE',
] as const;

/** The whole environment of a git command: nothing of ours that is not named here reaches it. */
export function gitEnvironment({env, config, configuration = 'none'}: Pick<GitOptions, 'env' | 'config' | 'configuration'>): Record<string, string> {
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return {
    ...Object.fromEntries(passedOn),
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    // A prompt nobody can answer would hang until the deadline: `true` answers every question with nothing.
    GIT_ASKPASS: 'true',
    SSH_ASKPASS: 'true',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: 'file:http:https:ssh',
    ...(configuration === 'none' ? {GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null'} : {}),
    ...configByEnvironment({'safe.directory': '*', ...config}),
    ...env,
  };
}

/** `GIT_CONFIG_COUNT` and its pairs, git-config(1). */
function configByEnvironment(config: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(config);
  return {
    GIT_CONFIG_COUNT: String(pairs.length),
    ...Object.fromEntries(pairs.flatMap(([key, value], index) => [[`GIT_CONFIG_KEY_${index}`, key], [`GIT_CONFIG_VALUE_${index}`, value]])),
  };
}
