import {floorOfOne} from './floor.ts';
import {replicasOf, type Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {figure, ratio, type Benchmark, type Row} from './report.ts';
import type {SwarmSource} from './swarm/measure.ts';
import {nowMs} from './until.ts';

const ANSWER_MS_MAX = 60_000;
const RATIO_MAX = 1.5;

/** What one commit went through, in milliseconds each. The sum of all but `push` is `total`. */
type Split = Readonly<Record<(typeof PHASES)[number][0] | 'push' | 'total', number>>;

const PHASES = [
  ['seen', 'branch moved → a pass has read it'],
  ['marked', '→ deploy noted on disk'],
  ['created', '→ container created'],
  ['started', '→ container started'],
  ['healthy', '→ healthy'],
  ['routed', '→ names published'],
  ['answered', '→ first new answer through Caddy'],
] as const;

/** (a) Commit pushed → container answering. */
export function deployBenchmark({scene, swarm}: {scene: (signal: AbortSignal) => Promise<Scene>; swarm: SwarmSource}): Benchmark {
  return {
    name: 'deploy',
    title: '(a) commit in the cluster repository → the app answers with it',
    async run({runs, say}, signal) {
      const here = await scene(signal);
      const {node, docker, image, command} = here;
      const floors: number[] = [];
      const configs: Split[] = [];
      const releases: Split[] = [];
      for (let run = 1; run <= runs; run += 1) {
        floors.push(await floorOfOne({docker, image, command, prefix: `${node.instance}-floor`}, signal));
        configs.push(await changeConfig(here, `config-${run}`, signal));
        releases.push(await addRelease(here, signal));
        say(`run ${run}: floor ${floors.at(-1)?.toFixed(0)} ms, configuration ${configs.at(-1)?.total.toFixed(0)} ms, release ${releases.at(-1)?.total.toFixed(0)} ms`);
      }
      const figures = await swarm(here, signal);
      const floor = figure(floors);
      const swarmOf = (values: readonly number[] | undefined) => ('notAvailable' in figures ? figures : figure(values ?? []));
      const both = [...configs, ...releases];
      const config = figure(configs.map(({total}) => total));
      const release = figure(releases.map(({total}) => total));
      const slower = (what: string, ours: typeof config): readonly Row[] => {
        const compared = ratio(ours, floor);
        return compared === undefined ? [] : [{what, unit: 'x', ours: compared, target: RATIO_MAX}];
      };
      return [
        {what: 'one container: created, started, answering', unit: 'ms', floor, swarm: 'notAvailable' in figures ? figures : figure(figures.created)},
        {what: 'env changed in app.yaml', unit: 'ms', ours: config, floor, swarm: swarmOf('notAvailable' in figures ? undefined : figures.updated)},
        ...slower('  beside the floor', config),
        {what: 'release manifest added', unit: 'ms', ours: release, floor, swarm: swarmOf('notAvailable' in figures ? undefined : figures.updated)},
        ...slower('  beside the floor', release),
        ...PHASES.map(([phase, what]): Row => ({what: `  ${what}`, unit: 'ms', ours: figure(both.map((split) => split[phase]))})),
        {what: 'before that: git push until the branch moved', unit: 'ms', ours: figure(both.map(({push}) => push))},
      ];
    },
  };
}

async function changeConfig(scene: Scene, value: string, signal: AbortSignal): Promise<Split> {
  const edit = (text: string) => `${text.replace(/^env:.*\n/m, '').trimEnd()}\nenv: {VALUE: ${value}}\n`;
  return pushAndWait(scene, {file: `apps/${scene.app.name}/app.yaml`, edit, text: `value ${value}.`}, signal);
}

/** A release that repeats the last one: what a rollback is too. */
async function addRelease(scene: Scene, signal: AbortSignal): Promise<Split> {
  const {app, cluster, node} = scene;
  const current = (await node.status(signal)).apps.find(({name}) => name === app.name)?.release ?? 0;
  const file = (number: number) => `apps/${app.name}/releases/v${String(number).padStart(4, '0')}.yaml`;
  const before = await cluster.read(file(current), signal);
  return pushAndWait(scene, {file: file(current + 1), edit: () => before, text: `release v${current + 1},`}, signal);
}

async function pushAndWait({node, app, cluster, docker}: Scene, {file, edit, text}: {file: string; edit: (text: string) => string; text: string}, signal: AbortSignal): Promise<Split> {
  const answered = new AbortController();
  const either = AbortSignal.any([signal, answered.signal]);
  // Asked from before the push on, as users do: the time of the first new answer does not depend on when `git push` returns.
  const answer = cluster.push(file, edit, either);
  const [{startedAtMs, movedAtMs}, answeredAtMs] = await Promise.all([answer, untilAnswer(node, {app: app.name, text, msMax: ANSWER_MS_MAX}, either).then(nowMs)]).finally(() => answered.abort());
  const [replica] = await replicasOf(docker, node.instance, app.name);
  const events = (await node.events(signal)).map(({at, ...event}) => ({...event, atMs: Date.parse(at)})).filter(({atMs}) => atMs >= movedAtMs - 1);
  const timeOf = (kind: string, matches: RegExp) => events.find((event) => event.kind === kind && matches.test(event.message))?.atMs ?? Number.NaN;
  const times = [
    movedAtMs,
    timeOf('commit', /./),
    timeOf('write-deploy', /deploying/),
    Date.parse(replica?.Created ?? ''),
    Date.parse(replica?.State.StartedAt ?? ''),
    timeOf('write-deploy', /healthy/),
    timeOf('publish-names', /./),
    answeredAtMs,
  ];
  const split = Object.fromEntries(PHASES.map(([phase], index) => [phase, (times[index + 1] ?? Number.NaN) - (times[index] ?? Number.NaN)]));
  return {...split, push: movedAtMs - startedAtMs, total: answeredAtMs - movedAtMs} as Split;
}
