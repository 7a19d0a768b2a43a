/** A directive at the very top, before any comment or instruction (docs.docker.com/reference/dockerfile, "Parser directives"). */
const DIRECTIVE = /^#\s*([a-z]+)\s*=\s*(\S.*?)\s*$/i;

export interface Instruction {
  /** In capitals, without the ONBUILD before it. */
  readonly word: string;
  /** With the space that it begins with. */
  readonly rest: string;
}

export function directiveOf(text: string, wanted: string): string | undefined {
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, name, value] = DIRECTIVE.exec(line) ?? [];
    if (name === undefined) return undefined;
    if (name.toLowerCase() === wanted) return value;
  }
  return undefined;
}

/** What the engine takes for a space (Go's unicode.IsSpace), which is not what a regular expression's `\s` is. */
export const SPACES = '\\t\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SPACE = new RegExp(`[${SPACES}]`);
const COMMENT = new RegExp(`^[${SPACES}]*#`);
const BLANK = new RegExp(`^[${SPACES}]*$`);
const INSTRUCTION = new RegExp(`^(?:ONBUILD[${SPACES}]+)*([A-Za-z]+)([\\t\\v\\f\\r ][^]*)?$`, 'i');

export interface Reading {
  readonly escape: '`' | '\\';
  /** Whether a line goes on after two of the escape character. So it did in older frontends (moby/buildkit, frontend/dockerfile/parser/parser.go). */
  readonly isDoubleContinued: boolean;
}

/** Lines with their continuations, without comments. Lines of heredocs are among them, as if they were instructions. */
export function instructionsOf(text: string, {escape, isDoubleContinued}: Reading = {escape: escapeOf(text), isDoubleContinued: false}): readonly Instruction[] {
  const mark = escape === '`' ? '`' : '\\\\';
  const continued = new RegExp(isDoubleContinued ? `()${mark}[ \\t]*$` : `(^|[^${mark}])${mark}[ \\t]*$`);
  const found: Instruction[] = [];
  let joined = '';
  let isOpen = false;
  // What is open at the end is an instruction, too.
  for (const line of [...text.replace(/^\uFEFF/, '').split('\n').map((one) => one.replace(/\r+$/, '')), undefined]) {
    // Comments and empty lines after a continuation don't end it.
    if (line !== undefined && (COMMENT.test(line) || (isOpen && BLANK.test(line)))) continue;
    const part = line?.replace(continued, '$1') ?? '';
    joined += part;
    isOpen = line !== undefined && part !== line;
    if (isOpen) continue;
    const [, word, rest = ''] = INSTRUCTION.exec(trimmed(joined)) ?? [];
    if (word !== undefined) found.push({word: word.toUpperCase(), rest});
    joined = '';
  }
  return found;
}

/** Without the spaces at its ends. By hand: a regular expression would begin again at each space of a long row of them. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.test(text.charAt(start))) start += 1;
  while (end > start && SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** What takes a special meaning from the character after it. */
export function escapeOf(text: string): '`' | '\\' {
  return directiveOf(text, 'escape') === '`' ? '`' : '\\';
}

/** What stands before the first word that is no option: `--mount=…` in a command is none of the instruction. */
export function leadingOptions(rest: string): string {
  return /^(?:\s+--[a-z-]+(?:=\S+)?)*/.exec(rest)?.[0] ?? '';
}
