import {directiveOf, instructionsOf, leadingOptions} from './dockerfile-text.ts';

/** Options of instructions that the engine's classic builder does not know. */
const OPTIONS = /\s--(mount|network|security|chmod|link|parents|exclude|checksum|keep-git-dir|unpack)(?:[=\s]|$)/;
const HEREDOC = /\s\d*<<-?\s*(["']?)[A-Za-z_]\w*\1/;

/**
 * What of a Dockerfile only BuildKit understands, in words; undefined when the classic builder can build it. A guess by its text: what it
 * overlooks fails in the classic builder, which says that the instruction is unknown.
 */
export function needsBuildkit(text: string): string | undefined {
  if (frontendOf(text) !== undefined) return 'a syntax= line';
  for (const {word, rest} of instructionsOf(text)) {
    if (!/^(RUN|COPY|ADD)$/.test(word)) continue;
    if (HEREDOC.test(rest)) return `a heredoc (${word} <<…)`;
    const option = OPTIONS.exec(leadingOptions(rest))?.[1];
    if (option !== undefined) return `${word} --${option}`;
    if (word === 'ADD' && /\s(git@|https?:\/\/\S+\.git\b)/.test(rest)) return 'ADD of a git repository';
  }
  return undefined;
}

/** The image of a `# syntax=` line, which BuildKit fetches before it reads on. */
export function frontendOf(text: string): string | undefined {
  return directiveOf(text, 'syntax');
}
