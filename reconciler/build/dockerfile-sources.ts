import {instructionsOf, leadingOptions, SPACES, type Instruction, type Reading} from './dockerfile-text.ts';

/** Frontends that do what Docker's own documentation says of them. Another one may ask BuildKit for anything. */
const FRONTEND = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/;
const CHECKSUM = / --checksum=sha256:[0-9a-f]{64}(?: |$)/;
/** Options that mean what they look like: nothing in them is quoted. */
const PLAIN = /^[ \t!#-&(-[\]-_a-~]*$/;
const HEREDOCS: ReadonlySet<string> = new Set(['RUN', 'COPY', 'ADD']);
/** A repository at a commit. */
const FIXED_GIT = /^https?:\/\/[^\s$]+\.git#[0-9a-f]{40}(?::[^\s$]*)?$/;

/**
 * Why a Dockerfile is not built, in words for the pusher; undefined when nothing speaks against it. Steps run in a network of their own, but
 * what ADD fetches from elsewhere is fetched by the engine, and so from the host's own network: its loopback, its neighbours. That is
 * allowed where it is known already what comes, by a checksum or a commit: then nothing can be learned by it.
 *
 * @param args  values for ARG lines
 */
export function forbiddenSource(text: string, args: Readonly<Record<string, string>>): string | undefined {
  for (const frontend of [...frontendsOf(text), args['BUILDKIT_SYNTAX']]) {
    if (frontend !== undefined && !FRONTEND.test(frontend)) return `the Dockerfile is to be read by the image "${frontend}" (a syntax line or BUILDKIT_SYNTAX), and only docker/dockerfile may do that`;
  }
  for (const reading of readingsOf(text)) {
    const instructions = instructionsOf(text, reading);
    const heredoc = instructions.find(({word, rest}) => HEREDOCS.has(word) && hasUnclearHeredoc(rest));
    if (heredoc !== undefined) return `where the heredoc of "${`${heredoc.word}${heredoc.rest}`.slice(0, 80)}" in the Dockerfile ends can't be told: end it with a plain word such as EOF`;
    const values = valuesOf(instructions, {args, escape: reading.escape});
    for (const {word, rest} of instructions) {
      if (word !== 'ADD' || isFixed(rest)) continue;
      const source = sourcesOf(rest, reading.escape).find((one) => mayBeRemote(one, values) && !FIXED_GIT.test(one));
      if (source !== undefined) return `ADD of "${source}" in the Dockerfile would be fetched from the host's own network: fetch it in a step (RUN curl …), or say what has to come: --checksum=sha256:…, a commit after the # of a repository`;
    }
  }
  return undefined;
}

/** In all ways in which one of the builders may read it: which it is depends on its version. */
function readingsOf(text: string): readonly Reading[] {
  const escapes = /#\s*escape\s*=/i.test(text) ? ['\\', '`'] as const : ['\\'] as const;
  return escapes.flatMap((escape) => [{escape, isDoubleContinued: false}, {escape, isDoubleContinued: true}]);
}

/** All that could be taken for a syntax line: at the top, behind one of a script's interpreter, in the comments of C. */
function frontendsOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  const end = lines.findIndex((line) => !/^\s*(#|\/\/|$)/.test(line));
  return lines.slice(0, end === -1 ? lines.length : end).flatMap((line) => {
    const named = /^\s*(?:#|\/\/)\s*syntax\s*=\s*(\S+)/i.exec(line)?.[1];
    return named === undefined ? [] : [named];
  });
}

function isFixed(rest: string): boolean {
  const options = leadingOptions(rest);
  return PLAIN.test(options) && CHECKSUM.test(options.replaceAll('\t', ' '));
}

/** Whether the last line of a heredoc could be taken for a comment, for an empty line, or for one that goes on. */
function hasUnclearHeredoc(rest: string): boolean {
  return [...rest.matchAll(/(?:^|\s)\d*<<-?(?!<)(\S+)/g)].some(([, name = '']) => {
    const quote = /^["']/.exec(name)?.[0];
    return /[#$]|^(""|'')|[\\`]["']*$/.test(name) || (quote !== undefined && !name.slice(1).includes(quote));
  });
}

/** All words but the last one, which says where to. */
function sourcesOf(rest: string, escape: string): readonly string[] {
  const text = rest.slice(leadingOptions(rest).length).trim();
  const words = text.split(/[\t\v\f\r ]+/).map((word) => word.replaceAll(/["']/g, '').replaceAll(escape, '')).slice(0, -1);
  if (!text.startsWith('[')) return words;
  // Builders take less than JSON for a list of words, and more: what comes after it.
  const unescaped = text.replaceAll(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))).replaceAll('\\/', '/');
  return [...jsonWords(text)?.slice(0, -1) ?? unescaped.split(/[\s",[\]]+/), ...words];
}

/** `["a b", "c"]` */
function jsonWords(text: string): readonly string[] | undefined {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** A URL has a colon, wherever it comes from: what has none is a file. */
function mayBeRemote(source: string, values: ReadonlyMap<string, readonly string[]>): boolean {
  if (/:\/\/|^github\.com\/|^[^/@]+@[^/:]+:/.test(source)) return true;
  const names = [...source.matchAll(/\$\{?(\w*)/g)].map(([, name = '']) => name);
  if (names.length === 0) return false;
  // A variable that nothing in the Dockerfile sets comes from an image, and may be anything.
  return source.includes(':') || names.some((name) => [...values.get(name) ?? [':'], ...values.get(ANY) ?? []].some((value) => /[:$]/.test(value)));
}

/** Stands for variables whose names are quoted, or made of others. */
const ANY = '*';

/** All that variables are set to, in whichever stage, as it is written. */
function valuesOf(instructions: readonly Instruction[], {args, escape}: {readonly args: Readonly<Record<string, string>>; readonly escape: string}): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>(Object.entries(args).map(([name, value]) => [name, [value]]));
  const add = (name: string, value: string) => {
    const key = /^\w+$/.test(name) ? name : ANY;
    values.set(key, [...values.get(key) ?? [], value]);
  };
  for (const {word, rest} of instructions) {
    if (word !== 'ARG' && word !== 'ENV') continue;
    const words = wordsOf(rest, escape);
    const [first = ''] = words;
    // ENV NAME and a value to the end of the line.
    if (word === 'ENV' && !first.includes('=')) add(first, rest.trim().slice(first.length));
    else for (const one of words) add(one.split('=', 1)[0] ?? '', one.includes('=') ? one.slice(one.indexOf('=') + 1) : '');
  }
  return values;
}

/** Words as they are written: spaces that are quoted, or stand behind the escape character, don't end one. */
function wordsOf(text: string, escape: string): readonly string[] {
  const any = escape === '`' ? '`[^]?' : '\\\\[^]?';
  const bare = escape === '`' ? '`' : '\\\\';
  const word = new RegExp(`(?:${any}|"(?:${any}|[^"${bare}])*"?|'(?:${any}|[^'${bare}])*'?|[^${SPACES}"'${bare}])+`, 'g');
  return text.match(word) ?? [];
}
