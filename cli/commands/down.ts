import {rm} from 'node:fs/promises';
import type Docker from 'dockerode';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {DATA_DEFAULT, instanceOf} from '../../reconciler/settings.ts';
import {type Command, type CommandContext, Failure, UsageError} from '../command.ts';
import {loadContexts} from '../context.ts';
import {parseFlags} from '../flags.ts';
import {forgetCluster} from '../forget.ts';
import {configFile} from '../which-cluster.ts';
import {unlinkCommand} from '../setup/command-line.ts';
import {demandOurs, ownership} from '../setup/data.ts';
import {dockerdPlace} from '../setup/dockerd.ts';
import {reachEngine} from '../setup/engine.ts';
import {dataFolder} from '../setup/options.ts';
import {otherNodes} from '../setup/ours.ts';
import {belongingsOf, countBelongings, hasOtherInstances, removeBelongings, removeUnnamedLayers} from '../setup/purge.ts';
import {removeContainers, stopDockerd, stopReconciler} from '../setup/stop.ts';
import {removeUnit, stopUnit} from '../setup/systemd.ts';

/** Others may need these by now; we can't know. */
const STAYS = 'what stays: installed packages (docker.io, containerd, mmdebstrap) and the Docker Engine\'s own state in /var/lib/docker';

export const down: Command = {
  usage: 'down [--purge [--yes]] [--data DIR]',
  summary: 'Stop everything of ours on this machine',
  details: [
    'Stops the reconciler, the apps (each with its grace) and the router. The next `flynn up` brings all of it back.',
    '',
    '  --purge      also remove our images, networks, volumes and the data directory with the cluster repository in it',
    '  --yes, -y    do not ask before that',
    '  --data DIR   which node; /var/lib/flynn unless given',
  ],
  examples: ['flynn down', 'flynn down --purge'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {purge: {type: 'boolean'}, yes: {type: 'boolean', short: 'y'}, data: {type: 'string'}});
    const data = dataFolder(values.data, context.cwd);
    const layout = layoutOf(data);
    if (values.purge === true) await demandOurs(layout);
    if (process.getuid?.() !== 0) throw new Failure('a node is stopped by root, as it was started', {advice: ['sudo flynn down']});
    const engine = await reachEngine(context.env, dockerdPlace(layout), signal);
    const node: Node = {context, layout, instance: instanceOf(data), ...(engine === undefined ? {} : {docker: engine})};
    if (values.purge === true && !(await isConfirmed(node, values.yes === true, signal))) return 1;
    await stop(node, signal);
    if (values.purge === true) await purge(node, signal);
    if (engine !== undefined) await stopDockerd({docker: engine, place: dockerdPlace(layout), print: context.err}, signal);
    if (values.purge === true && (await ownership(layout)) === 'ours') await rm(layout.root, {recursive: true, force: true});
    context.err(values.purge === true ? 'everything of ours is gone' : `down; start it again: flynn up${data === DATA_DEFAULT ? '' : ` --data ${data}`}`);
    if (values.purge === true) context.err(STAYS);
    return 0;
  },
};

interface Node {
  readonly context: CommandContext;
  readonly layout: Layout;
  readonly instance: string;
  /** Absent: no engine answers, so nothing runs in it. */
  readonly docker?: Docker;
}

async function stop({context, layout, instance, docker}: Node, signal: AbortSignal): Promise<void> {
  const print = context.err;
  if (await stopUnit(layout.root, signal)) print('stopped the service');
  const hasRun = await stopReconciler(layout, print, signal);
  if (docker === undefined) {
    print('no Docker Engine answers, so nothing of ours runs in it');
    return;
  }
  const count = await removeContainers({docker, instance, print}, signal);
  if (count > 0 || hasRun) return;
  print(`nothing of the node in '${layout.root}' was running`);
  for (const folder of await otherNodes(docker, instance, signal)) print(`another node runs on this machine; to stop that one: flynn down${folder === DATA_DEFAULT ? '' : ` --data ${folder}`}`);
}

/** Shows what goes before anything has gone. */
async function isConfirmed({context, layout, instance, docker}: Node, isSaid: boolean, signal: AbortSignal): Promise<boolean> {
  if (docker === undefined) {
    throw new Failure('no Docker Engine answers, so what it holds of ours can not be removed', {advice: ['start it (systemctl start docker, or flynn up) and run this again']});
  }
  context.err(`this removes ${countBelongings(await belongingsOf(docker, instance, signal))}`);
  if ((await ownership(layout)) === 'ours') context.err(`and '${layout.root}' with the cluster repository and the sources of all apps`);
  if (isSaid) return true;
  if (!context.isTerminal) throw new UsageError('down --purge asks before it removes anything, and nobody is here to answer: say --yes');
  if (await context.confirm('remove all of it for ever?', signal)) return true;
  context.err('nothing was changed');
  return false;
}

async function purge({context, layout, instance, docker}: Node, signal: AbortSignal): Promise<void> {
  if (docker !== undefined) {
    await removeUnnamedLayers(docker, layout, signal);
    // Looked at again: the reconciler may have made more until it was stopped.
    const left = await removeBelongings(docker, await belongingsOf(docker, instance, signal), signal);
    for (const what of left) context.err(`${what} stays: something that is not ours uses it`);
  }
  await removeUnit(layout.root, signal);
  await forgetCluster(instance, context.env, signal);
  // The command serves every cluster of this user, and every node on this machine, whoever started it.
  const {clusters} = await loadContexts(configFile(context.env));
  const isLast = Object.keys(clusters).length === 0 && docker !== undefined && !(await hasOtherInstances(docker, instance, signal));
  if (isLast) await unlinkCommand();
}
