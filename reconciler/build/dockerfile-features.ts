/** A directive at the very top, before any comment or instruction (docs.docker.com/reference/dockerfile, "Parser directives"). */
const DIRECTIVE = /^#\s*([a-z]+)\s*=\s*(\S.*?)\s*$/i;
/** Options of instructions that the engine's classic builder does not know. */
const OPTIONS = /\s--(mount|network|security|chmod|link|parents|exclude|checksum|keep-git-dir|unpack)(?:[=\s]|$)/;
const HEREDOC = /\s\d*<<-?\s*(["']?)[A-Za-z_]\w*\1/;

/**
 * What of a Dockerfile only BuildKit understands, in words; undefined when the classic builder can build it. A guess by its text: what it
 * overlooks fails in the classic builder, which says that the instruction is unknown.
 */
export function needsBuildkit(text: string): string | undefined {
  if (frontendOf(text) !== undefined) return 'a syntax= line';
  for (const instruction of instructionsOf(text)) {
    const [, word = '', rest = ''] = /^\s*([A-Za-z]+)(\s.*)?$/s.exec(instruction) ?? [];
    if (!/^(run|copy|add)$/i.test(word)) continue;
    if (HEREDOC.test(rest)) return `a heredoc (${word.toUpperCase()} <<…)`;
    const option = OPTIONS.exec(leadingOptions(rest))?.[1];
    if (option !== undefined) return `${word.toUpperCase()} --${option}`;
    if (/^add$/i.test(word) && /\s(git@|https?:\/\/\S+\.git\b)/.test(rest)) return 'ADD of a git repository';
  }
  return undefined;
}

/** The image of a `# syntax=` line, which BuildKit fetches before it reads on. */
export function frontendOf(text: string): string | undefined {
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, name, value] = DIRECTIVE.exec(line) ?? [];
    if (name === undefined) return undefined;
    if (name.toLowerCase() === 'syntax') return value;
  }
  return undefined;
}

/** Lines with their continuations, without comments. */
function instructionsOf(text: string): readonly string[] {
  return text.replaceAll('\r\n', '\n').replaceAll(/^\s*#.*\n?/gm, '').replaceAll(/\\[ \t]*\n/g, ' ').split('\n');
}

/** What stands before the first word that is no option: `--mount=…` in a command is none of the instruction. */
function leadingOptions(rest: string): string {
  return /^(?:\s+--[a-z-]+(?:=\S+)?)*/.exec(rest)?.[0] ?? '';
}
