import {execa} from 'execa';
import {lstat, mkdtemp, readFile, readlink, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {layout as layoutOf, type Layout} from '../../../reconciler/layout.ts';
import {instanceOf} from '../../../reconciler/settings.ts';
import type {FlynnEvent, NodeStatus} from '../../../reconciler/status/status.ts';
import {get} from '../http.ts';
import {until} from '../until.ts';
import {freePorts} from '../../support/free-ports.ts';

/** A whole node of the benchmarks' own, started by `flynn up`. */
export interface TrialNode {
  readonly layout: Layout;
  readonly instance: string;
  readonly domain: string;
  readonly httpPort: number;
  /** What git is to push to: `<gitUrl>/<repository>.git`. */
  readonly gitUrl: string;
  /** Process id of the reconciler. */
  readonly pid: number;
  status(signal: AbortSignal): Promise<NodeStatus>;
  events(signal: AbortSignal): Promise<readonly FlynnEvent[]>;
  /** Through the router. Undefined: nobody answered. */
  ask(app: string, signal: AbortSignal): Promise<{readonly status: number; readonly body: string} | undefined>;
  /** In `cwd`, with the user's settings of this node; `onLine` hears both streams. Rejects when it fails. */
  run(argv: readonly [string, ...string[]], options: {readonly cwd: string; readonly onLine?: (line: string) => void}, signal: AbortSignal): Promise<string>;
  /** The command line. */
  flynn(args: readonly string[], cwd: string, signal: AbortSignal): Promise<string>;
  /** Removes everything, whatever state it is in. */
  remove(): Promise<void>;
}

/** What users call: it keeps compiled sources, which the reconciler's memory shows. */
export const LAUNCHER = path.resolve(import.meta.dirname, '..', '..', '..', 'cli', 'flynn');
const COMMAND_LINK = '/usr/local/bin/flynn';
const DOMAIN = 'flynn-bench.localhost';
/** The first start of a machine makes all images. */
const UP_MS_MAX = 10 * 60_000;
const RUN_MS_MAX = 5 * 60_000;

export async function startTrialNode(say: (line: string) => void, signal: AbortSignal): Promise<TrialNode> {
  // Short: the path of a unix socket has at most 107 bytes.
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-'));
  const data = path.join(folder, 'data');
  const [httpPort = 0, httpsPort = 0, apiPort = 0, dnsPort = 0] = await freePorts(4);
  await writeFile(path.join(folder, 'gitconfig'), '[user]\n\tname = Bench\n\temail = bench@localhost\n[commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n');
  const env = {...process.env, FLYNN_CONFIG: path.join(folder, 'config.yaml'), GIT_CONFIG_GLOBAL: path.join(folder, 'gitconfig'), GIT_TERMINAL_PROMPT: '0', FLYNN_DETACHED: undefined};
  const link = await readlink(COMMAND_LINK).catch(() => undefined);
  const remove = async () => {
    await execa(LAUNCHER, ['down', '--purge', '--yes', '--data', data], {env, reject: false, timeout: RUN_MS_MAX});
    await rm(folder, {recursive: true, force: true});
    await restoreLink(link);
  };
  const execute: TrialNode['run'] = async ([program, ...args], {cwd, onLine}, until) => {
    const child = execa(program, args, {cwd, env, all: true, timeout: RUN_MS_MAX, cancelSignal: until});
    if (onLine !== undefined) child.all.setEncoding('utf8').on('data', (text: string) => text.split('\n').filter((line) => line.trim() !== '').forEach((line) => onLine(line)));
    return (await child).stdout;
  };
  try {
    const ports = [['--http-port', httpPort], ['--https-port', httpsPort], ['--api-port', apiPort], ['--dns-port', dnsPort], ['--ssh-port', 0]].flat().map(String);
    await execa(LAUNCHER, ['up', '--detach', '--data', data, '--domain', DOMAIN, ...ports], {env, timeout: UP_MS_MAX, cancelSignal: signal});
    const layout = layoutOf(data);
    const token = (await readFile(layout.token, 'utf8')).trim();
    const api = async (question: string, until: AbortSignal) => {
      const answer = await get({port: apiPort, host: 'localhost', path: question, headers: {authorization: `Bearer ${token}`}}, until);
      if (answer?.status !== 200) throw new Error(`GET ${question} answered ${answer?.status ?? 'nothing'}: ${answer?.body.slice(0, 200) ?? ''}`);
      return answer.body;
    };
    say(`a node runs in ${data}`);
    return {
      layout, domain: DOMAIN, httpPort, remove, run: execute,
      instance: instanceOf(data),
      gitUrl: `http://git.${DOMAIN}:${httpPort}`,
      pid: Number((await readFile(layout.pidFile, 'utf8')).trim().split(/\s/)[0]),
      status: async (until) => JSON.parse(await api('/v1/status', until)) as NodeStatus,
      events: async (until) => (await api('/v1/events', until)).split('\n').flatMap((line) => toEvent(line)),
      ask: (app, until) => get({port: httpPort, host: `${app}.${DOMAIN}`}, until),
      flynn: (args, cwd, until) => execute([LAUNCHER, '--cluster', instanceOf(data), ...args], {cwd}, until),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Waits until the router answers for an app with `text` in the body. */
export async function untilAnswer(node: TrialNode, {app, text, msMax}: {app: string; text: string; msMax: number}, signal: AbortSignal): Promise<void> {
  await until(`${app} answering with "${text}"`, async () => ((await node.ask(app, signal))?.body.includes(text) === true ? true : undefined), {everyMs: 3, msMax}, signal);
}

function toEvent(line: string): readonly FlynnEvent[] {
  if (line.trim() === '') return [];
  const event = JSON.parse(line) as Partial<FlynnEvent>;
  return event.at === undefined || event.kind === undefined || event.message === undefined ? [] : [event as FlynnEvent];
}

/** `down --purge` takes the command away when it knows of no other cluster: ours was started with a context file of its own. */
async function restoreLink(target: string | undefined): Promise<void> {
  const now = await lstat(COMMAND_LINK).catch(() => undefined);
  if (target !== undefined && now === undefined) await symlink(target, COMMAND_LINK);
  if (target === undefined && now?.isSymbolicLink() === true && (await readlink(COMMAND_LINK)) === LAUNCHER) await rm(COMMAND_LINK);
}
