import test from 'ava';
import type {AppCommit} from '../../../reconciler/checkout/history.ts';
import {pastReleases} from '../../../reconciler/release/past.ts';
import type {AppName, CommitId} from '../../../schemas/ids.ts';

const BOB = {name: 'Bob', email: 'bob@example.com'};

/** Newest first, as git lists them: `<message> | +<brought> -<taken> =<current after it>`. */
function history(...lines: readonly string[]): readonly AppCommit[] {
  return lines.map((line, index) => {
    const [message = '', changes = ''] = line.split(' | ');
    const numbers = (sign: string) => changes.split(' ').filter((word) => word.startsWith(sign)).map((word) => Number(word.slice(1)));
    const [current] = numbers('=');
    return {commit: `commit ${lines.length - index}` as CommitId, atMs: 0, author: BOB, message, added: numbers('+'), removed: numbers('-'), ...(current === undefined ? {} : {current})};
  });
}

const tells = test.macro({
  exec(t, commits: readonly string[], expected: readonly string[]) {
    const past = pastReleases('shop' as AppName, history(...commits));
    t.deepEqual(past.map(({number, fate, commit, lastCurrent}) => {
      const how = fate.kind === 'failed' ? `failed (${fate.cause})` : fate.kind === 'reverted' ? `reverted by ${fate.by.name} in ${fate.commit}` : fate.kind;
      return `v${number} ${how}, by ${commit}, last current after ${lastCurrent ?? 'none'}`;
    }), expected);
  },
  title: (claim = '') => `the history tells ${claim}`,
});

test('which release is current, and the last commit at which the others were', tells, [
  'shop: scale | =2',
  'shop: release v2 | +2 =2',
  'shop: set A | =1',
  'shop: release v1 | +1 =1',
  'shop: create |',
], [
  'v2 current, by commit 4, last current after commit 5',
  'v1 kept, by commit 2, last current after commit 3',
]);

test('that we took a release back, and why', tells, [
  'shop: take back release v2\n\nrelease v2 failed: web.1 exited with code 3\n\nFlynn-Operation: 1 | -2 =1',
  'shop: release v2 | +2 =2',
  'shop: release v1 | +1 =1',
], [
  'v2 failed (web.1 exited with code 3), by commit 2, last current after commit 2',
  'v1 current, by commit 1, last current after commit 3',
]);

test('that somebody reverted a release, and that the revert was reverted', tells, [
  'Revert "Revert v2" | +2 =3',
  'shop: release v3 | +3 =3',
  'Revert v2 | -2 =1',
  'shop: release v2 | +2 =2',
  'shop: release v1 | +1 =1',
], [
  'v3 current, by commit 4, last current after commit 5',
  'v2 kept, by commit 5, last current after commit 2',
  'v1 kept, by commit 1, last current after commit 3',
]);

test('a release that was reverted from one that grew old', tells, [
  'Revert v3 | -3 =2',
  'shop: release v3 | +3 -1 =3',
  'shop: release v2 | +2 =2',
  'shop: release v1 | +1 =1',
], [
  'v3 reverted by Bob in commit 4, by commit 3, last current after commit 3',
  'v2 current, by commit 2, last current after commit 4',
  'v1 old, by commit 1, last current after commit 1',
]);

test('of two releases that came with one merge, of which one was never current', tells, [
  'merge | +1 +2 =2',
], [
  'v2 current, by commit 1, last current after commit 1',
  'v1 kept, by commit 1, last current after none',
]);
