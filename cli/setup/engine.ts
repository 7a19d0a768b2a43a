import {access, readFile} from 'node:fs/promises';
import {setTimeout} from 'node:timers/promises';
import type Docker from 'dockerode';
import {createDocker} from '../../reconciler/adapters/dockerode.ts';
import {anySignal} from '../../reconciler/any-signal.ts';
import {Failure} from '../command.ts';
import {addTrixie, aptCandidate, aptInstall, aptUpdate, codename} from './apt.ts';
import {type DockerdPlace, startDockerd} from './dockerd.ts';
import {isOnPath, exec, mustExec} from './exec.ts';
import {askSocket} from './socket.ts';
import type {Step} from './step.ts';

/** 20.10 deadlocks when containers start and stop in parallel (moby#42545); 23 is the first without. */
const MAJOR_MIN = 23;
const PING_TIMEOUT_MS = 5000;
const START_TIMEOUT_MS = 60_000;
const DEFAULT_SOCKET = '/var/run/docker.sock';
const INSTALL_GUIDE = 'https://docs.docker.com/engine/install/';

/** A running engine is used as it is, whoever started it; none is installed and started. */
export function engineStep(env: Readonly<Record<string, string | undefined>>, place: DockerdPlace): Step {
  const socket = engineSocket(env);
  return {
    title: 'Docker Engine',
    async check(signal) {
      const version = await engineVersion(socket, signal);
      if (version !== undefined) return `${demandNew(version, socket)}, running`;
      if (![DEFAULT_SOCKET, '/run/docker.sock'].includes(socket)) {
        throw new Failure(`no Docker Engine answers at '${socket}', which DOCKER_HOST names`, {advice: ['start it, or unset DOCKER_HOST to use (or get) the one of this machine']});
      }
      return undefined;
    },
    async do(print, signal) {
      const installed = await installedVersion(signal);
      if (installed === undefined) await installEngine(print, signal);
      else demandNew(installed, 'dockerd on the PATH');
      await startEngine(place, print, signal);
      const version = await untilAnswers(socket, place, signal);
      return `${installed === undefined ? 'installed' : 'started'} ${demandNew(version, socket)}`;
    },
  };
}

/** Talks to what `DOCKER_HOST` names, else to the default socket. Throws `Failure` for an engine on another machine. */
export function engineClient(env: Readonly<Record<string, string | undefined>>): Docker {
  return createDocker({socketPath: engineSocket(env)});
}

/** Undefined when nothing answers. Throws `Failure` when something answers, but not as an engine does. */
async function engineVersion(socketPath: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const {body} = await askSocket({socketPath, path: '/version', timeoutMs: PING_TIMEOUT_MS}, signal);
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null && 'Version' in answer && typeof answer.Version === 'string') return answer.Version;
    throw new Error('the answer has no version');
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Nobody there: the socket is missing, or left behind by an engine that was killed.
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    throw new Failure(`Docker Engine is there, but does not answer: ${error instanceof Error ? error.message : String(error)}`, {
      advice: [code === 'EACCES' ? 'run this as root' : 'look at its log (journalctl -u docker), restart it, and run this again'],
      cause: error,
    });
  }
}

/**
 * The engine, as it answers now. One that we started and that has died is started again: its containers outlive it, and nobody else
 * would. Undefined when there is none.
 */
export async function reachEngine(env: Readonly<Record<string, string | undefined>>, place: DockerdPlace, signal: AbortSignal): Promise<Docker | undefined> {
  const socket = engineSocket(env);
  if ((await engineVersion(socket, signal)) === undefined) {
    if ((await place.ended()) === undefined) return undefined;
    await startDockerd(place);
    await untilAnswers(socket, place, signal);
  }
  return engineClient(env);
}

/** `26.1.5+dfsg1` is 26. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

function demandNew(version: string, where: string): string {
  if (majorOf(version) >= MAJOR_MIN) return version;
  throw new Failure(`Docker Engine ${version} (${where}) is too old: Flynn needs ${MAJOR_MIN} or newer`, {
    advice: [
      'older ones hang for ever when containers start and stop at the same time (moby issue 42545)',
      `Flynn does not upgrade an engine that others may use: do it yourself, see ${INSTALL_GUIDE}, then run this again`,
    ],
  });
}

/** Path of the engine's unix socket. */
export function engineSocket({DOCKER_HOST}: Readonly<Record<string, string | undefined>>): string {
  if (DOCKER_HOST === undefined || DOCKER_HOST === '') return DEFAULT_SOCKET;
  if (DOCKER_HOST.startsWith('unix:///')) return DOCKER_HOST.slice('unix://'.length);
  throw new Failure(`DOCKER_HOST is '${DOCKER_HOST}', and Flynn needs an engine on this machine`, {advice: [`unset it, or set it to a unix socket such as unix://${DEFAULT_SOCKET}`]});
}

async function installedVersion(signal: AbortSignal): Promise<string | undefined> {
  if (!(await isOnPath('dockerd', signal))) return undefined;
  const {stdout} = await exec(['dockerd', '--version'], {}, signal);
  return /version (\d+\.[^\s,]+)/.exec(stdout)?.[1];
}

async function installEngine(print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const because = 'no Docker Engine is installed';
  if (!(await isOnPath('apt-get', signal))) throw new Failure(because, {advice: [`install ${MAJOR_MIN} or newer, see ${INSTALL_GUIDE}, and run this again`]});
  if (!(await isCandidateNew(signal))) await aptUpdate(print, signal);
  if (await isCandidateNew(signal)) {
    await aptInstall({packages: [...await enginePackages(), 'containerd'], because}, print, signal);
    return;
  }
  const release = await codename();
  if (release !== 'bookworm') {
    throw new Failure(`${because}, and the packages of '${release ?? 'this system'}' have none that is new enough`, {advice: [`install ${MAJOR_MIN} or newer, see ${INSTALL_GUIDE}, and run this again`]});
  }
  for (const file of await addTrixie(signal)) print(`wrote ${file}`);
  await aptUpdate(print, signal);
  // Debian 12's own runc and iptables serve; only these two have to be newer.
  await aptInstall({packages: ['docker.io/trixie', 'containerd/trixie', ...(await enginePackages()).slice(1)], because}, print, signal);
}

async function isCandidateNew(signal: AbortSignal): Promise<boolean> {
  const candidate = await aptCandidate('docker.io', signal);
  return candidate !== undefined && majorOf(candidate) >= MAJOR_MIN;
}

/** Where the kernel enforces AppArmor, the engine starts no container without its parser. */
async function enginePackages(): Promise<readonly string[]> {
  const isEnforced = (await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => '')).startsWith('Y');
  return ['docker.io', 'iptables', ...(isEnforced ? ['apparmor'] : [])];
}

async function startEngine(place: DockerdPlace, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (await hasSystemd()) {
    print('starting docker.service');
    await mustExec(['systemctl', 'enable', '--now', 'docker.service'], {timeoutMs: START_TIMEOUT_MS, advice: ['see: journalctl -u docker']}, signal);
    return;
  }
  print(`starting dockerd, its log is ${place.log}`);
  await startDockerd(place);
}

/** Is systemd the init of this machine? See sd_booted(3). */
export async function hasSystemd(): Promise<boolean> {
  return access('/run/systemd/system').then(() => true, () => false);
}

async function untilAnswers(socket: string, place: DockerdPlace, signal: AbortSignal): Promise<string> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  const either = anySignal([signal, deadline]);
  for (;;) {
    const version = await engineVersion(socket, signal);
    if (version !== undefined) return version;
    const end = await place.ended();
    if (end !== undefined || deadline.aborted) {
      throw new Failure(end === undefined ? `Docker Engine does not answer ${START_TIMEOUT_MS / 1000} s after its start` : 'dockerd ended right after its start', {
        advice: [...(end ?? []), `its whole log: ${place.log} (or journalctl -u docker)`],
      });
    }
    await setTimeout(200, undefined, {signal: either}).catch(() => signal.throwIfAborted());
  }
}
