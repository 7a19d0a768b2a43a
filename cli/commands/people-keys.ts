import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import type {SshAnswer} from '../../reconciler/ssh/answer.ts';
import {readLoginKey, type LoginKey} from '../../schemas/login-key.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {ownName} from '../own-name.ts';
import type {Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

type Word = (args: readonly string[], context: CommandContext, signal: AbortSignal) => Promise<number>;

const WORDS: Readonly<Record<string, Word>> = {add, remove, list};

/** `flynn people key`: public keys for git over SSH. */
export const key: Subcommand = {
  usage: '[list | add [<file>] | remove <fingerprint or comment>] [-u <user>]',
  async run([word = 'list', ...args], context, signal) {
    if (word.startsWith('-')) return list([word, ...args], context, signal);
    const chosen = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (chosen === undefined) throw new UsageError(`"people key ${word}" is not a flynn command: list, add and remove are`);
    return chosen(args, context, signal);
  },
};

async function list(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values} = parseFlags(args, {user: {type: 'string', short: 'u'}});
  const keys = await keysOf(values.user, context, signal);
  if (context.isJson) context.out(JSON.stringify(keys, null, 2));
  else if (keys.length === 0) context.err('no SSH keys');
  else for (const line of table([['USER', 'TYPE', 'FINGERPRINT', 'COMMENT'], ...keys.map(({user, type, fingerprint, comment}) => [user, type, fingerprint, comment])])) context.out(line);
  return 0;
}

async function add(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values, words: [file]} = parseFlags(args, {user: {type: 'string', short: 'u'}}, {wordsMax: 1});
  const line = file === undefined ? await usualKey(context) : file === '-' ? await context.input() : await textOf(path.resolve(context.cwd, file));
  const read = readLoginKey(line);
  if (!read.ok) throw new Failure(`the SSH key ${read.problem}`);
  const client = await context.client();
  const user = values.user ?? await ownName(context, signal);
  const written = await client.post<Written>(`/v1/people/${user}/keys`, {key: line.trim()}, signal);
  tellWritten(written, context);
  const {url, state, fingerprint, problem} = await client.get<SshAnswer>('/v1/ssh', signal);
  if (state === 'off') context.err('this cluster has no git over SSH: flynn up --ssh-port 2222 on its node turns it on');
  else if (problem !== undefined) context.err(problem);
  else context.err(`git remotes may now be like ${url}/<app>.git; the host's key is ${fingerprint}`);
  return 0;
}

async function remove(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values, words: [which]} = parseFlags(args, {user: {type: 'string', short: 'u'}}, {wordsMax: 1});
  if (which === undefined) throw new UsageError('which one? flynn people key lists them');
  const client = await context.client();
  const user = values.user ?? await ownName(context, signal);
  const isFingerprint = which.startsWith('SHA256:');
  const meant = isFingerprint ? [{fingerprint: which}] : (await keysOf(user, context, signal)).filter(({comment}) => comment === which);
  const [one, another] = meant;
  if (one === undefined) throw new Failure(`${user} has no SSH key "${which}"`, {advice: [`flynn people key -u ${user} lists them`]});
  if (another !== undefined) throw new Failure(`${user} has ${meant.length} SSH keys "${which}"`, {advice: ['name it by its fingerprint: SHA256:…']});
  return tellWritten(await client.post<Written>(`/v1/people/${user}/keys/remove`, {fingerprint: one.fingerprint}, signal), context);
}

type OwnedKey = {readonly user: string} & PersonAnswer['sshKeys'][number];

async function keysOf(user: string | undefined, context: CommandContext, signal: AbortSignal): Promise<readonly OwnedKey[]> {
  const people = await (await context.client()).get<readonly PersonAnswer[]>('/v1/people', signal);
  return people.filter((one) => user === undefined || one.user === user).flatMap((one) => one.sshKeys.map((own) => ({user: one.user, ...own})));
}

/** The one in `~/.ssh` that ssh itself would offer. Throws `Failure` when there is none, or a choice. */
async function usualKey({env}: CommandContext): Promise<string> {
  const folder = path.join(env.HOME ?? '/', '.ssh');
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^id_\w+\.pub$/.test(name)).toSorted();
  const texts = await Promise.all(names.map(async (name) => [name, await textOf(path.join(folder, name))] as const));
  const good = texts.filter(([, text]) => readLoginKey(text).ok);
  // The first one that ssh tries too, where there are several kinds.
  const preferred: readonly LoginKey['type'][] = ['ssh-ed25519', 'sk-ssh-ed25519@openssh.com'];
  const [only = good.find(([, text]) => preferred.some((type) => text.startsWith(`${type} `)))] = good.length === 1 ? good : [];
  if (only !== undefined) return only[1];
  if (good.length === 0) throw new Failure(`there is no public key in ${folder}`, {advice: ['make one: ssh-keygen -t ed25519', 'or say where it is: flynn people key add <file>']});
  throw new Failure(`there are several public keys in ${folder}: ${good.map(([name]) => name).join(', ')}`, {advice: ['say which one: flynn people key add <file>']});
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`'${file}' can't be read: ${error.message}`, {cause: error});
  });
}
