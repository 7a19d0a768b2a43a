import test from 'ava';
import type {ContainerId, SpecHash} from '../../../schemas/ids.ts';
import type {ObservedSystem} from '../../../reconciler/observed/system.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planTcpShifts} from '../../../reconciler/plan/tcp-shifts.ts';
import {NOW_MS, observed} from '../../support/make.ts';

interface Case {
  /** By shift. */
  readonly have: Readonly<Record<number, Partial<ObservedSystem>>>;
  readonly operations?: readonly string[];
  readonly silentMs?: number;
  readonly plan: string;
}

const OLD = {specHash: 'old' as SpecHash};

const planned = test.macro<[Case]>((t, {have, operations = [], silentMs, plan}) => {
  const system = Object.entries(have).map(([shift, change]): ObservedSystem => ({
    id: `h${shift}` as ContainerId, name: `flynn-tcp-${shift}`, role: 'tcp', specHash: 'new' as SpecHash, state: 'running', createdAtMs: NOW_MS - 60_000, startedAtMs: NOW_MS - 60_000, shift: Number(shift), isKept: true, ...change,
  }));
  const base = observed({operations});
  const running = silentMs === undefined ? {state: 'ready', isFromFile: true} as const : {state: 'silent', sinceMs: NOW_MS - silentMs} as const;
  const made = planTcpShifts({role: 'tcp', specHash: 'new' as SpecHash}, {...base, system, tcp: {...base.tcp, running}}, {isWanted: true, isFileRight: true});
  t.is(formatPlan(made), plan);
});

test('HAProxy is left alone while it runs as it was made', planned, {have: {1: {}}, plan: ''});

test('one that is missing is made', planned, {have: {}, silentMs: 0, plan: 'run tcp  # tcp is missing'});

test('another image: another one is started beside it', planned, {have: {1: OLD}, plan: 'run tcp  # tcp is to be made anew'});

test('the old one takes connections until the new one surely does', planned, {have: {1: OLD, 2: {startedAtMs: NOW_MS - 500}}, plan: 'wait tcp  # on the new HAProxy to have taken over'});

test('then it takes none any more', planned, {have: {1: OLD, 2: {}}, plan: 'retire flynn-tcp-1  # it was replaced'});

test('and stays while it has some', planned, {have: {1: {...OLD, isKept: false}, 2: {}}, plan: ''});

test('when it has ended it is removed', planned, {have: {1: {...OLD, isKept: false, state: 'exited'}, 2: {}}, plan: 'remove flynn-tcp-1  # it was replaced, and has ended'});

test('a new one that never answers is removed, the old one goes on', planned, {have: {1: OLD, 2: {}}, silentMs: 31_000, plan: 'remove flynn-tcp-2  # tcp runs but did not answer for 30 s'});
