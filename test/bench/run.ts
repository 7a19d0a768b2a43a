import {parseArgs} from 'node:util';
import {apiBenchmark} from './api/api.ts';
import {buildBenchmark} from './build.ts';
import {crashBenchmark} from './crash.ts';
import {deployBenchmark} from './deploy.ts';
import {diskBenchmark} from './disk.ts';
import {idleBenchmark} from './idle.ts';
import {loadBenchmark} from './load.ts';
import {logsBenchmark} from './logs.ts';
import {machineFacts} from './machine.ts';
import {sceneMaker} from './node/scene.ts';
import {passBenchmark} from './pass/pass.ts';
import {pushBenchmark} from './push.ts';
import {renderTable, writeJson, type BenchContext, type Benchmark, type Section} from './report.ts';
import {routerBenchmark} from './router/router.ts';
import {SCALE_TO, scaleBenchmark} from './scale.ts';
import {swarmSource} from './swarm/measure.ts';

// `npm run bench [-- names… --runs N --json FILE --list]`. Exit status 0 when everything could be measured, whatever the figures.

const RUNS_DEFAULT = 5;
const RUNS_MAX = 100;

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {runs: {type: 'string', short: 'n'}, json: {type: 'string'}, list: {type: 'boolean'}},
});
const runs = Number(values.runs ?? RUNS_DEFAULT);
if (!Number.isInteger(runs) || runs < 1 || runs > RUNS_MAX) throw new Error(`--runs "${values.runs}" has to be a whole number from 1 to ${RUNS_MAX}`);

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const undos: (() => Promise<void>)[] = [];
const beganMs = performance.now();
const context: BenchContext = {
  runs,
  say: (line) => process.stderr.write(`[${((performance.now() - beganMs) / 1000).toFixed(0)} s] ${line}\n`),
  onEnd: (undo) => void undos.unshift(undo),
};
const benchmarks = chosen(positionals);
if (values.list === true) for (const {name, title} of benchmarks) process.stdout.write(`${name.padEnd(8)} ${title}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  const sections: Section[] = [];
  const machine = await machineFacts();
  try {
    for (const benchmark of benchmarks) {
      if (stop.signal.aborted) break;
      context.say(`${benchmark.name}: ${benchmark.title}`);
      sections.push(await section(benchmark));
    }
  } finally {
    context.say('cleaning up');
    for (const undo of undos) await undo().catch((error: unknown) => context.say(`could not clean up: ${messageOf(error)}`));
  }
  process.stdout.write(`${renderTable({...machine, runs: String(runs)}, sections)}\n`);
  if (values.json !== undefined) await writeJson(values.json, machine, sections);
  return stop.signal.aborted || sections.some(({problem}) => problem !== undefined) ? 1 : 0;
}

async function section({name, title, run}: Benchmark): Promise<Section> {
  try {
    return {name, title, rows: await run(context, stop.signal)};
  } catch (error) {
    context.say(`${name}: ${messageOf(error)}`);
    return {name, title, rows: [], problem: messageOf(error)};
  }
}

function chosen(names: readonly string[]): readonly Benchmark[] {
  const scene = sceneMaker(context);
  const swarm = swarmSource(context, SCALE_TO);
  // The idle one last: before it, there is enough to settle.
  const all = [
    passBenchmark(), apiBenchmark(), pushBenchmark({scene}), buildBenchmark(), deployBenchmark({scene, swarm}), scaleBenchmark({scene, swarm}), loadBenchmark({scene, swarm}),
    crashBenchmark({scene, swarm}), logsBenchmark({scene}), diskBenchmark({scene}), routerBenchmark(), idleBenchmark({scene}),
  ];
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) throw new Error(`there is no benchmark "${unknown.join('", "')}"; there are ${all.map(({name}) => name).join(', ')}`);
  return names.length === 0 ? all : all.filter(({name}) => names.includes(name));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
