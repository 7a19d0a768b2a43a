import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import dockerignore from '@balena/dockerignore';
import {editTar, pathOf} from '../adapters/tar-edit.ts';
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
  return Readable.from(editTar(createReadStream(files.tarFile), ({name}, block) => (needed.includes(pathOf(name)) || !isIgnored(pathOf(name)) ? block : undefined)), {objectMode: false});
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
