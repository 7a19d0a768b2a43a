import test, {type ExecutionContext} from 'ava';
import type {AppName, CommitId, ImageDigest} from '../../../schemas/ids.ts';
import {remoteTip} from '../../../reconciler/adapters/git-remote.ts';
import type {Change} from '../../../reconciler/checkout/snapshot.ts';
import {addRelease} from '../../../reconciler/commits/edits.ts';
import type {OpenPull} from '../../../reconciler/forge/status.ts';
import {ForgeProposals} from '../../../reconciler/proposals/at-forge.ts';
import type {ProposedRelease} from '../../../reconciler/proposals/record.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {pushBranch} from '../../../reconciler/wiring/forge.ts';
import {app, cluster, release} from '../../support/manifests.ts';
import {commitFiles, elsewhere, run} from '../checkout/support.ts';

// A repository at a forge, and a node that proposes releases there: real git on both sides, and a forge that only remembers which pull requests are open.

const signal = AbortSignal.timeout(600_000);
const shop = 'shop' as AppName;
const FILES = Object.fromEntries([cluster(), app('shop', 'review: required\n'), release('shop', 1)].flatMap((file) => (file.kind === 'text' ? [[file.path, file.text]] : [])));
const WHO = {user: 'dee', name: 'Dee', email: 'dee@example.com'};

async function subject(t: ExecutionContext) {
  const {gitdir, clone, mirror, remote, repo, objects, main, push} = await elsewhere(t, FILES);
  const open: OpenPull[] = [];
  const [opened, done]: [string[], string[]] = [[], []];
  /** Nothing can be opened. */
  const fault = {message: ''};
  const say = (what: string) => ({createdAt}: ProposedRelease) => void done.push(`${what} ${createdAt}`);
  const make = () => new ForgeProposals({
    where: gitdir, gitdir: mirror, objects, repo, check: commitCheck({domain: () => 'flynn.test'}), keepReleases: () => 3, log: (message, error) => t.log(message, error),
    tipOf: async (branch, until) => await remoteTip(remote, `refs/heads/${branch}`, until) as CommitId | undefined,
    deployer: {prepare: async (made, {number}) => say(`prepare v${number}`)(made), lookAfter: say('look after'), letGo: async (made) => say('let go')(made)},
    forge: {
      state: () => ({kind: 'github', url: '', repository: 'team/cluster', hasHook: false, changes: 0}),
      open: () => open,
      async openChange({branch, commit, title, replaces}, until) {
        if (fault.message !== '') throw new Error(fault.message);
        await pushBranch({gitdir: mirror, remote, branch, to: commit, replaces}, until);
        const known = open.findIndex((pull) => pull.branch === branch);
        const number = open[known]?.number ?? opened.length + 1;
        const pull = {number, title, author: 'bot', url: `https://forge.test/${number}`, openedAt: '', head: commit, branch, isFromFork: false};
        open.splice(known === -1 ? open.length : known, known === -1 ? 0 : 1, pull);
        opened.push(`#${number} ${title}`);
        return {number, url: pull.url};
      },
    },
  });
  const forge = make();
  return {
    gitdir, clone, forge, make, open,
    main: () => main(signal),
    pushToMain: (files: Readonly<Record<string, string>>) => push(files),
    opened, done, fault,
    propose: (source: string, proposals = forge) => proposals.proposeRelease(changeOf(source), {app: shop, image: `sha256:${source.repeat(64)}` as ImageDigest, createdAt: atOf(source), source: source.repeat(40)}, WHO, signal),
    /** As the forge's button does. */
    async merge({branch}: OpenPull) {
      await run(clone, 'fetch', '--quiet', 'origin');
      await run(clone, 'checkout', '--quiet', '--detach', 'origin/main');
      await run(clone, 'merge', '--quiet', '--squash', `origin/${branch}`);
      await run(clone, 'commit', '--quiet', '--message', 'squashed');
      await run(clone, 'push', '--quiet', 'origin', 'HEAD:main', `:${branch}`);
      open.splice(open.findIndex((pull) => pull.branch === branch), 1);
    },
    listed: (proposals = forge, askedAtMs = Date.now() + 1) => proposals.listed(open, askedAtMs, signal),
    waiting: () => run(mirror, 'for-each-ref', 'refs/flynn/waiting'),
  };
}

function atOf(source: string): string {
  return `2026-11-26T10:00:0${Number.parseInt(source, 16) % 10}.000Z`;
}

function changeOf(source: string): Change {
  const made = {image: `sha256:${source.repeat(64)}`, source: {commit: source.repeat(40), builder: 'flynn'}, services: {web: {command: ['run']}}, pushedBy: 'Dee', createdAt: atOf(source)};
  // As a push does: under the number that is next.
  return {edit: (read, list) => addRelease(shop, made, {keep: 99, numberAbove: 1})(read, list), message: `shop: release v2 (${source.repeat(8)})\n\nFlynn-App: shop\nFlynn-Source: ${source.repeat(40)}`, author: WHO, operationId: `${source.repeat(8)}-1`};
}

test('a release waits in a pull request, is kept for it, and is looked after when main has it, however it was merged', async (t) => {
  const {forge, propose, open, merge, main, listed, done, waiting} = await subject(t);
  const proposal = await propose('a');
  t.like(proposal, {number: 1, title: 'shop: release v2 (aaaaaaaa)', url: 'https://forge.test/1', branch: 'flynn/release-shop-aaaaaaaa', missing: []});
  t.true(proposal.plan.lines.some((line) => /release +v1 → v2/.test(line)), proposal.plan.lines.join('\n'));
  t.deepEqual([...forge.proposedImages() ?? []], [['shop', [`sha256:${'a'.repeat(64)}`]]]);
  await listed();
  t.deepEqual(done, []);
  t.like((await forge.list('open', 10, signal))[0], {number: 1, app: 'shop', state: 'open'});
  await merge(open[0]!); // it is there
  await forge.landed(await main(), signal);
  await forge.landed(await main(), signal);
  t.deepEqual(done, [`prepare v2 ${atOf('a')}`, `look after ${atOf('a')}`, `let go ${atOf('a')}`]);
  t.is(await waiting(), '');
});

test('another push changes the same pull request, unless somebody has worked on it', async (t) => {
  const {propose, open, clone, opened, done} = await subject(t);
  await propose('a');
  await propose('b');
  t.deepEqual(opened, ['#1 shop: release v2 (aaaaaaaa)', '#1 shop: release v2 (bbbbbbbb)']);
  t.deepEqual(done, [`let go ${atOf('a')}`]);
  await run(clone, 'fetch', '--quiet', 'origin');
  await run(clone, 'checkout', '--quiet', '--detach', `origin/${open[0]?.branch}`);
  const theirs = await commitFiles(clone, {'apps/shop/note.txt': 'theirs'});
  await run(clone, 'push', '--quiet', 'origin', `HEAD:${open[0]?.branch}`);
  await propose('c');
  t.is(open.length, 2);
  t.is(await run(clone, 'ls-remote', 'origin', `refs/heads/${open[0]?.branch}`), `${theirs}\trefs/heads/${open[0]?.branch}`);
});

test('what can\'t be brought there leaves the one before as it is', async (t) => {
  const {forge, propose, fault, done, open, merge, main} = await subject(t);
  await propose('a');
  fault.message = 'the forge is out of order';
  await t.throwsAsync(propose('b'), {message: fault.message});
  t.deepEqual([...forge.proposedImages()?.values() ?? []], [[`sha256:${'a'.repeat(64)}`]]);
  await merge(open[0]!); // it is there
  await forge.landed(await main(), signal);
  t.is(done[0], `prepare v2 ${atOf('a')}`);
});

test('one that is closed is let go, also by a process that came later; what was asked before it was opened says nothing', async (t) => {
  const {propose, make, open, listed, done, waiting} = await subject(t);
  const askedAtMs = Date.now() - 1;
  await propose('a');
  const closed = open.splice(0);
  t.is(closed.length, 1);
  const later = make();
  t.not(await waiting(), '');
  await listed(later);
  t.deepEqual(done, [`let go ${atOf('a')}`]);
  t.is(await waiting(), '');
  const {forge, propose: again, open: others, waiting: left} = await subject(t);
  await again('a');
  others.splice(0);
  await forge.listed([], askedAtMs, signal);
  t.not(await left(), '', 'it was opened after the forge was asked');
});

test('a merge that the list of open ones does not show any more, and that nobody has fetched yet, is none that was closed; it is looked after when it is applied', async (t) => {
  const {forge, main, propose, open, merge, listed, done, waiting} = await subject(t);
  await propose('a');
  await merge(open[0]!); // it is there
  await listed();
  t.deepEqual(done, []);
  t.not(await waiting(), '');
  await forge.landed(await main(), signal);
  t.deepEqual(done.map((line) => line.replace(/ \d{4}-.*/, '')), ['prepare v2', 'look after', 'let go']);
});

test('when main gives its number to another release, the pull request gets the next one', async (t) => {
  const {propose, open, opened, pushToMain, listed, merge, forge, main, done, gitdir} = await subject(t);
  await propose('a');
  const files = release('shop', 2);
  await pushToMain(files.kind === 'text' ? {[files.path]: files.text} : {});
  await main();
  await listed();
  t.deepEqual(opened, ['#1 shop: release v2 (aaaaaaaa)', '#1 shop: release v3 (aaaaaaaa)']);
  t.regex(await run(gitdir, 'log', '-1', '--format=%B', open[0]?.head ?? ''), /^shop: release v3 \(aaaaaaaa\)\n\nFlynn-App: shop\n/);
  await listed();
  t.is(opened.length, 2);
  await merge(open[0]!); // it is there
  await forge.landed(await main(), signal);
  t.true(done.includes(`prepare v3 ${atOf('a')}`), done.join('\n'));
});

test('what is reviewed there is not decided here, and it is said where', async (t) => {
  const {forge, propose} = await subject(t);
  await propose('a');
  await t.throwsAsync(forge.merge(1), {message: '#1 is a pull request, and is reviewed there: https://forge.test/1'});
  await t.throwsAsync(forge.show(9), {message: /review changes there$/});
});
