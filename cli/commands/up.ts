import {hostname} from 'node:os';
import {anySignal} from '../../reconciler/any-signal.ts';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {DNS_PORT_DEFAULT, type NodeSettings} from '../../reconciler/settings.ts';
import {type Command, type CommandContext, Failure} from '../command.ts';
import {LAUNCHER} from '../setup/command-line.ts';
import {demandOurs} from '../setup/data.ts';
import {DETACHED_VARIABLE, logWriter, startDetached} from '../setup/detach.ts';
import {dockerdPlace} from '../setup/dockerd.ts';
import {keepEngine} from '../setup/keep-engine.ts';
import {parseUp, type UpOptions} from '../setup/options.ts';
import {lockNode, type Holder} from '../setup/pid-file.ts';
import {freePortFrom} from '../setup/ports.ts';
import {makeFirstPerson} from '../setup/first-person.ts';
import {addresses, isReady, READY_TIMEOUT_MS, untilReady} from '../setup/ready.ts';
import {loadRunNode} from '../setup/run-node.ts';
import {deploySample} from '../setup/sample.ts';
import {domainInGit} from '../setup/cluster-repo.ts';
import {differences, mergeSettings, readSettings} from '../setup/settings-file.ts';
import {runSteps, seconds} from '../setup/step.ts';
import {setupSteps} from '../setup/steps.ts';
import {demandSystemd, installUnit, unitDied, unitText} from '../setup/systemd.ts';

export const up: Command = {
  usage: 'up [--detach | --systemd] [--sample] [--admin USER] [--data DIR] [--domain NAME] [--listen ADDRESS] [--http-port N] [--https-port N] [--api-port N] [--dns-port N] [--ssh-port N]'
    + ' [--cluster-repo URL [--token-file FILE] [--key-file FILE] [--poll SECONDS] | --watch DIR] [--print-unit]',
  summary: 'Set this machine up as a node, and run it',
  details: [
    'Installs what is missing (Docker Engine, images), then runs the reconciler in the foreground. Ctrl-C stops the reconciler and leaves',
    'the apps running. Flags are remembered in the data directory: the next `flynn up` needs none.',
    '',
    '  --detach, -d         run in the background; returns when the node is ready',
    '  --systemd            install a service that systemd starts at every boot; --print-unit only prints it',
    '  --sample             deploy a small app by git push when all is up',
    '  --admin USER         make the first person an admin, and print a token for it once; with sudo, at a terminal, that is you',
    '  --data DIR           where everything is kept; /var/lib/flynn unless given',
    '  --domain NAME        apps are at <app>.NAME; flynn.localhost unless given. A public one also listens on all addresses',
    '  --listen ADDRESS     IPv4 address that the router listens on',
    '  --ssh-port N         git over SSH; 2222 unless given, `none` for none',
    '  --cluster-repo URL   follow this git repository: https://, ssh://, or a path; `own` for our own again',
    '  --watch DIR          reconcile a plain folder as it is saved',
  ],
  examples: ['flynn up', 'flynn up --detach --domain apps.example.com', 'flynn up --watch ./cluster --http-port 8080 --https-port 8443'],

  async run(args, context, signal) {
    const options = parseUp(args, context.cwd);
    const layout = layoutOf(options.data);
    if (options.printUnit) {
      context.out(unitText(unitOptions(options, context)).trimEnd());
      return 0;
    }
    if (options.withSystemd) await demandSystemd();
    const stored = await readSettings(layout.settings);
    const given = mergeSettings({data: options.data, hostname: hostname(), stored, flags: options.flags});
    const said = options.flags.domain === undefined && given.cluster.kind === 'own' ? await domainInGit(layout.clusterRepo, signal) : undefined;
    const merged = said === undefined ? given : {...given, domain: said};
    // Nobody but our own router asks there: any free port will do for the first start.
    const isDnsPortChosen = stored !== undefined || options.flags.dnsPort !== undefined;
    const settings = isDnsPortChosen ? merged : {...merged, dnsPort: (await freePortFrom(DNS_PORT_DEFAULT)) ?? DNS_PORT_DEFAULT};
    return await start({options, context, layout, settings}, signal);
  },
};

interface Start {
  readonly options: UpOptions;
  readonly context: CommandContext;
  readonly layout: Layout;
  readonly settings: NodeSettings;
}

async function start(started: Start, signal: AbortSignal): Promise<number> {
  const {options, context, layout, settings} = started;
  const beganMs = context.nowMs();
  // Before the lock, which makes a folder in it.
  await demandOurs(layout);
  const lock = await lockNode(layout);
  if ('holder' in lock) return await alreadyRunning(started, lock.holder, signal);
  const print = context.env[DETACHED_VARIABLE] === undefined ? context.err : logWriter(layout.log, () => new Date(context.nowMs()));
  try {
    await runSteps(setupSteps({settings, layout, env: context.env}), {print, nowMs: context.nowMs}, signal);
    if (!options.withSystemd && !options.isDetached) return await runHere({...started, print, beganMs}, signal);
  } finally {
    await lock.release();
  }
  const died = options.withSystemd ? await asService(started, signal) : await inBackground(started);
  await untilReady({layout, died}, signal);
  await announce({...started, print, beganMs}, signal);
  return 0;
}

async function alreadyRunning(started: Start, {pid}: Holder, signal: AbortSignal): Promise<number> {
  const {context, layout, settings, options} = started;
  const who = `a node with the data directory '${settings.data}' is already running${pid === undefined ? '' : ` (process ${pid})`}`;
  const stored = await readSettings(layout.settings);
  if (!(await isReady(layout, signal)) || stored === undefined) {
    throw new Failure(`${who}, and is not ready yet`, {advice: [`its log, if it runs in the background: ${layout.log}`, 'wait for it, or stop it: flynn down']});
  }
  const changes = differences(stored, settings);
  if (changes.length > 0) throw new Failure(`${who} with other settings`, {advice: [...changes, 'stop it first: flynn down (or Ctrl-C where it runs)']});
  if (options.withSystemd) throw new Failure(`${who}, not as a service`, {advice: ['stop it first: flynn down (or Ctrl-C where it runs)']});
  context.err(who);
  await announce({...started, print: context.err}, signal);
  return 0;
}

type Running = Start & {readonly print: (line: string) => void; readonly beganMs?: number};

/** Until the signal: the reconciler in this process. That it was stopped is no failure. */
async function runHere(running: Running, signal: AbortSignal): Promise<number> {
  const {layout, settings, print} = running;
  const runNode = await loadRunNode();
  // Ends what goes on beside the reconciler when that ends by itself.
  const beside = new AbortController();
  const either = anySignal([signal, beside.signal]);
  const ended = runNode({settings, layout, print}, signal).finally(() => beside.abort());
  const ready = whenReady(running, either).catch((error: unknown) => {
    if (!either.aborted) print(`error: ${error instanceof Error ? error.message : String(error)}`);
  });
  const kept = keepEngine({place: dockerdPlace(layout), print}, either);
  try {
    await ended;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all([ready, kept]);
  }
  print('the reconciler has stopped; apps run on. Start it again: flynn up. Stop everything: flynn down');
  return 0;
}

async function whenReady(running: Running, signal: AbortSignal): Promise<void> {
  await untilReady({layout: running.layout, died: async () => undefined, timeoutMs: READY_TIMEOUT_MS}, signal);
  await announce(running, signal);
}

async function announce({settings, layout, context, options, print, beganMs}: Running, signal: AbortSignal): Promise<void> {
  print(`ready${beganMs === undefined ? '' : ` after ${seconds(context.nowMs() - beganMs)}`}`);
  for (const line of await addresses(settings, layout)) print(line);
  // Never into a log: it has a token.
  if (context.env[DETACHED_VARIABLE] === undefined) for (const line of await makeFirstPerson({settings, context, admin: options.admin}, signal)) context.err(line);
  if (options.withSample) print(`  sample    ${await deploySample({settings, context}, signal)}`);
}

async function asService({options, context, layout}: Start, signal: AbortSignal): Promise<() => Promise<readonly string[] | undefined>> {
  context.err(`installed ${await installUnit(unitOptions(options, context), signal)}`);
  return () => unitDied(layout.root, signal);
}

async function inBackground({context, layout}: Start): Promise<() => Promise<readonly string[] | undefined>> {
  const {pid, died} = await startDetached(layout, context.env);
  context.err(`running in the background as process ${pid}, log: ${layout.log}`);
  return died;
}

function unitOptions({data}: UpOptions, {env}: CommandContext): Parameters<typeof unitText>[0] {
  return {data, launcher: LAUNCHER, home: env.HOME ?? '/root'};
}
