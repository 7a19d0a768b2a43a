import {Script, createContext} from 'node:vm';
import type {LogLine, LogQuery} from '../node.ts';
import {AT_LENGTH, headOf, linesOf, parseRecord} from './record.ts';

/** A pattern that takes longer for a chunk of lines is refused: there are some that would take for ever. */
const GREP_MS_MAX = 250;

export class BadPattern extends Error {
  override name = 'BadPattern';
  /** Who asked is to be told, and not of a fault of ours. */
  readonly statusCode = 400;
}

/** Turns records into the lines that a query asks for, in the order of the records. */
export class Filter {
  readonly #query: LogQuery;
  readonly #grep: ((texts: readonly string[]) => readonly boolean[]) | undefined;

  /** @throws {BadPattern} */
  constructor(query: LogQuery) {
    this.#query = query;
    this.#grep = query.grep === undefined ? undefined : grep(query.grep);
  }

  wantsPartition(name: string): boolean {
    const {service, replica} = this.#query;
    if (replica !== undefined) return name === replica || name === serviceOf(replica);
    return service === undefined || serviceOf(name) === service;
  }

  /** @throws {BadPattern} when the pattern takes too long */
  lines(records: Buffer): readonly LogLine[] {
    const {since, until, replica} = this.#query;
    const found: LogLine[] = [];
    for (const [start, end] of linesOf(records)) {
      if (since !== undefined || until !== undefined) {
        const at = records.toString('latin1', start, start + AT_LENGTH);
        if ((since !== undefined && at < since) || (until !== undefined && at >= until)) continue;
      }
      if (replica !== undefined && headOf(records, start).name !== replica) continue;
      const line = parseRecord(records, start, end);
      if (line !== undefined) found.push(line);
    }
    if (this.#grep === undefined) return found;
    const matches = this.#grep(found.map(({text}) => text));
    return found.filter((_, index) => matches[index]);
  }
}

/** `web` of `web.1`, `cron` of `cron.nightly`. */
function serviceOf(name: string): string {
  return name.split('.', 1)[0] ?? name;
}

/** In a context of its own, because only there a regular expression can be stopped. */
function grep(pattern: string): (texts: readonly string[]) => readonly boolean[] {
  const context = createContext({texts: [] as readonly string[]});
  try {
    new Script('var pattern').runInContext(context);
    context['pattern'] = new RegExp(pattern, 'u');
  } catch (error) {
    throw new BadPattern(`the pattern is not a regular expression: ${(error as Error).message}`);
  }
  const script = new Script('texts.map((text) => pattern.test(text))');
  return (texts) => {
    context['texts'] = texts;
    try {
      return script.runInContext(context, {timeout: GREP_MS_MAX}) as readonly boolean[];
    } catch {
      throw new BadPattern(`the pattern "${pattern}" takes too long`);
    } finally {
      context['texts'] = [];
    }
  };
}

export function byTime(a: LogLine, b: LogLine): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}
