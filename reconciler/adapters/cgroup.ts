import {mkdir, readdir, readFile, rmdir, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {execa} from 'execa';

const ROOT = '/sys/fs/cgroup';
/** Of all groups of ours, at the root of each hierarchy. */
const PARENT = 'flynn-builds';
const CPU_PERIOD_US = 100_000;
/** Until the kernel has let go of what was in a group, milliseconds. */
const EMPTY_MS_MAX = 5_000;
const LOOK_MS = 20;

export interface GroupLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processesMax: number;
}

/** Version 1 has a hierarchy for each controller, version 2 one for all. */
export type CgroupVersion = 1 | 2;

/**
 * A control group into which the engine puts processes that it does not limit itself: those of BuildKit's steps. The limits count for all
 * of them together.
 */
export interface ControlGroup extends AsyncDisposable {
  /** From the root of the hierarchy on, as the engine wants it. */
  readonly path: string;
  /** Bytes that the processes which run in it now wrote to their own root file systems. */
  writtenBytes(signal: AbortSignal): Promise<number>;
}

/**
 * Makes a group, with what is left of an earlier one of this name gone. Disposing ends what runs in it and removes it. Rejects where the
 * machine does not allow it.
 */
export async function makeControlGroup(name: string, limits: GroupLimits): Promise<ControlGroup> {
  const version = await cgroupVersion();
  const hierarchies = version === 2 ? [ROOT] : (await readdir(ROOT)).map((controller) => path.join(ROOT, controller));
  const folders = hierarchies.map((hierarchy) => path.join(hierarchy, PARENT, name));
  await Promise.all(folders.map(removeGroup));
  if (version === 2) {
    await mkdir(path.join(ROOT, PARENT), {recursive: true});
    // Controllers go from each folder to those in it by its word.
    for (const folder of [ROOT, path.join(ROOT, PARENT)]) await writeFile(path.join(folder, 'cgroup.subtree_control'), '+cpu +memory +pids');
  }
  for (const {file, text, isOptional} of limitFiles(version, limits)) {
    const folder = path.join(ROOT, ...(version === 2 ? [] : [file.split('.')[0] ?? '']), PARENT, name);
    await mkdir(folder, {recursive: true});
    await writeFile(path.join(folder, file), text, {flag: 'r+'}).catch((error: NodeJS.ErrnoException) => {
      if (!(isOptional && error.code === 'ENOENT')) throw error;
    });
  }
  const processes = async () => [...new Set((await Promise.all(folders.map(processesIn))).flat())];
  return {
    path: `/${PARENT}/${name}`,
    writtenBytes: async (signal) => writtenBy(await processes(), signal),
    async [Symbol.asyncDispose]() {
      await Promise.all(folders.map(removeGroup));
    },
  };
}

async function cgroupVersion(): Promise<CgroupVersion> {
  return await stat(path.join(ROOT, 'cgroup.controllers')).catch(() => undefined) === undefined ? 1 : 2;
}

interface LimitFile {
  /** The part before the dot is the controller. */
  readonly file: string;
  readonly text: string;
  /** A kernel without accounting of swap has none. */
  readonly isOptional?: boolean;
}

/** In the order in which they have to be written. Exported for its test. Linux, Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst. */
export function limitFiles(version: CgroupVersion, {memoryBytes, cpus, processesMax}: GroupLimits): readonly LimitFile[] {
  const quotaUs = Math.round(cpus * CPU_PERIOD_US);
  if (version === 2) return [
    {file: 'memory.max', text: String(memoryBytes)},
    {file: 'memory.swap.max', text: '0', isOptional: true},
    {file: 'cpu.max', text: `${quotaUs} ${CPU_PERIOD_US}`},
    {file: 'pids.max', text: String(processesMax)},
  ];
  return [
    {file: 'memory.limit_in_bytes', text: String(memoryBytes)},
    // With swap, so that there is none.
    {file: 'memory.memsw.limit_in_bytes', text: String(memoryBytes), isOptional: true},
    {file: 'cpu.cfs_period_us', text: String(CPU_PERIOD_US)},
    {file: 'cpu.cfs_quota_us', text: String(quotaUs)},
    {file: 'pids.max', text: String(processesMax)},
  ];
}

/** Ends what is in a group and removes it with those in it. What the kernel does not let go of in time stays: whoever makes it again tries again. */
async function removeGroup(folder: string): Promise<void> {
  const until = performance.now() + EMPTY_MS_MAX;
  while (performance.now() < until) {
    for (const id of await processesIn(folder)) {
      try {
        process.kill(id, 'SIGKILL');
      } catch {} // It has ended.
    }
    try {
      return await removeFolders(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
    }
    await delay(LOOK_MS);
  }
}

/** Files of a group go with its folder, and only an empty group goes. */
async function removeFolders(folder: string): Promise<void> {
  for (const inside of await foldersIn(folder)) await removeFolders(inside);
  await rmdir(folder).catch(unlessGone);
}

async function processesIn(folder: string): Promise<readonly number[]> {
  const text = await readFile(path.join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  const inside = await Promise.all((await foldersIn(folder)).map(processesIn));
  return [...text.split('\n').filter((line) => line !== '').map(Number), ...inside.flat()];
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({name}) => path.join(folder, name));
}

async function writtenBy(processes: readonly number[], signal: AbortSignal): Promise<number> {
  const mounts = await Promise.all(processes.map((id) => readFile(`/proc/${id}/mountinfo`, 'utf8').catch(() => '')));
  const folders = [...new Set(mounts.map(upperFolder).filter((folder) => folder !== undefined))];
  if (folders.length === 0) return 0;
  // Files come and go while it looks: what is gone counts nothing.
  const {stdout} = await execa('du', ['--summarize', '--one-file-system', '--block-size=1', '--', ...folders], {cancelSignal: signal, reject: false});
  signal.throwIfAborted();
  return stdout.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0), 0);
}

/** Where a process's writes to its root file system go, when that is an overlay. Exported for its test. proc_pid_mountinfo(5). */
export function upperFolder(mounts: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (before.split(' ')[4] !== '/' || !after.startsWith('overlay ')) continue;
    return /(?:^|,)upperdir=([^,]+)/.exec(after.split(' ')[2] ?? '')?.[1];
  }
  return undefined;
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
