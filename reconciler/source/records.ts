import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {FollowedSource} from '../desired/state.ts';

/** What became of the newest commit that was tried. It is not tried again while it is the newest one. */
export interface SourceRecord extends Pick<FollowedSource, 'git' | 'branch' | 'path'> {
  readonly commit: CommitId;
  /** Absent: it failed. */
  readonly release?: number;
  readonly cause?: string;
}

/** One JSON file an app, replaced as a whole. */
export class SourceRecords {
  readonly #folder: string;
  readonly #idOf: (app: AppName) => string;

  /** `idOf`: what an app's file is called. */
  constructor(folder: string, idOf: (app: AppName) => string = (app) => app) {
    this.#folder = folder;
    this.#idOf = idOf;
  }

  /** Undefined: there is none, or none that can be read: then the newest commit is tried once more. */
  async read(app: AppName): Promise<SourceRecord | undefined> {
    try {
      return JSON.parse(await readFile(this.#file(app), 'utf8')) as SourceRecord;
    } catch {
      return undefined;
    }
  }

  async write(app: AppName, record: SourceRecord): Promise<void> {
    await mkdir(this.#folder, {recursive: true});
    await writeFile(`${this.#file(app)}.new`, JSON.stringify(record), {flush: true, mode: 0o600});
    await rename(`${this.#file(app)}.new`, this.#file(app));
  }

  async forget(app: AppName): Promise<void> {
    await rm(this.#file(app), {force: true});
  }

  #file(app: AppName): string {
    return path.join(this.#folder, `${this.#idOf(app)}.json`);
  }
}

export function isOfSource({git, branch, path: folder}: SourceRecord, source: FollowedSource): boolean {
  return git === source.git && branch === source.branch && folder === source.path;
}
