import type {DesiredState} from '../desired/state.ts';
import type {ObservedRun, ObservedState} from '../observed/state.ts';
import type {Action, Plan} from './action.ts';
import {isBusy} from './busy.ts';
import {KEPT_RUNS_MAX, KEPT_RUNS_MS_MAX, RUN_GRACE_MS, RUN_MS_MAX} from './limits.ts';

/** Commands that people run: they go when nobody is there for them any more, whoever has to notice it. */
export function planRuns(desired: DesiredState, observed: ObservedState): Plan {
  const wanted = new Map(desired.apps.map((app) => [app.name, app]));
  const kept = keptRuns(observed);
  const actions = observed.runs.filter((run) => !isBusy(run, observed)).flatMap((run): readonly Action[] => {
    const {id, name, app} = run;
    const owner = wanted.get(app);
    const whyGone = owner === undefined ? `app ${app} is not in commit ${desired.commit.slice(0, 8)}` : undefined;
    if (run.state === 'running') {
      const whySuspended = owner?.state === 'resolved' && owner.isSuspended === true ? 'the app is suspended' : undefined;
      const reason = whyGone ?? whySuspended ?? reasonToEnd(run, observed.nowMs);
      return reason === undefined ? [] : [{kind: 'stop-container', app, id, name, graceMs: RUN_GRACE_MS, reason}];
    }
    // Whoever attends it is about to start it, or to ask how it ended.
    if (run.isAttended || (kept.has(run) && whyGone === undefined)) return [];
    return [{kind: 'remove-container', app, id, name, reason: whyGone ?? whyRemoved(run)}];
  });
  return {actions, waiting: []};
}

function reasonToEnd(run: ObservedRun & {state: 'running'}, nowMs: number): string | undefined {
  if (nowMs - run.startedAtMs >= RUN_MS_MAX) return `run.${run.number} has run for ${RUN_MS_MAX / 3_600_000} hours, the longest that a run may take`;
  return run.isDetached || run.isAttended ? undefined : 'nobody is connected to it any more';
}

function whyRemoved({state, isDetached, number}: ObservedRun): string {
  if (state === 'created') return `run.${number} was never started`;
  return isDetached ? `run.${number} has ended, newer ones are kept` : 'its command has ended';
}

/** Detached runs that have ended stay for a while, for their logs: the newest few of each app. */
function keptRuns({runs, nowMs}: ObservedState): ReadonlySet<ObservedRun> {
  const ended = runs.filter((run) => run.isDetached && run.state === 'exited').toSorted((a, b) => b.createdAtMs - a.createdAtMs || a.number - b.number);
  const newest = [...Map.groupBy(ended, ({app}) => app).values()].flatMap((ofApp) => ofApp.slice(0, KEPT_RUNS_MAX));
  return new Set(newest.filter((run) => run.state === 'exited' && nowMs - run.finishedAtMs < KEPT_RUNS_MS_MAX));
}
