import type {Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {figure, type Benchmark, type Row} from './report.ts';
import {nowMs} from './until.ts';

/** Where a phase ends: a line that the pusher sees. In the order of the output. */
const PHASES = [
  ['git client, receive', /Building source/],
  ['build container, source', /app detected/],
  ['build: runtime', /Installing dependencies/],
  ["build: npm's own work (install, build script, prune)", /Build succeeded/],
  ['build: processes', /Compressing/],
  ['image', /Done: /],
  ['build container removed', /Launching/],
  ['release commit', /Released v/],
  ['deploy until healthy and routed', / deployed/],
  ['git client told', /^end$/],
] as const;

const NPM_PHASE = 3;
const OVERHEAD_MS_MAX = 3000;
const ANSWER_MS_MAX = 30_000;

/** (d) `git push` of a change of the app's code, with everything cached that can be. */
export function pushBenchmark({scene}: {scene: (signal: AbortSignal) => Promise<Scene>}): Benchmark {
  return {
    name: 'push',
    title: '(d) git push of a small Node app (Express, 70 packages), warm cache',
    async run({runs, say}, signal) {
      const here = await scene(signal);
      const all: (readonly number[])[] = [];
      for (let run = 1; run <= runs; run += 1) {
        all.push(await pushOnce(here, signal));
        say(`run ${run}: ${sum(all.at(-1) ?? []).toFixed(0)} ms`);
      }
      const rows = PHASES.map(([what], index): Row => ({what: `  ${what}`, unit: 'ms', ours: figure(all.map((phases) => phases[index] ?? Number.NaN))}));
      return [
        {what: 'total', unit: 'ms', ours: figure(all.map(sum))},
        {what: "total without npm's own work", unit: 'ms', ours: figure(all.map((phases) => sum(phases) - (phases[NPM_PHASE] ?? 0))), target: OVERHEAD_MS_MAX},
        ...rows,
      ];
    },
  };
}

/** Milliseconds of each phase. */
async function pushOnce({node, app}: Scene, signal: AbortSignal): Promise<readonly number[]> {
  const text = await app.change(signal);
  const lines: {readonly line: string; readonly atMs: number}[] = [];
  const startedAtMs = nowMs();
  await node.run(['git', 'push', 'flynn', 'main'], {cwd: app.folder, onLine: (line) => lines.push({line, atMs: nowMs()})}, signal);
  lines.push({line: 'end', atMs: nowMs()});
  await untilAnswer(node, {app: app.name, text, msMax: ANSWER_MS_MAX}, signal);
  let beforeMs = startedAtMs;
  return PHASES.map(([what, pattern]) => {
    const found = lines.find(({line, atMs}) => pattern.test(line) && atMs >= beforeMs);
    if (found === undefined) throw new Error(`the push's output has no line for the end of "${what}":\n${lines.map(({line}) => line).join('\n')}`);
    const ms = found.atMs - beforeMs;
    beforeMs = found.atMs;
    return ms;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
