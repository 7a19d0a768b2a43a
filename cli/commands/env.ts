import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {problemOfVariable} from '../../schemas/variables.ts';
import type {EnvAnswer, EnvRequest, EnvWritten, Variables} from '../../reconciler/api/config-answers.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {DotenvProblem, formatDotenv, parseDotenv} from '../dotenv.ts';
import {parseFlags} from '../flags.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {reportWritten} from '../written.ts';

const VARIABLES_MAX = 500;
const SERVICE = {service: {type: 'string', short: 't'}} as const;
const WAIT = {'no-wait': {type: 'boolean', default: false}} as const;
const SECRET = {secret: {type: 'boolean', default: false}} as const;

const list: Subcommand = {
  usage: '[-t <service>]',
  async run(args, context, signal) {
    const {values: {service}} = parseFlags(args, SERVICE);
    const {name, answer} = await ask(context, signal);
    const shown = service === undefined ? answer : ofService(answer, service);
    if (context.isJson) context.out(JSON.stringify(shown, null, 2));
    else print(shown, {whose: service === undefined ? `⬢ ${name}` : `${service} of ⬢ ${name}`, others: service === undefined ? Object.keys(answer.services) : []}, context);
    return 0;
  },
};

const get: Subcommand = {
  usage: '<name> [-t <service>]',
  async run(args, context, signal) {
    const {values: {service}, words: [name]} = parseFlags(args, SERVICE, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which variable?');
    const {name: app, answer} = await ask(context, signal);
    const {env, secrets} = service === undefined ? answer : ofService(answer, service);
    if (secrets.includes(name)) {
      throw new Failure(`${name} is a secret, which can be set and not be read`, {advice: ['the app sees it: flynn run printenv', 'on the node: docs/config.md, "Reading a secret"']});
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) {
      const services = Object.entries(answer.services).filter(([, own]) => Object.hasOwn(own.env, name) || own.secrets.includes(name)).map(([one]) => `-t ${one}`);
      throw new Failure(`${name} is not set for ${service === undefined ? `⬢ ${app}` : `${service} of ⬢ ${app}`}`, {advice: services.length === 0 ? [] : [`but with ${services.join(', ')}`]});
    }
    context.out(context.isJson ? JSON.stringify(value) : value);
    return 0;
  },
};

const set: Subcommand = {
  usage: '<name>=<value>… [--secret] [-t <service>] [--no-wait]',
  async run(args, context, signal) {
    const {values: {service, secret, 'no-wait': noWait}, words} = parseFlags(args, {...SERVICE, ...WAIT, ...SECRET}, {wordsMax: VARIABLES_MAX});
    if (words.length === 0) throw new UsageError('what is to be set? such as LOG_LEVEL=debug');
    const values = new Map<string, string>();
    for (const word of words) {
      const equals = word.indexOf('=');
      const name = checked(equals === -1 ? word : word.slice(0, equals));
      if (values.has(name)) throw new UsageError(`${name} is there twice`);
      if (equals === -1 && words.length > 1) throw new UsageError(`${name} has no value; only a single variable is read from stdin`);
      values.set(name, equals === -1 ? await valueFromInput(name, context) : word.slice(equals + 1));
    }
    return write({set: Object.fromEntries(values), secret, ...(service !== undefined && {service})}, {verb: 'Setting', noWait, context}, signal);
  },
};

const unset: Subcommand = {
  usage: '<name>… [-t <service>] [--no-wait]',
  async run(args, context, signal) {
    const {values: {service, 'no-wait': noWait}, words} = parseFlags(args, {...SERVICE, ...WAIT}, {wordsMax: VARIABLES_MAX});
    if (words.length === 0) throw new UsageError('which variable?');
    const names = [...new Set(words.map(checked))];
    return write({unset: names, ...(service !== undefined && {service})}, {verb: 'Unsetting', noWait, context}, signal);
  },
};

const importFile: Subcommand = {
  usage: '<file>|- [--secret] [-t <service>] [--no-wait]',
  async run(args, context, signal) {
    const {values: {service, secret, 'no-wait': noWait}, words: [file]} = parseFlags(args, {...SERVICE, ...WAIT, ...SECRET}, {wordsMax: 1});
    if (file === undefined) throw new UsageError('which file? such as .env, or - for stdin');
    const values = parsed(await textOf(file, context), file);
    if (values.size === 0) throw new Failure(`${file === '-' ? 'stdin' : `'${file}'`} sets nothing`);
    return write({set: Object.fromEntries(values), secret, ...(service !== undefined && {service})}, {verb: 'Setting', noWait, context}, signal);
  },
};

export const env = group({
  name: 'env',
  summary: 'Show and change the environment of an app',
  details: [
    'A change is one commit to the cluster repository, and is deployed as a release is: new replicas start, old ones stop when these are healthy.',
    'Without a word it lists what is set for the whole app, in a form that can be imported again.',
    '',
    '  -t <service>  of this service only; wins over what the whole app has',
    '  --secret      encrypt the values; what is a secret stays one without it',
    '  --no-wait     return when it is in git, not when it is so',
    '',
    '`set <name>` without a value reads it from stdin, without its last line end: what stands in a command line is seen by others',
    'in the list of processes, and kept in your shell\'s history.',
  ],
  examples: [
    'flynn env', 'flynn env get LOG_LEVEL', 'flynn env set LOG_LEVEL=debug', 'flynn env set --secret STRIPE_KEY < key.txt',
    'flynn env unset LOG_LEVEL -t web', 'flynn env import .env', 'flynn env import --secret -t worker - < secrets.env',
  ],
  subcommands: {set, unset, get, import: importFile},
  otherwise: list,
});

async function ask(context: CommandContext, signal: AbortSignal): Promise<{readonly name: string; readonly answer: EnvAnswer}> {
  const client = await context.client();
  const name = await context.app(undefined, signal);
  return {name, answer: await client.get<EnvAnswer>(`/v1/apps/${name}/env`, signal)};
}

function ofService({services}: EnvAnswer, service: string): Variables {
  return (Object.hasOwn(services, service) ? services[service] : undefined) ?? {env: {}, secrets: []};
}

/** What could be imported again goes to stdout: secrets are comments there. */
function print({env: plain, secrets}: Variables, {whose, others}: {whose: string; others: readonly string[]}, context: CommandContext): void {
  const lines = [
    ...Object.entries(plain).map(([name, value]) => ({name, line: formatDotenv(name, value)})),
    ...secrets.map((name) => ({name, line: `# ${name} is a secret`})),
  ];
  for (const {line} of lines.toSorted((a, b) => (a.name < b.name ? -1 : 1))) context.out(line);
  if (lines.length === 0) context.err(`nothing is set for ${whose}`);
  if (others.length > 0) context.err(`with variables of their own: ${others.map((service) => `${service} (-t ${service})`).join(', ')}`);
}

/** The last line end is the shell's, or the editor's. */
async function valueFromInput(name: string, context: CommandContext): Promise<string> {
  if (context.isTerminal) context.err(`the value of ${name}, then Ctrl-D:`);
  const value = (await context.input()).replace(/\r?\n$/, '');
  if (value === '') throw new Failure(`stdin is empty: there is no value for ${name}`, {advice: [`an empty one on purpose: flynn env set ${name}=`]});
  return value;
}

async function textOf(file: string, context: CommandContext): Promise<string> {
  if (file === '-') return context.input();
  return readFile(path.resolve(context.cwd, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`'${file}' can't be read: ${error.code ?? error.message}`, {cause: error});
  });
}

function parsed(text: string, file: string): ReadonlyMap<string, string> {
  try {
    return parseDotenv(text);
  } catch (error) {
    if (!(error instanceof DotenvProblem)) throw error;
    throw new Failure(`${file === '-' ? 'stdin' : `'${file}'`}: ${error.message}`, {advice: ['nothing was changed']});
  }
}

function checked(name: string): string {
  const problem = problemOfVariable(name);
  if (problem !== undefined) throw new UsageError(problem);
  return name;
}

async function write(request: EnvRequest, {verb, noWait, context}: {verb: string; noWait: boolean; context: CommandContext}, signal: AbortSignal): Promise<number> {
  const client = await context.client();
  const app = await context.app(undefined, signal);
  const written = await client.post<EnvWritten>(`/v1/apps/${app}/env`, request, signal);
  for (const warning of written.warnings) context.err(`warning: ${warning}`);
  const names = [...Object.keys(request.set ?? {}), ...request.unset ?? []];
  const done = `${verb} ${names.join(', ')} on ⬢ ${app}... done`;
  return reportWritten({client, app, context, written, wait: noWait ? 'no-wait' : 'wait', done}, signal);
}
