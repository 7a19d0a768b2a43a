import type {CommandContext} from '../command.ts';

export interface Palette {
  good(text: string): string;
  bad(text: string): string;
  busy(text: string): string;
  faint(text: string): string;
  title(text: string): string;
}

/** Colours on a terminal that wants them (https://no-color.org), plain text everywhere else. */
export function palette({isTerminal, env}: Pick<CommandContext, 'isTerminal' | 'env'>): Palette {
  const isPlain = !isTerminal || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  const sgr = (code: number) => (text: string) => isPlain ? text : `\x1b[${code}m${text}\x1b[0m`;
  return {good: sgr(32), bad: sgr(31), busy: sgr(33), faint: sgr(2), title: sgr(1)};
}
