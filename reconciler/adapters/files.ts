import {open, readFile, rename} from 'node:fs/promises';

export async function readIfThere(file: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await readFile(file, {encoding: 'utf8', signal});
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`reading "${file}" failed`, {cause});
  }
}

/** All or nothing, also when the machine loses power. */
export async function replaceFile(file: string, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const next = `${file}.next`;
  await using handle = await open(next, 'w', 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(next, file);
}
