import {execa} from 'execa';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {figure, type BenchContext, type Benchmark, type Row} from '../report.ts';
import type {InsideOptions, PassFigures} from './inside.ts';
import {generateRepository, MANIFESTS_PER_APP} from './repository.ts';

const APP_COUNTS = [10, 100, 1000];
const INSIDE = path.join(import.meta.dirname, 'inside.ts');
const MEASURE_MS_MAX = 5 * 60_000;
const NO_OP_MS_MAX = 50;
const COMMIT_MS_MAX = 100;
const MEMORY_MB_MAX = 200;

/**
 * (c) Passes of the real loop, repository, reader, observers and planner. Engine and router are the tests' fakes, with one
 * running replica an app: what the engine itself takes is none of a pass's cost.
 */
export function passBenchmark(): Benchmark {
  return {
    name: 'pass',
    title: '(c) a pass, with one replica an app in an engine in memory',
    async run(context, signal) {
      const rows: Row[] = [];
      for (const apps of APP_COUNTS) rows.push(...rowsOf(apps, await measure(apps, context, signal)));
      return rows;
    },
  };
}

async function measure(apps: number, {runs, say, onEnd}: BenchContext, signal: AbortSignal): Promise<PassFigures> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-pass-'));
  onEnd(() => rm(folder, {recursive: true, force: true}));
  say(`${apps} apps, ${apps * MANIFESTS_PER_APP} manifests: making the repository`);
  await generateRepository(path.join(folder, 'cluster.git'), apps, signal);
  // In a process of its own, so that memory is that of a pass and of nothing else.
  const options: InsideOptions = {folder, runs: Math.max(runs, 10)};
  const {stdout} = await execa(process.execPath, [INSIDE, JSON.stringify(options)], {timeout: MEASURE_MS_MAX, cancelSignal: signal});
  return JSON.parse(stdout) as PassFigures;
}

function rowsOf(apps: number, figures: PassFigures): readonly Row[] {
  const isLargest = apps === APP_COUNTS.at(-1);
  const title = `${apps} apps:`;
  return [
    {what: `${title} pass without change`, unit: 'ms', ours: figure(figures.noOpMs), ...(isLargest && {target: NO_OP_MS_MAX})},
    {what: '  its CPU time', unit: 'ms', ours: figure(figures.noOpCpuMs)},
    {what: '  memory of the process and its git', unit: 'MB', ours: figure([figures.megabytes]), ...(isLargest && {target: MEMORY_MB_MAX})},
    {what: `${title} pass that finds a one-file commit`, unit: 'ms', ours: figure(figures.commitPassMs), target: COMMIT_MS_MAX},
    {what: '  branch moved → engine asked for the container', unit: 'ms', ours: figure(figures.commitToRunMs)},
    {what: `${title} first read of everything`, unit: 'ms', ours: figure([figures.coldMs])},
  ];
}
