import test from 'ava';
import type {ContainerId, SpecHash} from '../../../schemas/ids.ts';
import type {ObservedRouter} from '../../../reconciler/observed/state.ts';
import type {LeavingShift, ObservedSystem} from '../../../reconciler/observed/system.ts';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planHandOver} from '../../../reconciler/plan/handover.ts';
import {NOW_MS, observed} from '../../support/make.ts';

interface Case {
  /** By shift. */
  readonly have: Readonly<Record<number, Partial<ObservedSystem>>>;
  /** Seconds ago. Absent: it takes connections. */
  readonly leaving?: Readonly<Record<number, {readonly closed?: number; readonly inFlight?: number}>>;
  readonly wanted?: RouteStructure;
  /** `other`: by hand. */
  readonly running?: 'other';
  readonly file?: 'other';
  readonly silentMs?: number;
  readonly operations?: readonly string[];
  readonly plan: string;
  /** Seconds from now. */
  readonly lookAgain?: number;
}

const NONE: RouteStructure = {hosts: []};
const PATHS: RouteStructure = {hosts: ['a.test', 'b.test'].map((host) => ({host, paths: [{path: '/api', name: '_svc._tcp.api.shop.flynn.internal'}]}))};
const LEFT = {isKept: false};

const planned = test.macro<[Case]>((t, {have, leaving = {}, wanted = NONE, running, file, silentMs, operations = [], plan, lookAgain}) => {
  const system = Object.entries(have).map(([shift, change]): ObservedSystem => ({
    id: `r${shift}` as ContainerId, name: `flynn-router-${shift}`, role: 'router', specHash: 'new' as SpecHash, state: 'running', createdAtMs: NOW_MS - 60_000, startedAtMs: NOW_MS - 60_000, shift: Number(shift), isKept: true, ...change,
  }));
  const looks = Object.entries(leaving).map(([shift, {closed, inFlight}]): [number, LeavingShift] => [Number(shift), {...(closed !== undefined && {closedAtMs: NOW_MS - closed * 1000}), ...(inFlight !== undefined && {inFlight})}]);
  const base = observed({operations});
  if (base.router.state !== 'ready') return t.fail();
  const ready: ObservedRouter = {...base.router, structure: running === undefined ? NONE : undefined, file: file === undefined ? NONE : undefined, leaving: new Map(looks)};
  const router: ObservedRouter = silentMs === undefined ? ready : {state: 'unreachable', error: 'ECONNREFUSED', silentSinceMs: new Map([['router', NOW_MS - silentMs]])};
  const made = planHandOver({role: 'router', specHash: 'new' as SpecHash}, wanted, {...base, system, router});
  t.is(formatPlan(made), plan);
  t.is(made.lookAgainAtMs, lookAgain === undefined ? undefined : NOW_MS + lookAgain * 1000);
});

test('one that runs what is wanted is left alone', planned, {have: {3: {}}, plan: ''});

test('where there is none, one is started', planned, {have: {}, plan: 'hand over to router shift 1  # router is missing'});

test('one that is missing gets a number that none had which is still there', planned, {have: {4: LEFT}, plan: 'hand over to router shift 5  # router is missing'});

test('one that somebody stopped is started', planned, {have: {3: {state: 'exited'}}, plan: 'run router  # router does not run'});

test('one that somebody paused is removed: the next one is made from what is wanted', planned, {have: {3: {state: 'paused'}}, plan: 'remove flynn-router-3  # router is paused'});

test('one that does not run and was made from something else gets a successor', planned, {have: {3: {state: 'exited', specHash: 'old' as SpecHash}}, plan: 'hand over to router shift 4  # router does not run'});

test('other routes: another one takes over', planned, {have: {3: {}}, wanted: PATHS, plan: 'hand over to router shift 4  # routes changed: a.test, b.test'});

test('another image: another one takes over', planned, {have: {3: {specHash: 'old' as SpecHash}}, plan: 'hand over to router shift 4  # router is to be made anew'});

test('other settings: another one takes over', planned, {have: {3: {}}, running: 'other', file: 'other', plan: 'hand over to router shift 4  # the router\'s configuration was written for other settings'});

test('a configuration that was changed by hand is loaded again into the one that runs', planned, {
  have: {3: {}}, running: 'other', plan: 'load the routes of router shift 3 again  # the router\'s configuration is not what it was started with',
});

test('changes that come fast are one', planned, {have: {3: {createdAtMs: NOW_MS - 400}}, wanted: PATHS, plan: 'wait router  # on the last change of its configuration to be a moment old'});

test('a hand-over in progress is waited for', planned, {have: {3: {}, 4: LEFT}, wanted: PATHS, operations: ['routes'], plan: 'wait router  # on another Caddy to be there'});

test('one that was about to take over when we were killed is kept', planned, {have: {3: {}, 4: LEFT}, plan: 'keep flynn-router-4  # it was to take over when that was interrupted'});

test('one that was about to take over and does not run is removed', planned, {have: {3: {}, 4: {...LEFT, state: 'exited'}}, plan: 'remove flynn-router-4  # it was to take over, and does not run'});

test('one that was replaced closes its ports', planned, {have: {3: {}, 4: {}}, leaving: {3: {inFlight: 2}}, plan: 'retire flynn-router-3  # it was replaced'});

test('while it does, somebody may be answered as before', planned, {
  have: {3: LEFT, 4: {}}, leaving: {3: {inFlight: 2}}, operations: ['container flynn-router-3'], plan: 'wait router  # on flynn-router-3 to close its ports',
});

test('while one with closed ports is stopped, nobody waits for it', planned, {
  have: {3: LEFT, 4: {}}, leaving: {3: {closed: 7, inFlight: 0}}, operations: ['container flynn-router-3'], plan: '',
});

test('one whose files are gone is told to leave all the same', planned, {have: {3: {}, 4: {}}, leaving: {3: {closed: 600}}, plan: 'retire flynn-router-3  # it was replaced'});

test('one of another version, which nobody can ask, gets a successor at once', planned, {have: {0: {specHash: 'old' as SpecHash}}, silentMs: 100, plan: 'hand over to router shift 1  # router is to be made anew'});

test('nobody is told to leave before the current one answers', planned, {have: {3: {}, 4: {}}, silentMs: 100, plan: 'wait router  # on an answer'});

test('one that was replaced stays while somebody is connected to it', planned, {have: {3: LEFT, 4: {}}, leaving: {3: {closed: 600, inFlight: 1}}, plan: '', lookAgain: 5});

test('and while somebody may be about to ask', planned, {have: {3: LEFT, 4: {}}, leaving: {3: {closed: 0.5, inFlight: 0}}, plan: '', lookAgain: 5.5});

test('then it goes', planned, {
  have: {3: LEFT, 4: {}}, leaving: {3: {closed: 7, inFlight: 0}}, plan: 'stop flynn-router-3 within 0s  # it was replaced, and nobody is connected to it any more',
});

test('one that does not say whether somebody is connected stays', planned, {have: {3: LEFT, 4: {}}, leaving: {3: {closed: 600}}, plan: '', lookAgain: 5});

test('one that has ended is removed when its log has been read', planned, {
  have: {2: {...LEFT, state: 'exited', finishedAtMs: NOW_MS - 5000}, 3: {...LEFT, state: 'exited', finishedAtMs: NOW_MS - 500}, 4: {}},
  plan: 'remove flynn-router-2  # it was replaced, and has ended',
  lookAgain: 1.5,
});

test('of too many that still have connections the oldest goes', planned, {
  have: {...Object.fromEntries(Array.from({length: 9}, (_, n) => [n + 1, LEFT])), 10: {}},
  leaving: Object.fromEntries(Array.from({length: 9}, (_, n) => [n + 1, {closed: 60, inFlight: 1}])),
  plan: 'stop flynn-router-1 within 0s  # more than 8 that were replaced still have connections: shift 1 is the oldest',
  lookAgain: 5,
});

test('routes that change every second cut nobody: those that are only about to go are not too many', planned, {
  have: {...Object.fromEntries(Array.from({length: 10}, (_, n) => [n + 1, LEFT])), 11: {}},
  leaving: Object.fromEntries(Array.from({length: 10}, (_, n) => [n + 1, n === 0 ? {closed: 60, inFlight: 1} : {closed: 1, inFlight: 0}])),
  plan: '',
  lookAgain: 5,
});

test('one that runs but does not answer is removed', planned, {have: {3: {}}, silentMs: 31_000, plan: 'remove flynn-router-3  # router runs but did not answer for 30 s'});

test('one that is slow on a busy machine keeps its connections', planned, {have: {3: {}}, silentMs: 20_000, plan: 'wait router  # on an answer'});

test('one that was just started has its own time to answer', planned, {have: {3: {startedAtMs: NOW_MS - 100}}, silentMs: 60_000, plan: 'wait router  # on an answer'});
