import {replicasOf, type Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {figure, type Benchmark} from './report.ts';
import type {SwarmSource} from './swarm/measure.ts';
import {nowMs} from './until.ts';

const ANSWER_MS_MAX = 60_000;
const RUNS_MAX = 5;

/** (g) The only replica's process is killed: when is there an answer again? */
export function crashBenchmark({scene, swarm}: {scene: (signal: AbortSignal) => Promise<Scene>; swarm: SwarmSource}): Benchmark {
  return {
    name: 'crash',
    title: '(g) the process of the only replica is killed → the app answers again',
    async run({runs, say}, signal) {
      const here = await scene(signal);
      const times: number[] = [];
      for (let run = 1; run <= Math.min(runs, RUNS_MAX); run += 1) {
        times.push(await crash(here, run, signal));
        say(`run ${run}: ${times.at(-1)?.toFixed(0)} ms`);
      }
      const figures = await swarm(here, signal);
      return [{what: 'first answer of another container', unit: 's', ours: figure(times.map((ms) => ms / 1000)), swarm: 'notAvailable' in figures ? figures : figure(figures.crashed.map((ms) => ms / 1000))}];
    },
  };
}

/** Milliseconds. Each time of a new configuration: a container that crashes again within minutes is not restarted at once. */
async function crash({node, app, cluster, docker}: Scene, run: number, signal: AbortSignal): Promise<number> {
  const value = `crash-${run}`;
  await cluster.push(`apps/${app.name}/app.yaml`, (text) => `${text.replace(/^env:.*\n/m, '').trimEnd()}\nenv: {VALUE: ${value}}\n`, signal);
  await untilAnswer(node, {app: app.name, text: `value ${value}.`, msMax: ANSWER_MS_MAX}, signal);
  const [replica] = await replicasOf(docker, node.instance, app.name);
  if (replica === undefined) throw new Error(`the engine has no container of ${app.name}`);
  const startedAtMs = nowMs();
  await docker.getContainer(replica.Id).kill({signal: 'SIGKILL'});
  await untilAnswer(node, {app: app.name, text: `value ${value}.`, msMax: ANSWER_MS_MAX}, signal);
  return nowMs() - startedAtMs;
}
