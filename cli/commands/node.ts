import {setTimeout as pause} from 'node:timers/promises';
import type {NodeAnswer, Written} from '../../reconciler/api/answers.ts';
import type {NodeStatus} from '../../reconciler/status/status.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Client} from '../client.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

/** Between two looks at what is left on a node that is drained. */
const LOOK_MS = 500;
/** Replicas have 30 s to end, unless they say more. */
const DRAIN_MS_MAX = 10 * 60_000;

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const nodes = await (await context.client()).get<readonly NodeAnswer[]>('/v1/nodes', signal);
    if (context.isJson) context.out(JSON.stringify(nodes, null, 2));
    else for (const line of table([['NODE', 'STATE', 'ROOM', 'LABELS'], ...nodes.map((node) => [node.name, stateOf(node), roomOf(node), labelsOf(node)])])) context.out(line);
    return 0;
  },
};

const show: Subcommand = {
  usage: '[<node>]',
  async run(args, context, signal) {
    const client = await context.client();
    const node = await client.get<NodeAnswer>(`/v1/nodes/${encodeURIComponent(await named(args, client, signal))}`, signal);
    if (context.isJson) context.out(JSON.stringify(node, null, 2));
    else for (const line of table([['Node:', node.name], ['State:', stateOf(node)], ['Address:', node.address ?? 'none needed'], ['Labels:', labelsOf(node) || 'none'], ['Room:', roomOf(node)]])) context.out(line);
    return 0;
  },
};

const cordon: Subcommand = {
  usage: '[<node>]',
  async run(args, context, signal) {
    const client = await context.client();
    const node = await named(args, client, signal);
    const status = tellWritten(await change(client, node, {cordon: true}, signal), context);
    context.err(`nothing new starts on ${node}: deploys and scaling up wait for flynn node uncordon ${node}`);
    return status;
  },
};

const uncordon: Subcommand = {
  usage: '[<node>]',
  async run(args, context, signal) {
    const client = await context.client();
    return tellWritten(await change(client, await named(args, client, signal), {cordon: false, drain: false}, signal), context);
  },
};

const drain: Subcommand = {
  usage: '[<node>] [--yes] [--no-wait]',
  async run(args, context, signal) {
    const {values, words} = parseFlags(args, {'yes': {type: 'boolean', short: 'y', default: false}, 'no-wait': {type: 'boolean', default: false}}, {wordsMax: 1});
    const client = await context.client();
    const node = await named(words, client, signal);
    const others = (await client.get<readonly NodeAnswer[]>('/v1/nodes', signal)).filter(({name, isLive, isCordoned, isDrained}) => name !== node && isLive && !isCordoned && !isDrained);
    if (others.length === 0 && !values.yes && !(await context.confirm(`No other node can take what runs on ${node}: all apps will be down. Drain it?`, signal))) {
      throw new Failure(`nothing is changed: no other node can take what runs on ${node}, all apps would be down`, {advice: [`if that is meant: flynn node drain ${node} --yes`]});
    }
    const written = await change(client, node, {drain: true}, signal);
    const status = tellWritten(written, context);
    if (values['no-wait'] || client.isOffline === true) return status;
    await untilEmpty(client, {node, context}, signal);
    context.err(`${node} is empty; bring its replicas back: flynn node uncordon ${node}`);
    return status;
  },
};

export const node = group({
  name: 'node',
  summary: 'List nodes, keep new replicas off one, or empty it',
  details: [
    'cordon     nothing new starts there: deploys, more replicas, scheduled and one-off commands wait or are refused; what runs goes on, and is started again when it ends',
    'drain      its replicas leave the router, finish their requests and are stopped too; without another node that takes them their apps are down',
    'uncordon   takes both back',
    'Each is a commit to nodes/<node>.yaml. Without a name it is the node that answers.',
  ],
  examples: ['flynn node', 'flynn node show vm', 'flynn node cordon vm', 'flynn node drain vm --yes', 'flynn node uncordon vm'],
  subcommands: {list, show, cordon, uncordon, drain},
  otherwise: list,
});

async function named(args: readonly string[], client: Client, signal: AbortSignal): Promise<string> {
  const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
  if (name !== undefined) return name;
  if (client.isOffline !== true) return (await client.status(signal)).node;
  const [only, ...others] = await client.get<readonly NodeAnswer[]>('/v1/nodes', signal);
  if (only === undefined || others.length > 0) throw new UsageError('which node? a clone does not know which one would answer');
  return only.name;
}

function change(client: Client, node: string, wish: {readonly cordon?: boolean; readonly drain?: boolean}, signal: AbortSignal): Promise<Written> {
  return client.patch<Written>(`/v1/nodes/${encodeURIComponent(node)}`, wish, signal);
}

/** Ctrl-C ends the wait and not the change. */
async function untilEmpty(client: Client, {node, context}: {readonly node: string; readonly context: CommandContext}, signal: AbortSignal): Promise<void> {
  let before: number | undefined;
  for (const beganMs = context.nowMs(); ;) {
    const status = await client.status(signal);
    // What was asked for may not be applied yet.
    const isApplied = status.nodes.some((one) => one.node === node && one.closed === 'drained');
    const left = replicasOf(status);
    if (isApplied && left === 0) return;
    if (isApplied && left !== before) context.err(`  ${left} ${left === 1 ? 'replica' : 'replicas'} left`);
    if (isApplied) before = left;
    if (context.nowMs() - beganMs > DRAIN_MS_MAX) throw new Failure(`${left} replicas still run on ${node} after ${DRAIN_MS_MAX / 60_000} minutes`, {advice: ['see why: flynn status']});
    await pause(LOOK_MS, undefined, {signal});
  }
}

function replicasOf({apps}: NodeStatus): number {
  return apps.flatMap(({services}) => services).flatMap(({replicas}) => replicas).filter(({state}) => state !== 'crashed').length;
}

function stateOf({isLive, isCordoned, isDrained}: NodeAnswer): string {
  return !isLive ? 'not there' : isDrained ? 'drained' : isCordoned ? 'cordoned' : 'open';
}

function roomOf({memoryBytes, cpus, free}: NodeAnswer): string {
  return memoryBytes === undefined || free === undefined ? '?' : `${formatBytes(free.memoryBytes)} of ${formatBytes(memoryBytes)}, ${free.cpus} of ${cpus ?? 0} cores`;
}

function labelsOf({labels}: NodeAnswer): string {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ');
}
