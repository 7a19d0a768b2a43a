import {minus, roomFor} from '../desired/room.ts';
import type {DesiredState, Need, NodeRoom} from '../desired/state.ts';
import type {Job, ObservedState} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {jobName} from './job.ts';

/** Lets a job start only when there is room for what it requests beside all services, jobs and one-off commands that run; else it waits, with the reason. */
export function admitted(plan: Plan, desired: DesiredState, observed: ObservedState): Plan {
  const needs = needsOf(desired, observed);
  const starts = plan.actions.flatMap((action) => (action.kind === 'run-job' && needs.has(keyOf(action)) ? [action] : []));
  if (starts.length === 0) return plan;
  let rooms = roomBeside(desired, observed);
  const refused = new Map<Action, Waiting>();
  for (const action of starts) {
    const need = needs.get(keyOf(action)) ?? NOTHING;
    const room = roomFor(need, rooms);
    if (room.ok) rooms = taken(rooms, need);
    else refused.set(action, {app: action.app, subject: action.job.kind === 'cron' ? action.job.cron : action.job.kind, on: `room: ${room.on}`});
  }
  return {...plan, actions: plan.actions.filter((action) => !refused.has(action)), waiting: [...plan.waiting, ...refused.values()]};
}

/** What the nodes have left beside the services, and what runs besides. */
export function roomBeside(desired: DesiredState, observed: ObservedState): readonly NodeRoom[] {
  return [...runningNeeds(needsOf(desired, observed), observed), ...runNeeds(desired, observed)].reduce(taken, desired.nodes);
}

const NOTHING: Need = {memoryBytes: 0, cpus: 0};

type JobOf = {readonly app: string; readonly job: Job};

function keyOf({app, job}: JobOf): string {
  return `${app} ${job.kind === 'cron' ? job.cron : job.kind}`;
}

/** By app and command, of those that ask for something. What serves counts: an app whose manifests are wrong goes on as it was. */
function needsOf({apps}: DesiredState, {journal}: ObservedState): ReadonlyMap<string, Need> {
  return new Map(apps.flatMap((app) => {
    const crons = app.state === 'resolved' ? app.crons : journal.get(app.name)?.lastGood?.crons;
    return (crons ?? []).flatMap(({name, requests}) => (requests === undefined ? [] : [[`${app.name} ${name}`, requests] as const]));
  }));
}

/** Of jobs that run, and of those that are being started and can't be seen yet. */
function runningNeeds(needs: ReadonlyMap<string, Need>, {jobs, operations, crons}: ObservedState): readonly Need[] {
  const seen = jobs.filter(({state}) => state !== 'exited');
  const names = new Set(seen.map(({name}) => name));
  const started = [...crons].flatMap(([app, {crons: ofApp}]) => Object.entries(ofApp).flatMap(([cron, {runs}]) => runs.map(({id}): JobOf => ({app, job: {kind: 'cron', cron: cron as never, run: id}}))))
    .filter(({app, job}) => {
      const name = jobName(app as never, job);
      return !names.has(name) && operations.has(`container ${name}`);
    });
  return [...seen, ...started].flatMap((job) => needs.get(keyOf(job)) ?? []);
}

/** One-off commands count as what they were started for: a copy of their service. */
function runNeeds({apps}: DesiredState, {runs, journal}: ObservedState): readonly Need[] {
  const byName = new Map(apps.map((app) => [app.name, app]));
  return runs.filter(({state}) => state !== 'exited').flatMap(({app: name, service}) => {
    const app = byName.get(name);
    const serving = app?.state === 'resolved' ? app : journal.get(name)?.lastGood;
    return serving?.services.find((one) => one.name === service)?.requests ?? [];
  });
}

/** By the first node that has it, as `roomFor` answers; what was promised before there was less may be more than there is. */
export function taken(rooms: readonly NodeRoom[], need: Need): readonly NodeRoom[] {
  const room = roomFor(need, rooms);
  const node = room.ok ? room.node : rooms[0]?.node;
  return rooms.map((one) => (one.node === node ? {...one, free: minus(one.free, need)} : one));
}
