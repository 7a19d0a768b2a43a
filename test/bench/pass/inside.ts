import {randomUUID} from 'node:crypto';
import {stat} from 'node:fs/promises';
import path from 'node:path';
import {saveMemory} from '../../../reconciler/wiring/memory.ts';
import {nowMs, until} from '../until.ts';
import {residentMegabytes, withChildren} from '../processes.ts';
import {appYaml} from './repository.ts';
import {assemble, type Assembled} from './assemble.ts';

// A program: measures passes over the repository in the given folder, and prints the figures.

export interface InsideOptions {
  /** Has `cluster.git`. */
  readonly folder: string;
  readonly runs: number;
}

/** Milliseconds, unless said otherwise. */
export interface PassFigures {
  readonly coldMs: number;
  readonly noOpMs: readonly number[];
  readonly noOpCpuMs: readonly number[];
  readonly commitPassMs: readonly number[];
  readonly commitToRunMs: readonly number[];
  readonly megabytes: number;
}

const WARM_UP_PASSES = 20;
const WAIT = {everyMs: 1, msMax: 60_000} as const;

const options = JSON.parse(process.argv[2] ?? '') as InsideOptions;
const stop = new AbortController();
const {signal} = stop;
process.stdout.write(`${JSON.stringify(await measure())}\n`);
stop.abort();
process.exit(0);

async function measure(): Promise<PassFigures> {
  // As a node does.
  saveMemory();
  const world = await assemble(options.folder, signal);
  void world.loop.run(signal);
  await untilQuiet(world);
  for (let pass = 0; pass < WARM_UP_PASSES; pass += 1) await noOp(world);
  const noOps: {readonly ms: number; readonly cpuMs: number}[] = [];
  for (let run = 0; run < options.runs; run += 1) noOps.push(await noOp(world));
  const commits: {readonly passMs: number; readonly toRunMs: number}[] = [];
  for (let run = 0; run < options.runs; run += 1) commits.push(await commit(world, run));
  return {
    coldMs: world.coldMs,
    noOpMs: noOps.map(({ms}) => ms),
    noOpCpuMs: noOps.map(({cpuMs}) => cpuMs),
    commitPassMs: commits.map(({passMs}) => passMs),
    commitToRunMs: commits.map(({toRunMs}) => toRunMs),
    megabytes: await residentMegabytes(await withChildren(process.pid)),
  };
}

async function noOp(world: Assembled): Promise<{readonly ms: number; readonly cpuMs: number}> {
  const {passes, loop} = world;
  const before = passes.length;
  const cpu = process.cpuUsage();
  const startedAtMs = performance.now();
  loop.wake();
  // The end of a pass is told in the same turn: no need to look for it.
  await world.nextPass();
  const {user, system} = process.cpuUsage(cpu);
  const pass = passes[before];
  if (pass?.actions !== 0) throw new Error(`the pass was to change nothing, and had ${pass?.actions} actions`);
  return {ms: performance.now() - startedAtMs, cpuMs: (user + system) / 1000};
}

/** One line of one app's app.yaml, which means a new container for it. */
async function commit(world: Assembled, run: number): Promise<{readonly passMs: number; readonly toRunMs: number}> {
  const {repo, passes, engine} = world;
  const before = passes.length;
  const runsBefore = engine.runs.length;
  const app = world.apps[(run * 37) % world.apps.length] ?? '';
  const {commit: made} = await repo.commit({edit: () => ({[`apps/${app}/app.yaml`]: appYaml(`second-${run}`)}), message: 'bench', author: {name: 'bench', email: 'bench@localhost'}, operationId: randomUUID()}, signal);
  const {mtimeMs} = await stat(path.join(options.folder, 'cluster.git', 'refs', 'heads', 'main'));
  const found = await until('a pass over the commit', async () => passes.slice(before).find((pass) => pass.commit === made), WAIT, signal);
  await until('the new container', async () => engine.runs[runsBefore], WAIT, signal);
  const toRunMs = (engine.runs[runsBefore] ?? nowMs()) - mtimeMs;
  await untilQuiet(world);
  return {passMs: found.tookMs, toRunMs};
}

/** Nothing to do, and nothing on its way. */
async function untilQuiet({passes, loop, operations}: Assembled): Promise<void> {
  await until('a pass that has nothing to do', async () => {
    const last = passes.at(-1);
    if (last?.actions === 0 && last.waiting === 0 && operations.keys.size === 0) return true;
    loop.wake();
    return undefined;
  }, {...WAIT, everyMs: 20}, signal);
}
