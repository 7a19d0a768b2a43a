import {readFile} from 'node:fs/promises';
import {availableParallelism, cpus, loadavg, release, totalmem} from 'node:os';
import Docker from 'dockerode';

/** Facts without which the figures say nothing. */
export async function machineFacts(): Promise<Readonly<Record<string, string>>> {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(await readFile('/etc/os-release', 'utf8').catch(() => ''))?.[1] ?? process.platform;
  const engine = (await new Docker().info()) as {ServerVersion: string; Driver: string; ContainersRunning: number; LiveRestoreEnabled: boolean};
  return {
    machine: `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${system}, kernel ${release()}`,
    engine: `Docker ${engine.ServerVersion}, ${engine.Driver}, ${engine.ContainersRunning} other containers running${engine.LiveRestoreEnabled ? ', live-restore' : ''}`,
    node: process.version,
    load: `${loadavg().map((load) => load.toFixed(1)).join(', ')} (1, 5, 15 minutes, before the first benchmark)`,
  };
}
