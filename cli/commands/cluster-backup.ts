import {createReadStream} from 'node:fs';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import type {BackupContents} from '../backup/format.ts';
import type {Keys, Lock} from '../backup/locks.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {dataFolder, domainFlag} from '../setup/options.ts';
import type {Subcommand} from '../subcommands.ts';
import {versionOf} from '../version.ts';

const PLAIN_WARNING = 'warning: this file opens all secrets of the cluster, and is not encrypted: keep it as safe as they have to be';

/** Writes all of a node into one file, or looks whether such a file is whole. */
export const backup: Subcommand = {
  usage: '[-o <file>] [--volumes] (--recipient <age1…> | --passphrase-file <file> | --plain) | --verify <file>',
  async run(args, context, signal) {
    const {values} = parseFlags(args, {
      'output': {type: 'string', short: 'o'}, 'volumes': {type: 'boolean', default: false}, 'data': {type: 'string'}, 'verify': {type: 'string'},
      'recipient': {type: 'string', multiple: true, default: []}, 'passphrase-file': {type: 'string'}, 'plain': {type: 'boolean', default: false}, 'identity': {type: 'string'},
    });
    if (values.verify !== undefined) return verify(values.verify, values, context);
    const lock = await lockOf({recipients: values.recipient, passphraseFile: values['passphrase-file'], isPlain: values.plain}, context);
    demandRoot('is backed up');
    const layout = layoutOf(dataFolder(values.data, context.cwd));
    if (values.output === '-' && context.isTerminal) throw new UsageError('a backup is no text for a terminal: > it into a file, or say another -o');
    const file = values.output ?? `flynn-${new Date(context.nowMs()).toISOString().slice(0, 16).replace(/[T:]/g, '')}.backup${lock.kind === 'plain' ? '' : '.age'}`;
    const [{makeBackup}, {locked}, {passedOn, writeWhole}] = await Promise.all([import('../backup/make.ts'), import('../backup/locks.ts'), import('../backup/target.ts')]);
    const docker = values.volumes ? (await import('../setup/engine.ts')).engineClient(context.env) : undefined;
    let contents: BackupContents | undefined;
    const wish = {layout, flynn: await versionOf(), nowMs: context.nowMs(), print: context.err, ...(docker !== undefined && {docker})};
    const tar = async function* () {
      contents = yield* makeBackup(wish, signal);
    };
    const bytes = await locked(tar(), lock);
    const written = await (file === '-' ? passedOn(bytes, (chunk) => context.streams().write('stdout', chunk)) : writeWhole(path.resolve(context.cwd, file), bytes)).catch(explained);
    if (contents === undefined) throw new Error('bug: a backup that is written has contents');
    const {about, members} = contents;
    if (context.isJson && file !== '-') context.out(JSON.stringify({file, ...written, members, about}, null, 2));
    context.err(`Backing up ${layout.root}... done, ${members} things in ${formatBytes(written.bytes)}${file === '-' ? '' : `: ${file}`}`);
    context.err(`sha256 ${written.sha256}`);
    if (!values.volumes) context.err('volumes are not in it: --volumes takes them too');
    if (lock.kind === 'plain') context.err(PLAIN_WARNING);
    return 0;
  },
};

export const restore: Subcommand = {
  usage: '<file> [--domain <name>] [--identity <file> | --passphrase-file <file>] [--data <folder>]',
  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {'domain': {type: 'string'}, 'data': {type: 'string'}, 'identity': {type: 'string'}, 'passphrase-file': {type: 'string'}}, {wordsMax: 1});
    if (word === undefined) throw new UsageError('which backup? flynn cluster restore <file>');
    const domain = values.domain === undefined ? undefined : domainFlag(values.domain);
    const layout = layoutOf(dataFolder(values.data, context.cwd));
    demandRoot('is restored');
    const open = await opener(word, values, context);
    const [{restoreBackup}, {engineClient}, {engineSteps}, {runSteps}] = await Promise.all([import('../backup/restore.ts'), import('../setup/engine.ts'), import('../setup/steps.ts'), import('../setup/step.ts')]);
    const engine = async () => {
      await runSteps(engineSteps({layout, env: context.env}), {print: context.err, nowMs: context.nowMs}, signal);
      return engineClient(context.env);
    };
    const contents = await restoreBackup({layout, open, engine, print: context.err, ...(domain !== undefined && {domain})}, signal).catch(explained);
    tell(contents, context);
    context.err(`Restoring ${layout.root}... done${domain === undefined ? '' : `, at ${domain} from now on`}`);
    context.err(`start it: flynn up${values.data === undefined ? '' : ` --data ${layout.root}`}`);
    return 0;
  },
};

async function verify(word: string, keys: KeyFlags, context: CommandContext): Promise<number> {
  const open = await opener(word, keys, context);
  const {verifyBackup} = await import('../backup/restore.ts');
  tell(await open().then(verifyBackup).catch(explained), context);
  context.err('it is whole');
  return 0;
}

function tell({about, members, bytes}: BackupContents, context: CommandContext): void {
  if (context.isJson) context.out(JSON.stringify({...about, members, bytes}, null, 2));
  const {createdAt, node, domain, commit, volumes, flynn} = about;
  context.err(`a backup of ${node} (${domain}) of ${createdAt}, made by Flynn ${flynn}: ${members} things, ${formatBytes(bytes)} unpacked${commit === undefined ? '' : `, main@${commit.slice(0, 8)}`}`);
  context.err(volumes.length === 0 ? 'no volumes are in it' : `with the volumes ${volumes.join(', ')}`);
}

interface KeyFlags {
  readonly identity?: string | undefined;
  readonly 'passphrase-file'?: string | undefined;
}

/** Opens a backup from its begin, each time that it is called. */
async function opener(word: string, flags: KeyFlags, context: CommandContext): Promise<() => Promise<AsyncIterable<Uint8Array>>> {
  const file = path.resolve(context.cwd, word);
  const keys = await keysOf(flags, context);
  const [{unlocked}, {headOf}] = await Promise.all([import('../backup/locks.ts'), import('../backup/target.ts')]);
  const head = await headOf(file).catch((cause: unknown) => {
    throw new Failure(`'${file}' can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
  });
  return () => unlocked(createReadStream(file), head, keys);
}

async function keysOf({identity, 'passphrase-file': passphraseFile}: KeyFlags, context: CommandContext): Promise<Keys> {
  const passphrase = passphraseFile === undefined ? undefined : await passphraseIn(passphraseFile, context);
  if (identity === undefined) return {identities: [], ...(passphrase !== undefined && {passphrase})};
  const {parseIdentities} = await import('../../reconciler/secrets/identity-file.ts');
  const parsed = await parseIdentities(await textOf(identity, context), identity);
  if (!parsed.ok) throw new Failure(`'${identity}' is no file of private keys of age`, {advice: ['age-keygen -o <file> makes one']});
  return {identities: parsed.value.map(({secretKey}) => secretKey), ...(passphrase !== undefined && {passphrase})};
}

async function lockOf({recipients, passphraseFile, isPlain}: {readonly recipients: readonly string[]; readonly passphraseFile: string | undefined; readonly isPlain: boolean}, context: CommandContext): Promise<Lock> {
  const said = [recipients.length > 0, passphraseFile !== undefined, isPlain].filter(Boolean).length;
  if (said !== 1) throw new UsageError(`a backup opens all secrets of the cluster, so ${said === 0 ? 'say how it is encrypted' : 'say one of these'}: --recipient <age1…>, --passphrase-file <file> (- for stdin), or --plain if it must not be`);
  if (isPlain) return {kind: 'plain'};
  return passphraseFile === undefined ? {kind: 'recipients', recipients} : {kind: 'passphrase', passphrase: await passphraseIn(passphraseFile, context)};
}

async function passphraseIn(file: string, context: CommandContext): Promise<string> {
  const text = (file === '-' ? await context.input() : await textOf(file, context)).replace(/\r?\n$/, '');
  if (text === '') throw new Failure(`${file === '-' ? 'stdin' : `'${file}'`} is empty: that is no passphrase`);
  return text;
}

function textOf(file: string, {cwd}: CommandContext): Promise<string> {
  return readFile(path.resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new Failure(`'${file}' can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
  });
}

/** Its files are root's. */
function demandRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new Failure(`a node ${what} by root, on its own machine`, {advice: ['sudo flynn cluster …']});
}

/** A file that is damaged, cut off or too large for the disk is no mistake of ours. */
function explained(error: unknown): never {
  if (error instanceof Failure || !(error instanceof Error) || error.name === 'AbortError') throw error;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC') throw new Failure(`the disk is full: ${error.message}`, {cause: error});
  if (error.name === 'BackupBroken') throw new Failure(`the backup can't be used: ${error.message}`, {cause: error});
  throw new Failure(`it failed: ${error.message}`, {cause: error});
}
