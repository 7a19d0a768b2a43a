import {setTimeout as pause} from 'node:timers/promises';
import {makeTrialApp} from './node/app.ts';
import type {Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {cpuSecondsOf, residentMegabytes, withChildren} from './processes.ts';
import {figure, type Benchmark, type Row} from './report.ts';

/** Until what a change has set in motion is over, milliseconds: the images listed anew, the garbage collected. */
const SETTLE_MS = 30_000;
/** One sample; as many are taken as there are runs, at most five. */
const SAMPLE_MS = 20_000;
const SAMPLES_MAX = 5;
const OTHER_APPS = ['bench-two', 'bench-three', 'bench-four'];
const ANSWER_MS_MAX = 60_000;
const MEMORY_MB_MAX = 150;
const CPU_PERCENT_MAX = 1;

/** (e) What the platform itself needs when nothing happens, with four apps. */
export function idleBenchmark({scene}: {scene: (signal: AbortSignal) => Promise<Scene>}): Benchmark {
  return {
    name: 'idle',
    title: `(e) idle, ${OTHER_APPS.length + 1} apps`,
    async run({runs, say}, signal) {
      const here = await scene(signal);
      await addApps(here, signal);
      say(`nothing happens for ${(SETTLE_MS + SAMPLE_MS * Math.min(runs, SAMPLES_MAX)) / 1000} s`);
      await pause(SETTLE_MS, undefined, {signal});
      const processes = {reconciler: await withChildren(here.node.pid), caddy: await processesOf(here, 'router'), unbound: await processesOf(here, 'dns')};
      const samples: Record<keyof typeof processes, Use>[] = [];
      for (let run = 0; run < Math.min(runs, SAMPLES_MAX); run += 1) samples.push(await sample(processes, signal));
      const total = (of: keyof Use) => samples.map((one) => one.reconciler[of] + one.caddy[of] + one.unbound[of]);
      const each = (name: keyof typeof processes, what: string): readonly Row[] => [
        {what: `  ${what}: memory`, unit: 'MB', ours: figure(samples.map((one) => one[name].megabytes))},
        {what: `  ${what}: CPU, of one core`, unit: '%', ours: figure(samples.map((one) => one[name].percent))},
      ];
      return [
        {what: 'memory (resident), all of them', unit: 'MB', ours: figure(total('megabytes')), target: MEMORY_MB_MAX},
        {what: 'CPU, of one core, all of them', unit: '%', ours: figure(total('percent')), target: CPU_PERCENT_MAX},
        ...each('reconciler', 'reconciler (with its git processes)'),
        ...each('caddy', 'Caddy'),
        ...each('unbound', 'unbound'),
      ];
    },
  };
}

interface Use {
  readonly megabytes: number;
  readonly percent: number;
}

/** More apps, pushed like the first one: an image is for the app that it was built for only. */
async function addApps({node}: Scene, signal: AbortSignal): Promise<void> {
  for (const name of OTHER_APPS) {
    const app = await makeTrialApp(node, name, signal);
    try {
      const text = await app.change(signal);
      await node.run(['git', 'push', '--quiet', 'flynn', 'main'], {cwd: app.folder}, signal);
      await untilAnswer(node, {app: name, text, msMax: ANSWER_MS_MAX}, signal);
    } finally {
      await app.remove();
    }
  }
}

async function sample<Name extends string>(processes: Readonly<Record<Name, readonly number[]>>, signal: AbortSignal): Promise<Record<Name, Use>> {
  const names = Object.keys(processes) as Name[];
  const used = () => Promise.all(names.map((name) => cpuSecondsOf(processes[name])));
  const before = await used();
  const startedAtMs = performance.now();
  await pause(SAMPLE_MS, undefined, {signal});
  const seconds = (performance.now() - startedAtMs) / 1000;
  const after = await used();
  const uses = await Promise.all(names.map(async (name, index): Promise<[Name, Use]> => {
    return [name, {megabytes: await residentMegabytes(processes[name]), percent: (((after[index] ?? 0) - (before[index] ?? 0)) / seconds) * 100}];
  }));
  return Object.fromEntries(uses) as Record<Name, Use>;
}

/** Those of all containers of this role: while one router hands over to the next there are two. */
async function processesOf({docker, node}: Scene, role: string): Promise<readonly number[]> {
  const listed = await docker.listContainers({filters: {label: [`flynn.instance=${node.instance}`, `flynn.role=${role}`]}});
  if (listed.length === 0) throw new Error(`no container has the role ${role}`);
  const inspected = await Promise.all(listed.map(({Id}) => docker.getContainer(Id).inspect()));
  return (await Promise.all(inspected.map(({State}) => withChildren(State.Pid)))).flat();
}
