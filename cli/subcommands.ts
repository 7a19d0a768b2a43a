import {type Command, type CommandContext, UsageError} from './command.ts';
import {nearest} from './nearest.ts';

/** What one word after a command does: `set` in `flynn env set A=1`. */
export interface Subcommand {
  /** What follows `flynn <command> <word>`: `[-t <service>] <name>=<value>…`. */
  readonly usage: string;
  /** `args` has the word no more. */
  run(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number>;
}

export interface Group extends Omit<Command, 'usage' | 'run'> {
  /** `env` */
  readonly name: string;
  readonly subcommands: Readonly<Record<string, Subcommand>>;
  /** Without any of the words: most list something. Absent: a word is needed. */
  readonly otherwise?: Subcommand;
}

/** A command whose first word chooses what it does. */
export function group({name, subcommands, otherwise, ...rest}: Group): Command {
  const usages = [...(otherwise === undefined ? [] : [`${name} ${otherwise.usage}`]), ...Object.entries(subcommands).map(([word, {usage}]) => `${name} ${word} ${usage}`)];
  return {
    ...rest,
    usage: usages.map((usage) => usage.trimEnd()).join('\n       flynn '),
    async run(args, context, signal) {
      const [word = '', ...others] = args;
      const chosen = Object.hasOwn(subcommands, word) ? subcommands[word] : undefined;
      if (chosen !== undefined) return chosen.run(others, context, signal);
      if (otherwise !== undefined && (word === '' || word.startsWith('-'))) return otherwise.run(args, context, signal);
      const guess = nearest(word, Object.keys(subcommands));
      throw new UsageError(word === '' ? `"flynn ${name}" needs one more word` : `"${name} ${word}" is not a flynn command${guess === undefined ? '' : `; did you mean "${name} ${guess}"?`}`);
    },
  };
}
