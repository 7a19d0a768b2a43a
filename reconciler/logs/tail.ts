import {mkdir, open, readdir, readFile, rename, stat, writeFile, type FileHandle} from 'node:fs/promises';
import path from 'node:path';

/** How far a file has been read, whatever it is called by now. */
interface Place {
  readonly inode: number;
  readonly offset: number;
}

const NEWLINE = 0x0a;
const READ_BYTES = 256 * 1024;

/**
 * Reads a file that somebody else appends to and rotates: renames it to `<name>-<time><extension>` beside it, and begins it anew. What it had
 * read is written down, so that the next life goes on there; a file that it has never seen is read from its beginning.
 */
export class RotatedFile {
  readonly #file: string;
  readonly #placeFile: string;
  #handle: FileHandle | undefined;
  #place: Place = {inode: 0, offset: 0};
  #noted: Place = this.#place;

  private constructor(file: string, placeFile: string) {
    this.#file = file;
    this.#placeFile = placeFile;
  }

  static async open({file, placeFile}: {readonly file: string; readonly placeFile: string}): Promise<RotatedFile> {
    const tail = new RotatedFile(file, placeFile);
    await mkdir(path.dirname(placeFile), {recursive: true, mode: 0o700});
    const noted = await readFile(placeFile, 'utf8').then((text) => JSON.parse(text) as Partial<Place>, () => undefined);
    if (typeof noted?.inode === 'number' && typeof noted.offset === 'number') tail.#place = {inode: noted.inode, offset: noted.offset};
    return tail;
  }

  /** Whole lines that have not been read yet, some hundred KiB of them. Empty: there are none now. */
  async read(): Promise<Buffer> {
    for (;;) {
      this.#handle ??= await this.#openNext();
      if (this.#handle === undefined) return Buffer.alloc(0);
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const {bytesRead} = await this.#handle.read(buffer, 0, READ_BYTES, this.#place.offset);
      const found = buffer.subarray(0, bytesRead);
      // A line longer than all of it is none of ours.
      const length = found.lastIndexOf(NEWLINE) + 1 || (bytesRead === READ_BYTES ? bytesRead : 0);
      this.#place = {...this.#place, offset: this.#place.offset + length};
      if (length > 0) return found.subarray(0, length);
      const named = await stat(this.#file).catch(() => undefined);
      if (named?.ino === this.#place.inode) {
        if (named.size >= this.#place.offset) return Buffer.alloc(0);
        // Somebody has emptied it.
        this.#place = {...this.#place, offset: 0};
        continue;
      }
      // It was rotated, perhaps after we looked: what came before is in it now.
      const {size} = await this.#handle.stat();
      if (size > this.#place.offset + bytesRead) continue;
      await this.close();
    }
  }

  /** Writes down how far it has read. */
  async note(): Promise<void> {
    if (this.#noted === this.#place) return;
    const place = this.#place;
    await writeFile(`${this.#placeFile}.new`, JSON.stringify(place), {mode: 0o600});
    await rename(`${this.#placeFile}.new`, this.#placeFile);
    this.#noted = place;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** The file that was being read, wherever it is now; when it has been read to its end, the one that came after it. */
  async #openNext(): Promise<FileHandle | undefined> {
    const files = await this.#files();
    const index = files.findIndex(({inode}) => inode === this.#place.inode);
    const known = files[index];
    const isDone = known !== undefined && known.size <= this.#place.offset && index < files.length - 1;
    const next = known === undefined ? files[0] : isDone ? files[index + 1] : known;
    if (next === undefined) return undefined;
    if (next !== known) this.#place = {inode: next.inode, offset: 0};
    return open(next.path, 'r').catch(() => undefined);
  }

  /** Oldest first: the names of rotated ones have their time in them, and the one that is written to is last. */
  async #files(): Promise<readonly {readonly path: string; readonly inode: number; readonly size: number}[]> {
    const {dir, name, ext} = path.parse(this.#file);
    const names = await readdir(dir).catch(() => []);
    const rotated = names.filter((one) => one.startsWith(`${name}-`) && one.endsWith(ext)).toSorted();
    const found = await Promise.all([...rotated, `${name}${ext}`].map(async (one) => {
      const file = path.join(dir, one);
      const there = await stat(file).catch(() => undefined);
      return there === undefined ? [] : [{path: file, inode: there.ino, size: there.size}];
    }));
    return found.flat();
  }
}
