import {setTimeout as pause} from 'node:timers/promises';
import {get} from './http.ts';
import type {Scene} from './node/scene.ts';
import {LAUNCHER} from './node/trial-node.ts';
import {residentMegabytes, withChildren} from './processes.ts';
import {figure, type Benchmark} from './report.ts';
import {nowMs, until} from './until.ts';

const LINES = 300_000;
/** The last line of a burst, and how long it may be waited for. */
const BURST_MS_MAX = 60_000;
const LOOK_MS = 200;
const RUNS_MAX = 3;

/** (i) One container prints as fast as it can, `flynn logs -f` reads. */
export function logsBenchmark({scene}: {scene: (signal: AbortSignal) => Promise<Scene>}): Benchmark {
  return {
    name: 'logs',
    title: `(i) ${LINES.toLocaleString('en')} lines of 100 bytes as fast as a container prints them, read by flynn logs -f`,
    async run({runs, say}, signal) {
      const here = await scene(signal);
      const all: Burst[] = [];
      for (let run = 1; run <= Math.min(runs, RUNS_MAX); run += 1) {
        all.push(await burst(here, run, signal));
        say(`run ${run}: ${all.at(-1)?.linesPerSecond.toFixed(0)} lines/s, ${all.at(-1)?.lost} lost, ${all.at(-1)?.megabytes.toFixed(0)} MB`);
      }
      return [
        {what: 'lines that the reader got, a second', unit: 'n/s', ours: figure(all.map(({linesPerSecond}) => linesPerSecond))},
        {what: 'lines that it did not get', unit: 'n', ours: figure(all.map(({lost}) => lost))},
        {what: 'memory of the reconciler, before', unit: 'MB', ours: figure(all.map(({megabytesBefore}) => megabytesBefore))},
        {what: '  at its most', unit: 'MB', ours: figure(all.map(({megabytes}) => megabytes))},
      ];
    },
  };
}

interface Burst {
  readonly linesPerSecond: number;
  readonly lost: number;
  readonly megabytes: number;
  readonly megabytesBefore: number;
}

async function burst({node, app}: Scene, run: number, signal: AbortSignal): Promise<Burst> {
  const reading = new AbortController();
  const either = AbortSignal.any([signal, reading.signal]);
  let lines = 0;
  let isOver = false;
  let isHeard = false;
  const marker = `burst-${run}-${Math.round(nowMs())}`;
  const onLine = (line: string) => {
    if (line.includes(`${marker}-hello`)) isHeard = true;
    else if (line.includes(`${marker}-end`)) isOver = true;
    else if (line.includes(marker)) lines += 1;
  };
  const reader = node.run([LAUNCHER, '--cluster', node.instance, 'logs', '-f', '-n', '1', '-a', app.name], {cwd: app.folder, onLine}, either).catch(() => undefined);
  const ask = (query: string) => get({port: node.httpPort, host: `${app.name}.${node.domain}`, path: `/burst?${query}`}, signal);
  const processes = await withChildren(node.pid);
  const megabytesBefore = await residentMegabytes(processes);
  let megabytes = megabytesBefore;
  try {
    await until('the reader to be connected', async () => {
      await ask(`marker=${marker}-hello&lines=1`);
      return isHeard ? true : undefined;
    }, {everyMs: LOOK_MS, msMax: BURST_MS_MAX}, signal);
    const startedAtMs = nowMs();
    void ask(`marker=${marker}&lines=${LINES}`);
    const deadlineMs = startedAtMs + BURST_MS_MAX;
    let lastLines = -1;
    let lastAtMs = nowMs();
    // Without its last line the burst is over when nothing has come for a while.
    while (!isOver && nowMs() < deadlineMs && (lines !== lastLines || nowMs() - lastAtMs < 5000)) {
      if (lines !== lastLines) lastAtMs = nowMs();
      lastLines = lines;
      megabytes = Math.max(megabytes, await residentMegabytes(processes));
      await pause(LOOK_MS, undefined, {signal});
    }
    const seconds = ((isOver ? nowMs() : lastAtMs) - startedAtMs) / 1000;
    return {linesPerSecond: lines / seconds, lost: LINES - lines, megabytes, megabytesBefore};
  } finally {
    reading.abort();
    await reader;
  }
}
