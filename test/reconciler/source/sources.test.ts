import test, {type ExecutionContext} from 'ava';
import type {CommitId} from '../../../schemas/ids.ts';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import type {SourceDeployOutcome} from '../../../reconciler/source/follower.ts';
import type {SourceRecord, SourceRecords} from '../../../reconciler/source/records.ts';
import {Sources} from '../../../reconciler/source/sources.ts';
import {app, SHOP} from '../../support/make.ts';
import {until} from '../../support/until.ts';

const COMMIT = '1'.repeat(40) as CommitId;
const FOLLOWED: DesiredApp = {...app('v1', 1), source: {git: 'https://git.example.com/shop.git', branch: 'main', intervalMs: 60_000}};

/** Deploys end when the test says so, also those that nobody wants any more. */
function subject(t: ExecutionContext) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const kept = new Map<string, SourceRecord>();
  const deploys: {readonly signal: AbortSignal; end(outcome: SourceDeployOutcome): void}[] = [];
  const sources = new Sources({
    records: {
      read: async (name: string) => kept.get(name), write: async (name: string, record: SourceRecord) => void kept.set(name, record), forget: async (name: string) => void kept.delete(name),
    } as unknown as SourceRecords,
    tip: async () => COMMIT,
    fetch: async () => ({commit: COMMIT, author: {name: 'Ann', email: 'ann@example.com'}}),
    deploy: (_deploy, signal) => {
      const {promise, resolve: end} = Promise.withResolvers<SourceDeployOutcome>();
      deploys.push({signal, end});
      return promise;
    },
    openSecret: async (sealed) => sealed,
    tell: () => {},
  }, stop.signal);
  return {sources, deploys, kept};
}

test('an app that is removed while it is deployed, and made again, is deployed again', async (t) => {
  const {sources, deploys, kept} = subject(t);
  sources.see([FOLLOWED]);
  await until('it is being deployed', () => deploys.length === 1);
  sources.see([]);
  t.true(deploys[0]?.signal.aborted);
  // It was too late to undo it.
  deploys[0]?.end({result: 'deployed', release: 1});
  sources.see([FOLLOWED]);
  await until('it is deployed again', () => deploys.length === 2);
  t.false(kept.has(SHOP), 'of the one before nothing is left');
  deploys[1]?.end({result: 'deployed', release: 1});
  await until('it is noted', () => kept.get(SHOP)?.commit === COMMIT);
});

test('an app that is followed again begins when what was being done for it has ended', async (t) => {
  const {sources, deploys} = subject(t);
  sources.see([FOLLOWED]);
  await until('it is being deployed', () => deploys.length === 1);
  sources.see([{...FOLLOWED, isSuspended: true}]);
  sources.see([FOLLOWED]);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(deploys.length, 1);
  deploys[0]?.end({result: 'refused', cause: 'it was suspended'});
  await until('it is noted', () => sources.status(SHOP)?.state === 'failed');
  t.is(deploys.length, 1, 'it is known by then');
});
