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

/** Lines with their continuations, without comments. Lines of heredocs are among them, as if they were instructions. */
export function instructionsOf(text: string): readonly Instruction[] {
  const mark = escapeOf(text) === '`' ? '`' : '\\\\';
  // Empty lines after a continuation don't end it.
  const continued = new RegExp(`${mark}[ \\t]*\\n(?:[ \\t]*\\n)*`, 'g');
  const lines = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n').replaceAll(/^\s*#.*\n?/gm, '').replaceAll(continued, ' ').split('\n');
  return lines.flatMap((line) => {
    const [, word, rest = ''] = /^\s*(?:ONBUILD\s+)*([A-Za-z]+)(\s.*)?$/i.exec(line) ?? [];
    return word === undefined ? [] : [{word: word.toUpperCase(), rest}];
  });
}

/** What takes a special meaning from the character after it. */
export function escapeOf(text: string): '`' | '\\' {
  return directiveOf(text, 'escape') === '`' ? '`' : '\\';
}

/** What stands before the first word that is no option: `--mount=…` in a command is none of the instruction. */
export function leadingOptions(rest: string): string {
  return /^(?:\s+--[a-z-]+(?:=\S+)?)*/.exec(rest)?.[0] ?? '';
}
