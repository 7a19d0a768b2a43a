import type {OutputPiece} from './docker-output.ts';
import type {EngineLogLine} from './engine.ts';
import {LineSplitter} from './lines.ts';

/** A longer line is cut, characters. */
const LINE_MAX = 64 * 1024;
/** A carriage return alone is part of the line: the engine put one timestamp before all of it. */
const LINE_ENDS = /\n/;

/** Puts pieces together to lines, for each stream, and takes the engine's timestamp off their front. The last of each may lack its end. */
export async function* logLines(pieces: AsyncIterable<OutputPiece>): AsyncGenerator<EngineLogLine> {
  const shape = {ends: LINE_ENDS, lengthMax: LINE_MAX};
  const splitters = {stdout: new LineSplitter(shape), stderr: new LineSplitter(shape)};
  for await (const {stream, bytes} of pieces) yield* splitters[stream].push(bytes).map((line) => toLine(stream, line));
  for (const stream of ['stdout', 'stderr'] as const) yield* splitters[stream].end().map((line) => toLine(stream, line));
}

function toLine(stream: OutputPiece['stream'], line: string): EngineLogLine {
  const space = line.indexOf(' ');
  return {at: line.slice(0, space), stream, text: line.slice(space + 1).replace(/\r$/, '')};
}
