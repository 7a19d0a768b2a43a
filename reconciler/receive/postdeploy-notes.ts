import {mkdir, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {Author} from '../checkout/snapshot.ts';

/** What is to be run once, when a first release serves. */
export interface PostdeployNote {
  readonly app: AppName;
  /** Of the release, as in its manifest: it tells it from another one that got the same number. */
  readonly createdAt: string;
  readonly script: string;
  readonly by: Author;
}

/** `begun`: it is being run, or was when the reconciler ended. It is never begun again: half of it may have been done. */
type Kept = PostdeployNote & {readonly state: 'due' | 'begun'};

/**
 * Which commands of app.json are still to be run: a file an app, written before there is a release and removed when the command has ended. So it is run once, whoever
 * is killed in between.
 */
export class PostdeployNotes {
  readonly #folder: string;
  /** Those that somebody in this process has. */
  readonly #taken = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** In the place of one of a release of this app that was taken back. */
  async add(note: PostdeployNote): Promise<void> {
    await mkdir(this.#folder, {recursive: true, mode: 0o700});
    await this.#write({...note, state: 'due'});
  }

  /** Whoever asks first has to run it, and to remove it then. Undefined: there is nothing to be run, or somebody does. */
  async begin({app, createdAt}: Pick<PostdeployNote, 'app' | 'createdAt'>): Promise<PostdeployNote | undefined> {
    const key = `${app} ${createdAt}`;
    if (this.#taken.has(key)) return undefined;
    this.#taken.add(key);
    const note = await this.#read(`${app}.json`);
    if (note?.createdAt !== createdAt || note.state !== 'due') {
      this.#taken.delete(key);
      return undefined;
    }
    await this.#write({...note, state: 'begun'});
    return note;
  }

  async remove({app, createdAt}: Pick<PostdeployNote, 'app' | 'createdAt'>): Promise<void> {
    if ((await this.#read(`${app}.json`))?.createdAt === createdAt) await rm(path.join(this.#folder, `${app}.json`), {force: true});
  }

  /** As the process before this one left them. */
  async all(): Promise<readonly Kept[]> {
    const names = await readdir(this.#folder).catch(unlessMissing);
    return (await Promise.all((names ?? []).filter((name) => name.endsWith('.json')).map((name) => this.#read(name)))).filter((note) => note !== undefined);
  }

  async #write(note: Kept): Promise<void> {
    const file = path.join(this.#folder, `${note.app}.json`);
    await writeFile(`${file}.new`, JSON.stringify(note), {mode: 0o600, flush: true});
    await rename(`${file}.new`, file);
  }

  async #read(name: string): Promise<Kept | undefined> {
    const text = await readFile(path.join(this.#folder, name), 'utf8').catch(unlessMissing);
    return text === undefined ? undefined : JSON.parse(text) as Kept;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
