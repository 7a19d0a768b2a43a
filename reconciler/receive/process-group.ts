import type {ChildProcess} from 'node:child_process';

/** Between SIGTERM, at which git removes its temporary files, and SIGKILL, in milliseconds. */
const KILL_AFTER_MS = 2000;

/** Ends a child that leads a group of its own (`detached`), with all that it has started. */
export function stopGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  child.once('close', () => clearTimeout(timer));
}

function signalGroup({pid}: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended already.
  }
}
