/** A `.env` file can't be read; the message has a line number and never a value. */
export class DotenvProblem extends Error {
  override name = 'DotenvProblem';
}

/**
 * Reads `NAME=value` lines as dotenv libraries and `sh` do where they agree: `#` comments, an `export` in front, 'single quotes' as they
 * stand, "double quotes" with \n \r \t \" \\ \$ \`, both over several lines. Nothing is expanded.
 *
 * @throws {DotenvProblem}
 */
export function parseDotenv(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let rest = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let line = 1;
  const take = (length: number) => {
    line += rest.slice(0, length).split('\n').length - 1;
    rest = rest.slice(length);
  };
  while (rest !== '') {
    const blank = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest);
    if (blank !== null && blank[0] !== '') {
      take(blank[0].length);
      continue;
    }
    const start = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/.exec(rest);
    const name = start?.[1];
    if (start === null || name === undefined) throw new DotenvProblem(`line ${line} is no NAME=value`);
    if (values.has(name)) throw new DotenvProblem(`line ${line} sets ${name} a second time`);
    const first = line;
    take(start[0].length);
    const value = /^(?:'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|(?!['"])([^\n]*))/.exec(rest);
    if (value === null) throw new DotenvProblem(`the quote in line ${first} is not closed`);
    const [whole, single, double, plain = ''] = value;
    take(whole.length);
    values.set(name, single ?? (double === undefined ? plain.replace(/(?:^|[ \t]+)#.*$/, '').trimEnd() : unescaped(double)));
    const after = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest);
    if (after === null) throw new DotenvProblem(`line ${line} goes on after the quoted value of ${name}`);
    take(after[0].length);
  }
  return values;
}

/** A line (or more) that `parseDotenv` reads as this value, and `sh` too. */
export function formatDotenv(name: string, value: string): string {
  if (/^[\w@%+:,./-]*$/.test(value)) return `${name}=${value}`;
  // A carriage return would be lost where lines are counted.
  if (!/['\r]/.test(value)) return `${name}='${value}'`;
  return `${name}="${value.replaceAll(/[\\"$`]/g, '\\$&').replaceAll('\r', '\\r')}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {n: '\n', r: '\r', t: '\t', '\n': ''};

function unescaped(text: string): string {
  return text.replaceAll(/\\([\s\S])/g, (whole, character: string) => ESCAPES[character] ?? (/["\\$`]/.test(character) ? character : whole));
}
