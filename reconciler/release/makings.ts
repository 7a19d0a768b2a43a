import {mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';

/** A release of a command that somebody waits for: once it is in git, this tells it from all others. */
export interface MakingNote {
  readonly app: AppName;
  /** As in its manifest. */
  readonly createdAt: string;
}

/**
 * Which releases of commands are in the making: a file each, written before there is a commit and removed when it is known what became of it.
 * A reconciler that is killed in between leaves it for the next one, which then takes back what fails.
 */
export class Makings {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(note: MakingNote): Promise<void> {
    await mkdir(this.#folder, {recursive: true, mode: 0o700});
    await writeFile(this.#file(note), JSON.stringify(note), {mode: 0o600, flush: true});
  }

  async remove(note: MakingNote): Promise<void> {
    await rm(this.#file(note), {force: true});
  }

  /** One that can't be read is of a machine that lost power while it was written: there was no commit yet. */
  async all(): Promise<readonly MakingNote[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return (await Promise.all(names.map(async (name) => parsed(await readFile(path.join(this.#folder, name), 'utf8'))))).filter((note) => note !== undefined);
  }

  #file({app, createdAt}: MakingNote): string {
    return path.join(this.#folder, `${app}.${createdAt.replaceAll(/[^0-9A-Za-z]/g, '')}.json`);
  }
}

function parsed(text: string): MakingNote | undefined {
  try {
    return JSON.parse(text) as MakingNote;
  } catch {
    return undefined;
  }
}
