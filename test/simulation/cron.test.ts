import test from 'ava';
import type {AppName, CronName} from '../../schemas/ids.ts';
import type {Overlap} from '../../schemas/cron.ts';
import {followed, timeId} from '../../schemas/schedule.ts';
import {changed} from '../../reconciler/apply/cron-books.ts';
import {execute, type World} from '../../reconciler/apply/executors.ts';
import type {DesiredCron} from '../../reconciler/desired/state.ts';
import {toJob} from '../../reconciler/observed/containers.ts';
import type {CronBook, ObservedState} from '../../reconciler/observed/state.ts';
import {planCrons} from '../../reconciler/plan/cron.ts';
import {FakeEngine, type Fault} from '../support/fake-engine.ts';
import {image, observed, service, SHOP} from '../support/make.ts';
import {seededRandom} from '../support/random.ts';

// Commands with a schedule under faults, on a virtual clock: calls of the engine and writes to the disk are refused or lose their answers,
// the reconciler is killed and stays away for a while, containers are removed by hand. Whatever happens:
//   (1) no container is started again after it ended, and none is made twice for one due time;
//   (2) every due time is accounted for: it ran, or it is told as missed;
//   (3) with forbid and replace no two run at a time; with allow at most ten do;
//   (4) when everything has ended, no container is left.
// Replay one: SEED=17 npx ava test/simulation/cron.test.ts

const SEEDS = 40;
const STEPS = 150;
const SCHEDULE = {expression: '*/10 * * * * *', timezone: 'UTC'};
const START_MS = Date.parse('2026-11-25T12:00:03Z');
const never = new AbortController().signal;

const {SEED} = process.env;
const seeds = SEED === undefined ? Array.from({length: SEEDS}, (_, n) => n) : [Number(SEED)];

for (const overlap of ['forbid', 'allow', 'replace'] as const satisfies readonly Overlap[]) {
  test(`${overlap}: ${SEEDS} seeds of faults start each due time once, and lose none`, async (t) => {
    t.timeout(600_000);
    for (const seed of seeds) t.deepEqual(await simulate(seed, overlap), [], `seed ${seed}`);
  });
}

async function simulate(seed: number, overlap: Overlap): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const problems: string[] = [];
  let nowMs = START_MS;
  let isFaulty = true;
  let book: CronBook = {app: SHOP, crons: {}};
  const nextFault = (): Fault => {
    const roll = isFaulty ? random() : 1;
    return roll < 0.1 ? 'refused' : roll < 0.2 ? 'answer-lost' : 'none';
  };
  const engine = new FakeEngine({nextFault, nowMs: () => nowMs});
  engine.addImage(image('v1'));
  const started = new Map<string, string>();
  const world = {
    engine,
    crons: {
      write: async ({app, cron, runs, next}) => {
        const fault = nextFault();
        if (fault === 'refused') throw new Error('injected: refused');
        book = {app, crons: {...book.crons, [cron]: changed(book.crons[cron] ?? {runs: []}, runs, next)}};
        if (fault === 'answer-lost') throw new Error('injected: answer lost');
      },
      forgetCron: async () => {},
      forget: async () => {},
    },
    instance: 'flynn',
    logBytesMax: 1,
    openEnv: async () => ({}),
  } as Partial<World> as World; // all that these actions use

  const cron: DesiredCron = {name: 'tick' as CronName, schedule: SCHEDULE, overlap, deadlineMs: 45_000, isSuspended: false, container: service('v1', 1).container};
  const look = async (): Promise<ObservedState> => {
    const records = await engine.containers([]);
    return {...observed({book, images: ['v1']}), nowMs, jobs: records.flatMap((record) => toJob(record) ?? []), crons: new Map<AppName, CronBook>([[SHOP, book]])};
  };

  for (let step = 0; step < STEPS + 200; step += 1) {
    isFaulty = step < STEPS;
    const seen = await look();
    const running = seen.jobs.filter(({state}) => state === 'running');
    if (running.length > (overlap === 'allow' ? 10 : 1)) problems.push(`(3) ${running.length} run at a time`);
    // At the end nothing comes due any more.
    const {actions} = planCrons({name: SHOP, serving: {release: 1, crons: [{...cron, isSuspended: !isFaulty}]}, isSuspended: false}, seen);
    for (const action of actions) {
      if (isFaulty && random() < 0.05) break; // kill -9
      await execute(action, world, never).catch(() => {});
    }
    for (const job of (await look()).jobs) {
      if (job.state !== 'running') continue;
      const before = started.get(job.job.run);
      if (before !== undefined && before !== `${job.id} ${job.startedAtMs}`) problems.push(`(1) ${job.job.run} is started twice`);
      started.set(job.job.run, `${job.id} ${job.startedAtMs}`);
      const roll = random();
      if (roll < 0.1) engine.exit(job.id, 0);
      else if (roll < 0.13) engine.exit(job.id, 3);
      // By hand, in the moment before it was noted that it runs: then it can't be told from one that never started.
      else if (isFaulty && roll < 0.14 && book.crons['tick']?.runs.some(({id, state}) => id === job.job.run && state === 'running') === true) await engine.remove(job.id).catch(() => {});
    }
    // Mostly seconds; sometimes nobody is there for minutes.
    nowMs += isFaulty && random() < 0.03 ? 60_000 * random() * 15 : 500 + 3_000 * random();
  }

  const runs = book.crons['tick']?.runs ?? [];
  if (runs.some(({state}) => state !== 'ended')) problems.push('a run has not ended');
  const left = (await look()).jobs;
  if (left.length > 0) problems.push(`(4) ${left.length} containers are left`);
  // The history is bounded: what it still has is without a gap.
  const [first] = runs;
  let expectedMs = first?.dueMs;
  const next = followed(SCHEDULE);
  for (const run of runs) {
    if (expectedMs !== undefined && run.dueMs !== expectedMs) problems.push(`(2) ${timeId(expectedMs)} is lost`);
    const count = run.state === 'ended' && run.count !== undefined ? run.count : 1;
    expectedMs = run.dueMs;
    for (let n = 0; n < count; n += 1) expectedMs = next(expectedMs ?? 0);
  }
  return problems;
}
