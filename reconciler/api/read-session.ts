import type {CommandSignal} from '../oneshot/oneshot.ts';
import {type ClientMessage, type TerminalSize} from './frames.ts';
import {ApiError} from './problem.ts';
import {isServiceName} from './read.ts';

/** Together, in bytes: the kernel allows 2 MiB (execve(2)), people need a script's worth. */
const COMMAND_BYTES_MAX = 48 * 1024;
const ENV_BYTES_MAX = 48 * 1024;
/** Of a terminal: what a `winsize` holds is 65,535 (ioctl_tty(2)). */
const CHARACTERS_MAX = 10_000;
const SIGNALS: readonly CommandSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2'];
const REPLICA = /^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?\.[1-9]\d{0,5}$/;

export interface CommandStart {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly service?: string;
  readonly terminal?: TerminalSize;
}

/** `SessionStart` as a client may send it. */
export function readStart(value: unknown): CommandStart {
  const {command, env = {}, service, terminal} = recordOf(value, 'a session begins with a JSON object such as {"command": ["ls"]}');
  if (service !== undefined && !isServiceName(service)) throw new ApiError(400, `"${String(service)}" can't name a service`);
  return {
    command: readCommand(command), env: readEnv(env),
    ...(service !== undefined && {service}),
    ...(terminal !== undefined && {terminal: readSize(terminal) ?? refuse('terminal has to be an object such as {"columns": 80, "rows": 24}')}),
  };
}

export function readReplica(text: string): string {
  if (!REPLICA.test(text)) throw new ApiError(400, `"${text}" can't name a replica; it has to be like web.1`);
  return text;
}

/** Undefined when it is no such message. */
export function readClientMessage(text: string): Exclude<ClientMessage, {signal: string}> | {readonly signal: CommandSignal} | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof message !== 'object' || message === null) return undefined;
  const {resize, signal, passedOn} = message as Record<string, unknown>;
  if (typeof passedOn === 'number' && passedOn >= 0) return {passedOn};
  const known = SIGNALS.find((name) => name === signal);
  if (known !== undefined) return {signal: known};
  const size = readSize(resize);
  return size === undefined ? undefined : {resize: size};
}

function readCommand(value: unknown): readonly string[] {
  const words = Array.isArray(value) && value.every((word): word is string => typeof word === 'string' && !word.includes('\0')) ? value : [];
  if (words.length === 0 || words[0] === '') throw new ApiError(400, 'command has to be a list of words such as ["ls", "-l"]');
  if (Buffer.byteLength(words.join(' ')) > COMMAND_BYTES_MAX) throw new ApiError(400, `the command is longer than ${COMMAND_BYTES_MAX} bytes; put it into a file of the app, or send it as stdin`);
  return words;
}

function readEnv(value: unknown): Readonly<Record<string, string>> {
  const env = recordOf(value, 'env has to be an object such as {"LOG_LEVEL": "debug"}');
  for (const [name, text] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new ApiError(400, `"${name}" can't name an environment variable`);
    // Its value is not shown: it may be a secret.
    if (typeof text !== 'string' || text.includes('\0')) throw new ApiError(400, `the value of "${name}" has to be a text without zero bytes`);
  }
  if (Buffer.byteLength(JSON.stringify(env)) > ENV_BYTES_MAX) throw new ApiError(400, `the environment is longer than ${ENV_BYTES_MAX} bytes`);
  return env as Record<string, string>;
}

function readSize(value: unknown): TerminalSize | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const {columns, rows} = value as Record<string, unknown>;
  const isSide = (side: unknown): side is number => Number.isInteger(side) && (side as number) >= 0 && (side as number) <= CHARACTERS_MAX;
  return isSide(columns) && isSide(rows) ? {columns, rows} : undefined;
}

function recordOf(value: unknown, otherwise: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(otherwise);
  return value as Record<string, unknown>;
}

function refuse(message: string): never {
  throw new ApiError(400, message);
}
