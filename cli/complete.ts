import type {Command} from './command.ts';

/** What could stand where the cursor is. */
export interface Candidate {
  readonly value: string;
  /** A few words, which some shells show beside it. */
  readonly about?: string;
}

/** What the usage of a command wants at the cursor: words of its own, and things that only the cluster knows. */
export interface Wanted {
  readonly words: readonly string[];
  readonly placeholders: readonly Placeholder[];
}

/** `<service>=<replicas>…` */
export interface Placeholder {
  /** `service`; `app|replica` where either can stand. */
  readonly name: string;
  /** Something has to follow, which only people know. */
  readonly isPair: boolean;
  /** It may come again and again. */
  readonly isRepeated: boolean;
}

/** One line of a command's usage: `env set <name>=<value>… [-t <service>]`. */
interface Form {
  /** `set` */
  readonly words: readonly string[];
  readonly placeholders: readonly Placeholder[];
  readonly flags: Flags;
}

/** Each flag with what follows it: `-t` with `service`; undefined: nothing does. */
type Flags = ReadonlyMap<string, string | undefined>;

/** @param typed  Words behind the command's name. The last one is being typed, and may be empty. */
export function wantedBy(command: Pick<Command, 'usage' | 'details'>, typed: readonly string[]): Wanted {
  const forms = command.usage.split('\n').map(formOf);
  const explained = flagsIn((command.details ?? []).join('\n'));
  // Where a flag is only explained it is often without what follows it.
  const all: Flags = new Map([...explained, ...forms.flatMap(({flags}) => [...flags])].toSorted(([, one], [, other]) => Number(one !== undefined) - Number(other !== undefined)));
  const before = typed.slice(0, -1);
  const value = all.get(before.at(-1) ?? '');
  if (value !== undefined) return {words: [], placeholders: [{name: value, isPair: false, isRepeated: false}]};
  const said = before.filter((word, index) => !word.startsWith('-') && all.get(before[index - 1] ?? '') === undefined);
  const possible = forms.filter(({words}) => words.every((word, index) => said[index] === undefined || isOneOf(word, said[index])));
  // A word that is one of the command's own is no app that happens to be called like this.
  const common = Math.max(0, ...possible.map(({words}) => Math.min(words.length, said.length)));
  const open = possible.filter(({words}) => words.length >= common);
  if (typed.at(-1)?.startsWith('-') === true) return {words: [...new Set([...open.flatMap(({flags}) => [...flags.keys()]), ...explained.keys()])], placeholders: []};
  return {
    words: [...new Set(open.flatMap(({words}) => words[said.length]?.split('|') ?? []))],
    placeholders: open.flatMap(({words, placeholders}) => placeholderAt(said.length - words.length, placeholders) ?? []),
  };
}

/** `on|off` */
function isOneOf(word: string, said: string): boolean {
  return word.split('|').includes(said);
}

/** Undefined also where a word of the command has still to come. */
function placeholderAt(index: number, placeholders: readonly Placeholder[]): Placeholder | undefined {
  const last = placeholders.at(-1);
  if (index < 0) return undefined;
  return placeholders[index] ?? (last?.isRepeated === true ? last : undefined);
}

function formOf(line: string): Form {
  const [, ...tokens] = line.trim().replace(/^flynn /, '').split(' ');
  const length = tokens.findIndex((token) => !/^[a-z][a-z|-]*$/.test(token));
  const words = length === -1 ? tokens : tokens.slice(0, length);
  const rest = tokens.slice(words.length).join(' ');
  const positional = rest.replaceAll(/--?[a-zA-Z][a-z-]*[ =]<[^>]+>(=<[^>]+>)?/g, '').replaceAll(/\[[/@]<[^>]+>\]/g, '');
  const placeholders = [...positional.matchAll(/<([^>]+(?:>\|<[^>]+)*)>(=)?(?:<[^>]+>)?(…)?/g)].map(([, name = '', pair, more]) => ({name: name.replaceAll('>|<', '|'), isPair: pair !== undefined, isRepeated: more !== undefined}));
  return {words, placeholders, flags: flagsIn(rest)};
}

/** `-t, --type <service>   of this service only` and `[-t <service>]`. */
function flagsIn(text: string): Flags {
  const found = text.matchAll(/(?<![\w-])(--?[a-zA-Z][a-z-]*)(?:, (--?[a-zA-Z][a-z-]*))?(?:[ =]<([^>]+)>)?/g);
  return new Map([...found].flatMap(([, one = '', other, value]) => [one, ...(other === undefined ? [] : [other])].map((flag) => [flag, value] as const)));
}
