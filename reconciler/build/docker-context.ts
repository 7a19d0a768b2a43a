import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import dockerignore from '@balena/dockerignore';
import {TAR_END, tarPieces} from '../adapters/tar.ts';
import {BuildRefused} from './refused.ts';
import type {Source} from './source.ts';

export const IGNORE_FILE = '.dockerignore';

/** The source as the engine gets it: without what the app's `.dockerignore` names, of which the engine does nothing by itself. */
export async function dockerContext(files: Pick<Source, 'tarFile' | 'text'>, dockerfile: string): Promise<Readable> {
  // One for this Dockerfile alone goes first (docs.docker.com/build/concepts/context).
  const own = await files.text(`${dockerfile}${IGNORE_FILE}`);
  const rules = own ?? await files.text(IGNORE_FILE);
  if (rules === undefined) return createReadStream(files.tarFile);
  // The engine reads these two in any case, and then leaves them out by itself if they are named.
  const needed = [dockerfile, IGNORE_FILE];
  const isIgnored = ignoredBy(rules, own === undefined ? IGNORE_FILE : `${dockerfile}${IGNORE_FILE}`);
  return Readable.from(without(createReadStream(files.tarFile), (name) => !needed.includes(name) && isIgnored(name)), {objectMode: false});
}

/** Exported for its test. @throws {BuildRefused} when the rules can't be read */
export function ignoredBy(rules: string, file: string): (name: string) => boolean {
  const ignore = dockerignore.default({ignorecase: false}).add(rules.replace(/^\uFEFF/, ''));
  try {
    ignore.ignores('any/file');
  } catch (cause) {
    throw new BuildRefused(`${file} has a pattern that can't be read: ${(cause as Error).message}`, {cause});
  }
  return (name) => ignore.ignores(name);
}

/** Copies a tar without some of its entries. An entry whose long name stands in a header of its own goes with that. */
async function* without(tar: AsyncIterable<Uint8Array>, isLeftOut: (name: string) => boolean): AsyncGenerator<Uint8Array> {
  let announcing: Buffer[] = [];
  let fate: 'copied' | 'announcing' | 'left out' = 'copied';
  for await (const {header, bytes} of tarPieces(tar)) {
    if (header?.type === 'x') {
      fate = 'announcing';
      announcing = [bytes];
    } else if (header === undefined && fate === 'announcing') {
      announcing.push(bytes);
    } else {
      if (header !== undefined) {
        // `g` is about the whole tar.
        fate = header.type !== 'g' && isLeftOut(pathOf(header.name)) ? 'left out' : 'copied';
        if (fate === 'copied') yield* announcing;
        announcing = [];
      }
      if (fate === 'copied') yield bytes;
    }
  }
  yield TAR_END;
}

function pathOf(name: string): string {
  return name.replace(/^\.\//, '').replace(/\/$/, '');
}
