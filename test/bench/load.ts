import {startLoad} from '../support/load.ts';
import type {Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {figure, type Benchmark} from './report.ts';
import type {SwarmSource} from './swarm/measure.ts';

export const DEPLOYS = 20;
const ANSWER_MS_MAX = 60_000;
/** Connections that are kept alive, each with a pause of some milliseconds between its requests. */
export const CONNECTIONS = 6;

/** (f) Requests that fail while one deploy follows the other. */
export function loadBenchmark({scene, swarm}: {scene: (signal: AbortSignal) => Promise<Scene>; swarm: SwarmSource}): Benchmark {
  return {
    name: 'load',
    title: `(f) ${DEPLOYS} deploys one after the other, of one replica, under load`,
    async run({say}, signal) {
      const here = await scene(signal);
      const ours = await deployUnderLoad(here, signal);
      say(`${ours.answered} requests, ${ours.failures.length} failed${ours.failures.length === 0 ? '' : `: ${ours.failures.slice(0, 3).join('; ')}`}`);
      const figures = await swarm(here, signal);
      const theirs = (value: 'failed' | 'answered') => ('notAvailable' in figures ? figures : figure([figures.underLoad[value]]));
      return [
        {what: 'requests that failed', unit: 'n', ours: figure([ours.failures.length]), swarm: theirs('failed'), target: 0},
        {what: 'requests that were answered', unit: 'n', ours: figure([ours.answered]), swarm: theirs('answered')},
      ];
    },
  };
}

async function deployUnderLoad({node, app, cluster}: Scene, signal: AbortSignal) {
  await using load = startLoad({port: node.httpPort, host: `${app.name}.${node.domain}`}, CONNECTIONS);
  for (let deploy = 1; deploy <= DEPLOYS; deploy += 1) {
    const value = `load-${deploy}`;
    await cluster.push(`apps/${app.name}/app.yaml`, (text) => `${text.replace(/^env:.*\n/m, '').trimEnd()}\nenv: {VALUE: ${value}}\n`, signal);
    await untilAnswer(node, {app: app.name, text: `value ${value}.`, msMax: ANSWER_MS_MAX}, signal);
  }
  return load.stop();
}
