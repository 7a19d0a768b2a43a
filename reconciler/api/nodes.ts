import type {FastifyInstance} from 'fastify';
import {loadManifest} from '../../schemas/load.ts';
import type {NodeManifest} from '../../schemas/node.ts';
import {anySignal} from '../any-signal.ts';
import {type NodeWish, setNode} from '../commits/cordon-edits.ts';
import type {NodeAnswer, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const FILE = /^nodes\/([^/]+)\.yaml$/;

type NodeParams = {readonly Params: {readonly node: string}; readonly Body: unknown};

/** Nodes: what the repository says of them, and of the live ones how much room they have. */
export function registerNodesRoutes(v1: FastifyInstance, {view, commit, closing}: RouteParts): void {
  v1.get('/nodes', nodes);

  v1.get<NodeParams>('/nodes/:node', ({params: {node}}) => mustFind(node));

  v1.patch<NodeParams>('/nodes/:node', async (request): Promise<Written> => {
    const {node} = request.params;
    await mustFind(node);
    const wish = request.body as NodeWish;
    return commit(request, {edit: setNode(node, wish), message: `node ${node}: ${inWords(wish)}`});
  });

  async function mustFind(node: string): Promise<NodeAnswer> {
    const all = await nodes();
    const found = all.find(({name}) => name === node);
    if (found === undefined) throw new ApiError(404, `there is no node ${JSON.stringify(node)}: known are ${all.map(({name}) => name).join(', ')}`);
    return found;
  }

  async function nodes(): Promise<readonly NodeAnswer[]> {
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const snapshot = await explaining("can't read the cluster repository", view.repo.snapshot(signal));
    const files = await explaining("can't read the cluster repository", snapshot.shared.files(signal));
    const manifests = new Map(files.flatMap((file): [string, NodeManifest][] => {
      const name = FILE.exec(file.path)?.[1];
      const loaded = name === undefined || file.kind !== 'text' ? undefined : loadManifest('Node', file.path, file.text);
      return name === undefined || loaded?.ok !== true ? [] : [[name, loaded.value]];
    }));
    const {node: here, nodes: live} = view.status();
    const names = new Set([here, ...live.map(({node}) => node), ...manifests.keys()].filter((name) => name !== ''));
    return [...names].toSorted().map((name): NodeAnswer => {
      const {address, labels = {}, cordon = false, drain = false} = manifests.get(name) ?? {};
      const room = live.find(({node}) => node === name);
      return {
        name, labels, isLive: room !== undefined || name === here, isCordoned: cordon, isDrained: drain,
        ...(address !== undefined && {address}),
        ...(room !== undefined && {memoryBytes: room.memoryBytes, cpus: room.cpus, free: room.free}),
      };
    });
  }
}

/** `cordon`, `uncordon`, `drain` … */
function inWords({cordon, drain}: NodeWish): string {
  if (cordon === false && drain === false) return 'uncordon';
  return [...(cordon === undefined ? [] : [cordon ? 'cordon' : 'uncordon']), ...(drain === undefined ? [] : [drain ? 'drain' : 'undrain'])].join(', ');
}
