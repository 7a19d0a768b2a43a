import {setTimeout} from 'node:timers/promises';
import {type DockerdPlace, startDockerd} from './dockerd.ts';

const LOOK_MS = 500;
/** Between two starts, so that an engine that can't start does not take the machine down with it. */
const RESTART_MS = 5000;

/** Does for an engine that we started what systemd does elsewhere: starts it again when it died. Ends with the signal. */
export async function keepEngine({place, print}: {readonly place: DockerdPlace; readonly print: (line: string) => void}, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const end = await place.ended();
    if (end !== undefined) {
      print('the Docker Engine that flynn started has died, starting it again');
      await startDockerd(place).catch((error: unknown) => print(`it could not be started: ${error instanceof Error ? error.message : String(error)}`));
    }
    await setTimeout(end === undefined ? LOOK_MS : RESTART_MS, undefined, {signal}).catch(() => undefined);
  }
}
