import {KEPT_EXITED_MAX} from '../../reconciler/plan/limits.ts';
import {floorOfMany} from './floor.ts';
import type {Scene} from './node/scene.ts';
import {figure, ratio, type Benchmark, type Figure, type Row} from './report.ts';
import type {SwarmSource} from './swarm/measure.ts';
import {nowMs, until} from './until.ts';

export const SCALE_TO = 50;
const SCALE_MS_MAX = 180_000;
const LOOK_EVERY_MS = 50;
/** Each run starts and stops 200 containers. */
const RUNS_MAX = 3;

/** (b) 1 → 50 replicas by a commit. */
export function scaleBenchmark({scene, swarm}: {scene: (signal: AbortSignal) => Promise<Scene>; swarm: SwarmSource}): Benchmark {
  return {
    name: 'scale',
    title: `(b) one replica → ${SCALE_TO}`,
    async run({runs, say}, signal) {
      const here = await scene(signal);
      const {node, docker, image, command} = here;
      const floors: number[] = [];
      const all: {readonly running: number; readonly healthy: number}[] = [];
      for (let run = 1; run <= Math.min(runs, RUNS_MAX); run += 1) {
        floors.push(await floorOfMany({docker, image, command, prefix: `${node.instance}-floor`}, SCALE_TO));
        all.push(await scaleUp(here, signal));
        await scaleDown(here, signal);
        say(`run ${run}: floor ${floors.at(-1)?.toFixed(0)} ms, ours running ${all.at(-1)?.running.toFixed(0)} ms, healthy and routed ${all.at(-1)?.healthy.toFixed(0)} ms`);
      }
      const figures = await swarm(here, signal);
      const floor = figure(floors.map(toSeconds));
      const running = figure(all.map((one) => toSeconds(one.running)));
      const theirs = 'notAvailable' in figures ? figures : figure(figures.scaled.map(toSeconds));
      const compared = ratio(running, floor);
      const theirFloor = 'notAvailable' in figures ? figures : figure(figures.floor.map(toSeconds));
      const theirCompared = ratio(theirs, theirFloor);
      return [
        {what: `${SCALE_TO} running`, unit: 's', ours: running, floor, swarm: theirs},
        ...(theirCompared === undefined ? [] : [{what: '  floor of the engine that Swarm had', unit: 's', floor: theirFloor} satisfies Row]),
        // Each beside the floor of its own engine: they are measured minutes apart.
        ...(compared === undefined ? [] : [{what: '  beside the floor of the same engine', unit: 'x', ours: compared, ...(theirCompared && {swarm: theirCompared}), ...targetOf(theirCompared)} satisfies Row]),
        {what: `${SCALE_TO} healthy and routed`, unit: 's', ours: figure(all.map((one) => toSeconds(one.healthy)))},
      ];
    },
  };
}

/** Not slower than Swarm. */
function targetOf(swarm: Figure | undefined): {readonly target?: number} {
  return swarm !== undefined && 'median' in swarm ? {target: swarm.median} : {};
}

async function scaleUp({node, app, cluster, docker}: Scene, signal: AbortSignal): Promise<{readonly running: number; readonly healthy: number}> {
  const {movedAtMs} = await cluster.push(`apps/${app.name}/app.yaml`, withReplicas(SCALE_TO), signal);
  const filters = {label: [`flynn.instance=${node.instance}`, `flynn.app=${app.name}`], status: ['running']};
  const limits = {everyMs: LOOK_EVERY_MS, msMax: SCALE_MS_MAX};
  await until(`${SCALE_TO} running`, async () => ((await docker.listContainers({filters})).length >= SCALE_TO ? true : undefined), limits, signal);
  const running = nowMs() - movedAtMs;
  await until(`${SCALE_TO} healthy`, async () => {
    const status = (await node.status(signal)).apps.find(({name}) => name === app.name);
    return status?.services[0]?.healthy === SCALE_TO && status.waiting.length === 0 ? true : undefined;
  }, limits, signal);
  return {running, healthy: nowMs() - movedAtMs};
}

async function scaleDown({node, app, cluster, docker}: Scene, signal: AbortSignal): Promise<void> {
  await cluster.push(`apps/${app.name}/app.yaml`, withReplicas(1), signal);
  const filters = {label: [`flynn.instance=${node.instance}`, `flynn.app=${app.name}`, 'flynn.role=app']};
  // Removals that go on would be part of the next run.
  await until('the others being removed', async () => ((await docker.listContainers({all: true, filters})).length <= 1 + KEPT_EXITED_MAX ? true : undefined), {everyMs: LOOK_EVERY_MS, msMax: SCALE_MS_MAX}, signal);
}

function withReplicas(count: number): (text: string) => string {
  return (text) => `${text.replace(/^services:.*\n/m, '').trimEnd()}\nservices: {web: {replicas: ${count}}}\n`;
}

function toSeconds(ms: number): number {
  return ms / 1000;
}
