import {anySignal} from '../../reconciler/any-signal.ts';
import {candidatesFor, type Asker} from '../candidates.ts';
import type {Command, CommandContext} from '../command.ts';
import {wantedBy, type Candidate, type Placeholder} from '../complete.ts';
import {parseGlobals} from '../globals.ts';
import {COMMANDS, HIDDEN, inOurWords} from '../table.ts';

/** A cluster that hangs must not hang the shell for good. One that is not there answers at once. */
const ANSWER_MS_MAX = 20_000;
const GLOBAL_FLAGS: readonly Candidate[] = [
  {value: '-a', about: 'the app'}, {value: '--app', about: 'the app'}, {value: '-c', about: 'the cluster'}, {value: '--cluster', about: 'the cluster'},
  {value: '--json', about: 'print JSON for programs'}, {value: '--help', about: 'help'},
];

export const complete: Command = {
  usage: 'complete -- <word>…',
  summary: 'Print what the last word of a command line could become; called by shells (see flynn completion)',

  async run(args, context, signal) {
    const typed = args[0] === '--' ? args.slice(1) : args;
    const current = typed.at(-1) ?? '';
    const found = await candidates(typed, context, anySignal([signal, AbortSignal.timeout(ANSWER_MS_MAX)]));
    const seen = new Set<string>();
    for (const {value, about = ''} of found) {
      if (!value.startsWith(current) || seen.has(value)) continue;
      seen.add(value);
      context.out(about === '' ? value : `${value}\t${about}`);
    }
    return 0;
  },
};

/** None, where nothing can be found out: a shell has no place for an error. */
async function candidates(typed: readonly string[], context: CommandContext, signal: AbortSignal): Promise<readonly Candidate[]> {
  try {
    return await found(typed, context, signal);
  } catch {
    return [];
  }
}

async function found(typed: readonly string[], {env, cwd}: CommandContext, signal: AbortSignal): Promise<readonly Candidate[]> {
  const current = typed.at(-1) ?? '';
  const previous = typed.at(-2) ?? '';
  const isValue = /^(-a|--app|-c|--cluster)$/.test(previous);
  const {flags: {app, cluster}, rest} = parseGlobals(isValue ? typed.slice(0, -2) : typed.slice(0, -1));
  const asker: Asker = {env, cwd, ...(app !== undefined && {appFlag: app}), ...(cluster !== undefined && {clusterFlag: cluster})};
  if (isValue) return candidatesFor(previous.startsWith('-a') || previous === '--app' ? 'app' : 'cluster', '', {asker, signal});

  const [name, ...before] = inOurWords(rest);
  if (name === undefined && current.startsWith('-')) return GLOBAL_FLAGS;
  if (name === undefined || (name === 'help' && before.length === 0)) return commandNames();
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  // What is run elsewhere has files, words and flags of its own.
  if (load === undefined || (['run', 'exec'].includes(name) && before.length > (name === 'exec' ? 1 : 0) && !current.startsWith('-'))) return [];
  const {words, placeholders} = wantedBy(await load(), [...before, current]);
  const known = await Promise.all(placeholders.map(async (placeholder) => (await candidatesFor(placeholder.name, name, {asker, signal})).map((one) => asPart(one, placeholder))));
  return [...words.map((value) => ({value})), ...known.flat(), ...(current.startsWith('-') ? GLOBAL_FLAGS : [])];
}

/** `web=` */
function asPart({value, ...rest}: Candidate, {isPair}: Placeholder): Candidate {
  return {value: isPair ? `${value}=` : value, ...rest};
}

async function commandNames(): Promise<readonly Candidate[]> {
  const listed = Object.entries(COMMANDS).filter(([name]) => !HIDDEN.has(name));
  return Promise.all(listed.map(async ([value, load]) => ({value, about: (await load()).summary})));
}
