import type {BuildContainer} from '../adapters/build-container.ts';
import {detail, step} from './output.ts';
import {quote, runScript} from './shell.ts';

const FILE = '.slugignore';
const TEXT_MAX = 100_000;
const LINES_MAX = 1000;

/** Takes out of the build what `.slugignore` names, before any buildpack sees it (devcenter.heroku.com/articles/slug-compiler#ignoring-files-with-slugignore). */
export async function applySlugIgnore(container: BuildContainer, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const script = removalScript(await runScript(container, `head -c ${TEXT_MAX} ${FILE} 2>/dev/null || true`, signal), '/tmp/ignored');
  if (script === undefined) return;
  const removed = (await runScript(container, script, signal)).split('\n').filter((line) => line !== '').length;
  print(step(`Removing what ${FILE} names`));
  print(detail(`${removed} ${removed === 1 ? 'entry' : 'entries'}`));
}

/**
 * Its patterns are those of .gitignore without negation: one that has a slash at its beginning or in it is for paths from the root, another one for
 * names anywhere; one that ends in a slash is for folders only. The script prints what it removed, and needs the name of a file that it may use.
 */
export function removalScript(text: string, scratch: string): string | undefined {
  const patterns = text.split('\n').map((line) => line.trim()).filter((line) => /[^/.]/.test(line) && !/^[#!]/.test(line)).slice(0, LINES_MAX);
  if (patterns.length === 0) return undefined;
  const tests = patterns.map((pattern) => {
    const bare = pattern.replace(/\/+$/, '');
    const test = bare.includes('/') ? `-path ${quote(`./${bare.replace(/^\.?\/+/, '')}`)}` : `-name ${quote(bare)}`;
    return pattern.endsWith('/') ? `\\( ${test} -type d \\)` : test;
  });
  const list = quote(scratch);
  // What a removed folder held is not looked at any more.
  return `find . -mindepth 1 \\( ${tests.join(' -o ')} \\) -prune -print0 >${list} && xargs -0 --no-run-if-empty rm -rf -- <${list} && tr '\\0' '\\n' <${list} && rm ${list}`;
}
