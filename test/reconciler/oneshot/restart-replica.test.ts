import {setTimeout as pause} from 'node:timers/promises';
import test from 'ava';
import {OneShotActions, type OneShotParts} from '../../../reconciler/oneshot/actions.ts';
import type {RestartNote} from '../../../reconciler/desired/restarted.ts';
import {app, container, desired, good, observed, SHOP} from '../../support/make.ts';
import {FakeAudit} from '../api/fake-one-shot.ts';

const WANTED = app('v2', 1);
const WISH = {app: SHOP, replica: 'web.1', actor: {name: 'Ada', email: 'ada@example.com'}};

/** What a pass sees that begins now; `notes`: the wishes that it knows. */
function pass(notes: readonly RestartNote[]) {
  const renew = notes.map(({atMs}) => ({slot: 1, atMs, untilMs: atMs + 120_000}));
  const services = WANTED.services.map((service) => ({...service, ...(renew.length > 0 && {renew})}));
  const have = [container('web.1 v2 up'), ...renew.map(({atMs}) => ({...container('web.1 v2 up attempt=1'), createdAtMs: atMs + 1}))];
  return {desired: desired({...WANTED, services}), observed: {...observed({record: good(WANTED)}), containers: have, nowMs: Date.now()}};
}

test('a pass that began while the wish was being written down is not taken for what somebody else has asked for', async (t) => {
  let seen = pass([]);
  let replaced: Promise<void> | undefined;
  const restarts = {
    plain: <App>(one: App) => one,
    async add(_app: string, notes: readonly RestartNote[]) {
      await pause(5);
      seen = pass([]);
      await pause(5);
      // Longer than until the first look.
      replaced = pause(300).then(() => void (seen = pass(notes)));
    },
  };
  const actions = new OneShotActions({audit: new FakeAudit(), wake: () => {}, restarts, seen: async () => seen} as unknown as OneShotParts);
  t.is((await actions.restartReplica(WISH, AbortSignal.timeout(30_000))).replica, 'web.1');
  await replaced;
});

test('what else is asked for in the meantime ends the wait', async (t) => {
  let seen = pass([]);
  const restarts = {
    plain: <App>(one: App) => one,
    async add() {
      void pause(5).then(() => void (seen = pass([])));
    },
  };
  const actions = new OneShotActions({audit: new FakeAudit(), wake: () => {}, restarts, seen: async () => seen} as unknown as OneShotParts);
  await t.throwsAsync(actions.restartReplica(WISH, AbortSignal.timeout(30_000)), {message: /^something else was asked for while web\.1 was being replaced/});
});
