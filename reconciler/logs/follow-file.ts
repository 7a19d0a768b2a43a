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

/** Reads a file that another process writes lines to and rotates, as it grows. Ends by the signal. */
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
  await tail.close();
}
