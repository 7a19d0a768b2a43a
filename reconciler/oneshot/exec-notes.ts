import {mkdir, readdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';

/**
 * The commands that are being run in replicas: an empty file each, named after the engine's id of it, written before it starts. A command
 * outlives the reconciler that was asked for it; the next one finds it here and ends it.
 */
export class ExecNotes {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(execId: string): Promise<void> {
    await mkdir(this.#folder, {recursive: true, mode: 0o700});
    await writeFile(path.join(this.#folder, execId), '', {mode: 0o600});
  }

  async remove(execId: string): Promise<void> {
    await rm(path.join(this.#folder, execId), {force: true});
  }

  async all(): Promise<readonly string[]> {
    return (await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    })).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }
}
