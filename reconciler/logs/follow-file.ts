import {stat} from 'node:fs/promises';
import {setTimeout as wait} from 'node:timers/promises';
import {RotatedFile} from './tail.ts';

export interface FollowedFile {
  /** The file, and where is written down how far it was read. */
  readonly file: string;
  readonly placeFile: string;
  /** Whole lines, each once but for what a former life had taken and not yet settled. */
  take(bytes: Buffer): Promise<void>;
  /** Makes what was taken safe: it does not come again. */
  settle(): Promise<void>;
  onProblem(error: Error): void;
}

/** The file is looked at this often: nothing else tells that it grew. */
const LOOK_MS = 500;
const NOTE_MS = 2_000;

/** Reads a file that another process writes lines to and rotates, as it grows. Ends by the signal; of a file that is not there any more, when its rest was taken. */
export async function followFile({file, placeFile, take, settle, onProblem}: FollowedFile, signal: AbortSignal): Promise<void> {
  const tail = await RotatedFile.open({file, placeFile});
  let notedAtMs = 0;
  let isRead = false;
  while (!signal.aborted) {
    try {
      const bytes = await tail.read();
      if (bytes.length > 0) await take(bytes);
      isRead ||= bytes.length > 0;
      if (isRead && Date.now() - notedAtMs > NOTE_MS) {
        isRead = false;
        notedAtMs = Date.now();
        // Not before its lines are on disk: they would be lost with us.
        await settle();
        await tail.note();
      }
      if (bytes.length > 0) continue;
    } catch (error) {
      onProblem(error instanceof Error ? error : new Error(String(error)));
    }
    await wait(LOOK_MS, undefined, {signal}).catch(() => {});
  }
  if (!await isThere(file)) await takeRest(tail, {take, onProblem});
  await tail.close();
}

/** What came since the last look into a file that was removed with its writer: nobody else will ever read it. */
async function takeRest(tail: RotatedFile, {take, onProblem}: Pick<FollowedFile, 'take' | 'onProblem'>): Promise<void> {
  try {
    for (let bytes = await tail.read(); bytes.length > 0; bytes = await tail.read()) await take(bytes);
  } catch (error) {
    onProblem(error instanceof Error ? error : new Error(String(error)));
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}
