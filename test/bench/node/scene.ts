import Docker from 'dockerode';
import type {BenchContext} from '../report.ts';
import {cloneCluster, makeTrialApp, type ClusterClone, type TrialApp} from './app.ts';
import {startTrialNode, untilAnswer, type TrialNode} from './trial-node.ts';

/** A node with one app that has been deployed by a push: where most benchmarks begin. */
export interface Scene {
  readonly node: TrialNode;
  readonly app: TrialApp;
  readonly cluster: ClusterClone;
  readonly docker: Docker;
  /** What the app's replicas are made of. */
  readonly image: string;
  readonly command: readonly string[];
}

/** How long the first push may take: it downloads a Node and packages. */
const FIRST_PUSH_MS_MAX = 5 * 60_000;

/** Answers the one scene of a run of benchmarks, which is made when it is first asked for. */
export function sceneMaker(context: BenchContext): (signal: AbortSignal) => Promise<Scene> {
  let made: Promise<Scene> | undefined;
  return (signal) => (made ??= makeScene(context, signal));
}

async function makeScene({say, onEnd}: BenchContext, signal: AbortSignal): Promise<Scene> {
  const node = await startTrialNode(say, signal);
  onEnd(() => node.remove());
  const app = await makeTrialApp(node, 'bench', signal);
  onEnd(() => app.remove());
  const text = await app.change(signal);
  say('the first push, which fills the build cache');
  await node.run(['git', 'push', '--quiet', 'flynn', 'main'], {cwd: app.folder}, signal);
  await untilAnswer(node, {app: app.name, text, msMax: FIRST_PUSH_MS_MAX}, signal);
  const cluster = await cloneCluster(node, signal);
  onEnd(() => cluster.remove());
  const docker = new Docker();
  const [replica] = await replicasOf(docker, node.instance, app.name);
  if (replica === undefined) throw new Error(`the engine has no container of ${app.name}`);
  return {node, app, cluster, docker, image: replica.Image, command: replica.Config.Cmd};
}

/** Containers of an app, newest first. */
export async function replicasOf(docker: Docker, instance: string, app: string): Promise<readonly Docker.ContainerInspectInfo[]> {
  const listed = await docker.listContainers({all: true, filters: {label: [`flynn.instance=${instance}`, `flynn.app=${app}`, 'flynn.role=app']}});
  const inspected = await Promise.all(listed.map(({Id}) => docker.getContainer(Id).inspect().catch(() => undefined)));
  return inspected.filter((one) => one !== undefined).toSorted((a, b) => Date.parse(b.Created) - Date.parse(a.Created));
}
