import {parseArgs, type ParseArgsOptionsConfig} from 'node:util';
import {UsageError} from './command.ts';
import {nearest} from './nearest.ts';

/** `util.parseArgs` whose complaints are `UsageError`s. At most `wordsMax` words that are not flags; the default is none. */
export function parseFlags<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options, {wordsMax = 0} = {}) {
  const {values, positionals: words} = parsed(args, options);
  if (words.length > wordsMax) throw new UsageError(`"${words[wordsMax]}" is one word too many`);
  return {values, words};
}

function parsed<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({args: [...args], options, allowPositionals: true, strict: true});
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node's first sentence is right for people, what follows explains its own syntax.
    const [first = ''] = error.message.split(/\. |\n/);
    const [, flag = ''] = /^Option '(.+?)(?: <value>)?' argument (?:missing|is ambiguous)/.exec(first) ?? [];
    if (flag !== '') throw new UsageError(`${flag} needs a value after it${first.includes('ambiguous') ? '; one that begins with a dash comes after =, as in --flag=-x' : ''}`);
    throw new UsageError(first.charAt(0).toLowerCase() + first.slice(1).replace(/\.$/, '') + meant(first, options));
  }
}

/** `; did you mean --sticky?` */
function meant(message: string, options: ParseArgsOptionsConfig): string {
  const [, typed] = /^Unknown option '--([^']+)'/.exec(message) ?? [];
  const guess = typed === undefined ? undefined : nearest(typed, Object.keys(options));
  return guess === undefined ? '' : `; did you mean --${guess}?`;
}
