import type {Readable} from 'node:stream';
import {StringDecoder} from 'node:string_decoder';

/** The engine's own JSON lines stay far below, characters. */
const LINE_MAX = 1_000_000;
/** A carriage return, as progress bars write, ends a line too. */
const LINE_ENDS = /\r\n|\n|\r(?!$)/;

/** Lines of a byte stream without their ends; a carriage return ends a line too. The last may lack its end. */
export async function* splitLines(stream: Readable): AsyncGenerator<string> {
  const splitter = new LineSplitter({ends: LINE_ENDS, lengthMax: LINE_MAX, isBroken: true});
  for await (const chunk of stream) yield* splitter.push(chunk as Buffer | string);
  yield* splitter.end();
}

interface LineShape {
  readonly ends: RegExp;
  /** Longer lines are cut, characters: nobody can fill the memory with a line that never ends. */
  readonly lengthMax: number;
  /** What is longer goes on as the next line, instead: a line that never ends is heard of. */
  readonly isBroken?: boolean;
}

/** Puts pieces together to lines. A character whose bytes came in two pieces is whole. */
export class LineSplitter {
  readonly #shape: LineShape;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(shape: LineShape) {
    this.#shape = shape;
  }

  /** The lines that are complete now. */
  push(chunk: Buffer | string): readonly string[] {
    const {ends, lengthMax, isBroken = false} = this.#shape;
    const lines = (this.#rest + (typeof chunk === 'string' ? chunk : this.#decoder.write(chunk))).split(ends);
    const rest = lines.pop() ?? '';
    if (isBroken && rest.length >= lengthMax) {
      this.#rest = '';
      return [...lines, rest];
    }
    this.#rest = rest.slice(0, lengthMax);
    return lines;
  }

  /** The last line, if it lacks its end. */
  end(): readonly string[] {
    const last = (this.#rest + this.#decoder.end()).replace(/\r$/, '');
    this.#rest = '';
    return last === '' ? [] : [last];
  }
}
