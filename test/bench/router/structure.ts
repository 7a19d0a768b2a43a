import {execa} from 'execa';
import {handOver, retireShift} from '../../../reconciler/apply/handover.ts';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import {hostName} from '../../../reconciler/router/names.ts';
import {removeShifts, shiftsOf} from '../../support/trial-shifts.ts';
import {get} from '../http.ts';
import {residentMegabytes, withChildren} from '../processes.ts';
import {figure, type BenchContext, type Row} from '../report.ts';
import {nowMs, until} from '../until.ts';
import type {Stage} from './stage.ts';
import {wrk} from './wrk.ts';

const HOSTS = [10, 100, 1_000, 5_000] as const;
const LIVE_MS_MAX = 2_000;
const ANSWER_MS_MAX = 30_000;
const LOOK_MS = 5;
const PLAIN = 'plain.bench.test';

/** What Caddy's configuration has to say changes: another Caddy takes over, under load. */
export async function structureChanges(stage: Stage, {runs, say, onEnd}: BenchContext, signal: AbortSignal): Promise<readonly Row[]> {
  const {router, replicas: [replica]} = stage;
  const world = shiftsOf(router);
  onEnd(() => removeShifts(router, AbortSignal.timeout(ANSWER_MS_MAX)));
  await stage.publish(new Map([[PLAIN, [replica]]]));
  const port = router.settings.httpPort;
  const idOf = async (shift: number) => (await execa('docker', ['inspect', '--format', '{{.Id}}', `${router.instance}-router-${shift}`])).stdout;
  const rows: Row[] = [];
  let shift = 1;
  let failed = 0;
  let answered = 0;
  for (const count of HOSTS) {
    const first: number[] = [];
    const all: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const load = wrk({port, host: PLAIN, seconds: LOAD_SECONDS}, signal);
      const host = `new${count}-${run}.bench.test`;
      const startedAtMs = nowMs();
      const taking = handOver({shift: shift + 1, structure: structureOf(count, host), beside: [shift]}, world, signal);
      const isLive = until(`an answer for ${host}`, async () => ((await get({port, host}, signal))?.status === 200 ? true : undefined), {everyMs: LOOK_MS, msMax: ANSWER_MS_MAX}, signal).then(() => first.push(nowMs() - startedAtMs));
      await taking;
      await retireShift({id: await idOf(shift), shift}, world, signal);
      all.push(nowMs() - startedAtMs);
      await isLive;
      const {answered: more, failed: bad} = await load;
      answered += more;
      failed += bad;
      await router.engine.remove(await idOf(shift), signal);
      shift += 1;
    }
    say(`${count} hosts with paths: another Caddy answers after ${first.map((ms) => ms.toFixed(0)).join(', ')} ms, alone after ${all.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    rows.push({what: `${count.toLocaleString('en')} hosts with paths, another one under load → its first answer`, unit: 'ms', ours: figure(first)});
    rows.push({what: '  → everybody is answered so', unit: 'ms', ours: figure(all), target: LIVE_MS_MAX});
  }
  const {stdout: pid} = await execa('docker', ['inspect', '--format', '{{.State.Pid}}', `${router.instance}-router-${shift}`]);
  return [
    ...rows,
    {what: '  requests that were answered', unit: 'n', ours: figure([answered])},
    {what: '  requests that failed', unit: 'n', ours: figure([failed]), target: 0},
    {what: '  memory of Caddy, 5,000 hosts with paths', unit: 'MB', ours: figure([await residentMegabytes(await withChildren(Number(pid)))])},
  ];
}

/** Longer than a change takes. */
const LOAD_SECONDS = 4;

function structureOf(count: number, another: string): RouteStructure {
  const hosts = [...Array.from({length: count}, (_, index) => `p${index}.bench.test`), another].toSorted();
  return {hosts: hosts.map((host) => ({host, paths: [{path: '/', name: hostName(PLAIN)}, {path: '/api', name: hostName(PLAIN)}]}))};
}
