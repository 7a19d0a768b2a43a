import {stat, statfs} from 'node:fs/promises';
import {hostname} from 'node:os';
import path from 'node:path';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {checkBy, type Check} from '../check.ts';
import {Failure} from '../command.ts';
import {dockerdPlace} from './dockerd.ts';
import {engineStep} from './engine.ts';
import {readPid} from './pid-file.ts';
import {demandOwnPorts, portsStep} from './ports.ts';
import {namesOfProcesses} from './proc.ts';
import {isReady} from './ready.ts';
import {mergeSettings, readSettings} from './settings-file.ts';

/** Builds are refused when less is free (see `builds.minFree` of cluster.yaml): people should know before. */
const FREE_BYTES_MIN = 3 * 2 ** 30;
const FREE_SHARE_MIN = 0.1;
/** Names of processes, which the kernel cuts off after 15 characters. */
const TIME_SERVERS: readonly string[] = ['chronyd', 'systemd-timesyn', 'ntpd', 'ntpsec', 'openntpd'];

/** What a node needs of its machine, looked at without changing anything; none where there is no node. */
export async function machineChecks(data: string, env: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Promise<readonly Check[]> {
  const layout = layoutOf(data);
  const stored = await readSettings(layout.settings);
  if (stored === undefined) return [];
  const settings = mergeSettings({data, hostname: hostname(), stored, flags: {}});
  const isRoot = process.getuid?.() === 0;
  const isUp = await isReady(layout, signal);
  return [
    isRoot ? {what: 'Rights', state: 'good', says: 'root'} : {what: 'Rights', state: 'warning', says: 'not root: engine, ports and key are not looked at', advice: ['sudo flynn doctor']},
    ...(isRoot ? await rootChecks() : []),
    await diskCheck(data),
    await timeServerCheck(),
    await checkBy('Reconciler', async () => (isUp ? `ready, ${data}` : undefined), {state: 'bad', says: 'does not answer, or is not ready', advice: ['start it: flynn up', `its log: ${layout.log}`]}),
  ];

  async function rootChecks(): Promise<readonly Check[]> {
    return [
      await checkBy('Docker Engine', () => engineStep(env, dockerdPlace(layout)).check(signal), {state: 'bad', says: 'does not answer', advice: ['flynn up starts it, or installs one']}),
      await checkBy('Ports', async () => (isUp ? demandOwnPorts(settings, await readPid(layout.pidFile)) : portsStep(settings).check(signal))),
      await checkBy('Key of secrets', () => keyOf(layout)),
    ];
  }
}

/** A clock that nobody keeps runs away within days. In a container it is its host's to keep. */
async function timeServerCheck(): Promise<Check> {
  const keeper = (await namesOfProcesses()).find((name) => TIME_SERVERS.includes(name));
  if (keeper !== undefined) return {what: 'Time', state: 'good', says: `${keeper} keeps the clock`};
  return {what: 'Time', state: 'warning', says: 'nothing here keeps the clock', advice: ['apt-get install chrony; where this machine is a container or its host keeps the clock, there is nothing to do']};
}

async function diskCheck(folder: string): Promise<Check> {
  const {bsize, bavail, blocks, files, ffree} = await statfs(folder);
  const [free, share, inodes] = [bavail * bsize, bavail / Math.max(blocks, 1), files === 0 ? 1 : ffree / files];
  const says = `${folder}: ${formatBytes(free)} free (${Math.round(share * 100)} %)`;
  if (inodes < FREE_SHARE_MIN) return {what: 'Disk', state: 'bad', says: `${says}, and ${Math.round(inodes * 100)} % of its inodes`, advice: ['remove what is left now: flynn gc']};
  if (free >= FREE_BYTES_MIN && share >= FREE_SHARE_MIN) return {what: 'Disk', state: 'good', says};
  return {what: 'Disk', state: free < FREE_BYTES_MIN ? 'bad' : 'warning', says, advice: ['see what could go: flynn gc --dry-run --caches', 'keep fewer releases and logs: keep and logs in cluster.yaml']};
}

/** Without it all secrets are lost, so it has to be there, readable by root alone. */
async function keyOf({age}: Layout): Promise<string> {
  const file = path.join(age, 'identity');
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new Failure(`'${file}' is missing: secrets can't be opened`, {advice: ['put it back from your backup; a new node gets one by flynn up']});
  if ((found.mode & 0o077) !== 0) throw new Failure(`'${file}' can be read by others than its owner`, {advice: [`chmod 600 ${file}`]});
  return `${file}; is it in your backup?`;
}
