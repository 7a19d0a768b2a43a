import {setTimeout as pause} from 'node:timers/promises';
import {execa} from 'execa';
import {openEcho, openEvents} from '../../support/trial-client.ts';
import {startBackend} from '../../support/trial-backend.ts';
import {get} from '../http.ts';
import {residentMegabytes, withChildren} from '../processes.ts';
import {figure, ratio, type BenchContext, type Benchmark, type Figure, type Row} from '../report.ts';
import {nowMs, until} from '../until.ts';
import {setStage, type Stage} from './stage.ts';
import {structureChanges} from './structure.ts';
import {wrk, type WrkFigures} from './wrk.ts';

const SECONDS = 4;
const HOSTS = [10, 100, 1_000, 5_000] as const;
const MANY = 5_000;
const CHANGE_MS_MAX = 1_000;
/** How much slower the last of many hosts may be than the first. */
const RATIO_MAX = 1.1;
const CHANGES_PER_SECOND = 20;
const CHANGES_SECONDS = 10;
const STREAMS = 20;
const ANSWER_MS_MAX = 30_000;
const LOOK_MS = 5;

/** (k) The way of a request through the router, and what changes of names cost those who are on it. */
export function routerBenchmark(): Benchmark {
  return {
    name: 'router',
    title: '(k) the router: plain hosts, two replicas, 32 connections that are kept alive',
    async run(context, signal) {
      const stage = await setStage(context, signal);
      return [
        ...await throughput(stage, context, signal),
        ...await changes(stage, context, signal),
        ...await changesUnderLoad(stage, context, signal),
        ...await structureChanges(stage, context, signal),
      ];
    },
  };
}

function manyHosts({replicas}: Stage, count: number): Map<string, Stage['replicas'] | readonly Stage['replicas'][0][]> {
  return new Map(Array.from({length: count}, (_, index) => [`h${index}.bench.test`, replicas] as const));
}

async function throughput(stage: Stage, {runs, say}: BenchContext, signal: AbortSignal): Promise<readonly Row[]> {
  const {router, replicas: [{port: backend}], haproxyPort} = stage;
  await stage.publish(manyHosts(stage, MANY));
  const {httpPort} = router.settings;
  const asked = {
    backend: {port: backend, host: 'bench.test'},
    haproxy: {port: haproxyPort, host: 'bench.test'},
    first: {port: httpPort, host: 'h0.bench.test'},
    last: {port: httpPort, host: `h${MANY - 1}.bench.test`},
  };
  const names = Object.keys(asked) as (keyof typeof asked)[];
  const figures: Record<keyof typeof asked, WrkFigures[]> = {backend: [], haproxy: [], first: [], last: []};
  // In turns: what else the machine does meets all of them.
  for (let run = 1; run <= runs; run += 1) {
    for (const name of names) figures[name].push(await wrk({...asked[name], seconds: SECONDS}, signal));
    say(`run ${run}: ${names.map((name) => `${name} ${figures[name].at(-1)?.requestsPerSecond.toFixed(0)}/s`).join(', ')}`);
  }
  const of = (name: keyof typeof asked, what: 'requestsPerSecond' | 'p99Ms') => figure(figures[name].map((one) => one[what]));
  const slower = ratio(of('first', 'requestsPerSecond'), of('last', 'requestsPerSecond'));
  const failed = [...figures.first, ...figures.last].reduce((sum, one) => sum + one.failed, 0);
  return [
    {what: 'requests a second', unit: 'n/s', ours: of('first', 'requestsPerSecond'), floor: of('backend', 'requestsPerSecond'), haproxy: of('haproxy', 'requestsPerSecond')},
    {what: '99 of 100 within', unit: 'ms', ours: of('first', 'p99Ms'), floor: of('backend', 'p99Ms'), haproxy: of('haproxy', 'p99Ms')},
    {what: `the last of ${MANY.toLocaleString('en')} hosts: requests a second`, unit: 'n/s', ours: of('last', 'requestsPerSecond')},
    ...(slower === undefined ? [] : [{what: '  the first beside the last', unit: 'x', ours: slower, target: RATIO_MAX} as const]),
    {what: 'requests that failed', unit: 'n', ours: figure([failed]), target: 0},
    ...await memory(stage),
  ];
}

async function memory({router: {instance}}: Stage): Promise<readonly Row[]> {
  const of = async (container: string) => residentMegabytes(await withChildren(Number((await execa('docker', ['inspect', '--format', '{{.State.Pid}}', container])).stdout)));
  return [
    {what: `memory of Caddy, ${MANY.toLocaleString('en')} hosts, after that load`, unit: 'MB', ours: figure([await of(`${instance}-router-1`)])},
    {what: 'memory of unbound', unit: 'MB', ours: figure([await of(`${instance}-dns`)])},
  ];
}

/** From the wish until the first answer for a host that was not there before. */
async function changes(stage: Stage, {runs, say}: BenchContext, signal: AbortSignal): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const port = stage.router.settings.httpPort;
  for (const count of HOSTS) {
    const hosts = manyHosts(stage, count);
    await stage.publish(hosts);
    const took: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const host = `new${count}-${run}.bench.test`;
      hosts.set(host, [stage.replicas[0]]);
      const startedAtMs = nowMs();
      await stage.publish(hosts);
      await until(`an answer for ${host}`, async () => ((await get({port, host}, signal))?.status === 200 ? true : undefined), {everyMs: LOOK_MS, msMax: ANSWER_MS_MAX}, signal);
      took.push(nowMs() - startedAtMs);
    }
    say(`a new host beside ${count}: ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    rows.push({what: `a new host beside ${count.toLocaleString('en')} → its first answer`, unit: 'ms', ours: figure(took), target: CHANGE_MS_MAX});
  }
  return rows;
}

async function changesUnderLoad(stage: Stage, {say}: BenchContext, signal: AbortSignal): Promise<readonly Row[]> {
  const port = stage.router.settings.httpPort;
  const {replicas: [one, two]} = stage;
  const node = await startBackend('streams');
  const hosts = manyHosts(stage, MANY);
  const streamed = {address: node.address, port: node.port};
  hosts.set('streams.bench.test', [streamed]);
  await stage.publish(hosts);
  const echoes = await Promise.all(Array.from({length: STREAMS}, () => openEcho('streams.bench.test', port)));
  const events = await Promise.all(Array.from({length: STREAMS}, () => openEvents('streams.bench.test', port)));
  let isOver = false;
  const load = wrk({port, host: 'h0.bench.test', seconds: CHANGES_SECONDS}, signal).finally(() => (isOver = true));
  const startedAtMs = nowMs();
  const untilLiveMs: number[] = [];
  let wished = 0;
  let published = 0;
  // As the loop does it: what was wished for while the last ones were being published comes with the next ones.
  while (!isOver) {
    const due = Math.floor((nowMs() - startedAtMs) * CHANGES_PER_SECOND / 1000);
    for (; wished < due; wished += 1) {
      hosts.set('h0.bench.test', [[one], [one, two], [two]][wished % 3] ?? []);
      hosts.set(`h${1 + (wished % 1_000)}.bench.test`, wished % 2 === 0 ? [one] : [one, two]);
    }
    if (published < wished) await stage.publish(hosts);
    for (; published < wished; published += 1) untilLiveMs.push(nowMs() - startedAtMs - (published + 1) * 1000 / CHANGES_PER_SECOND);
    await pause(LOOK_MS, undefined, {signal});
  }
  const {answered, failed} = await load;
  const alive = await Promise.all([...echoes.map(async ({echo}) => await echo('still here') === 'still here'), ...events.map(({ticks}) => ticks())].map((one) => one.catch(() => false)));
  for (const one of [...echoes, ...events]) one.close();
  await node.close();
  say(`${untilLiveMs.length} changes, ${answered} requests, ${failed} failed, ${alive.filter((is) => !is).length} of ${alive.length} streams cut`);
  const plain = (value: number): Figure => figure([value]);
  return [
    {what: `${MANY.toLocaleString('en')} hosts, ${CHANGES_PER_SECOND} changes of names a second under load → live`, unit: 'ms', ours: figure(untilLiveMs), target: CHANGE_MS_MAX},
    {what: '  at the latest', unit: 'ms', ours: plain(Math.max(...untilLiveMs))},
    {what: '  requests that were answered', unit: 'n', ours: plain(answered)},
    {what: '  requests that failed', unit: 'n', ours: plain(failed), target: 0},
    {what: `  of ${STREAMS} websockets and ${STREAMS} event streams were cut`, unit: 'n', ours: plain(alive.filter((is) => !is).length), target: 0},
  ];
}
