import {readdir, readFile} from 'node:fs/promises';

/** A process of a container, by the number that it has outside. */
export interface ContainerProcess {
  readonly pid: number;
  readonly containerId: string;
}

/** Sends a signal to one process of a container. Nothing happens when it is gone, or its number is another one's now. */
export async function signalProcess({pid, containerId}: ContainerProcess, name: NodeJS.Signals): Promise<void> {
  if (await isInContainer({pid, containerId})) kill(pid, name);
}

/** Ends a process of a container, and all that is in its session (credentials(7)): what it started, unless that became a daemon. */
export async function killSession({pid, containerId}: ContainerProcess): Promise<void> {
  const pids = (await readdir('/proc')).map(Number).filter((one) => Number.isInteger(one));
  const ofSession = await Promise.all(pids.map(async (one) => (one === pid || (await sessionOf(one)) === pid ? [one] : [])));
  await Promise.all(ofSession.flat().map((one) => signalProcess({pid: one, containerId}, 'SIGKILL')));
}

/** The engine names a process's control group after its container, in version 1 and 2 (cgroups(7)). */
async function isInContainer({pid, containerId}: ContainerProcess): Promise<boolean> {
  return (await readIfThere(`/proc/${pid}/cgroup`)).includes(containerId);
}

/** The sixth field of proc_pid_stat(5); the second, a name in parentheses, may hold anything. */
async function sessionOf(pid: number): Promise<number> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readIfThere(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
    throw error;
  });
}
