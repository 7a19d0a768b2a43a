import {readFile, rename, writeFile} from 'node:fs/promises';
import type {PushedImage} from '../observed/pushed.ts';

/**
 * What this node has pushed to registries, and not removed since: one JSON file, replaced as a whole. Changes come one after the other, each to what the
 * one before it left. Without it images in a registry would be nobody's: they are not told from other people's by what they are.
 */
export class PushedBook {
  readonly #file: string;
  #images: readonly PushedImage[];
  #last: Promise<void> = Promise.resolve();

  private constructor(file: string, images: readonly PushedImage[]) {
    this.#file = file;
    this.#images = images;
  }

  /** `onBroken` hears of a file that can't be read as what it should be; it is put aside. What is kept is pushed once more then. */
  static async open(file: string, onBroken: (file: string, cause: unknown) => void): Promise<PushedBook> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    });
    try {
      const images: unknown = JSON.parse(text);
      if (!Array.isArray(images)) throw new Error('it is no list');
      return new PushedBook(file, images as readonly PushedImage[]);
    } catch (cause) {
      onBroken(file, cause);
      await rename(file, `${file}.broken`);
      return new PushedBook(file, []);
    }
  }

  get images(): readonly PushedImage[] {
    return this.#images;
  }

  /** In the place of what was written of it before. */
  write(pushed: PushedImage): Promise<void> {
    return this.#change((images) => [...images.filter((one) => !isSame(one, pushed)), pushed]);
  }

  forget(pushed: PushedImage): Promise<void> {
    return this.#change((images) => images.filter((one) => !isSame(one, pushed)));
  }

  #change(edit: (images: readonly PushedImage[]) => readonly PushedImage[]): Promise<void> {
    const writing = this.#last.then(async () => {
      const images = edit(this.#images);
      await writeFile(`${this.#file}.new`, JSON.stringify(images), {flush: true, mode: 0o600});
      await rename(`${this.#file}.new`, this.#file);
      this.#images = images;
    });
    this.#last = writing.catch(() => {}); // Its caller is told; the next one has its own try.
    return writing;
  }
}

function isSame(one: PushedImage, other: PushedImage): boolean {
  return one.app === other.app && one.image === other.image && one.repository === other.repository;
}
