import test from 'ava';
import type {AppName, ImageDigest} from '../../../schemas/ids.ts';
import type {Change} from '../../../reconciler/checkout/snapshot.ts';
import {addRelease, scale} from '../../../reconciler/commits/edits.ts';
import {setScalar} from '../../../reconciler/commits/yaml-edit.ts';
import {cloneOf, commitFiles, run} from '../checkout/support.ts';
import {signal, subject, type Subject} from './support.ts';

const shop = 'shop' as AppName;
const REVIEW = 'review: {paths: ["apps/shop/**"]}\n';

function scaling(service: string, count: number, operationId = `scale ${service} ${count}`): Change {
  return {edit: scale(shop, {[service]: count}), message: `shop: scale ${service} ${count}`, author: {name: 'dee', email: 'dee@example.com'}, operationId};
}

/** Whoever changes main without a proposal. */
async function onMain({repo}: Subject, service: string, count: number): Promise<void> {
  await repo.commit({edit: (read) => ({'apps/shop/app.yaml': setScalar(read('apps/shop/app.yaml') ?? '', ['services', service, 'replicas'], count) ?? ''}), message: 'meanwhile', author: {name: 'x', email: 'x@x.x'}, operationId: `main ${service} ${count}`}, signal);
}

test('what a deployer proposes is merged when a maintainer has approved it, and says who did what', async (t) => {
  const {desk, who, gitdir, repo} = await subject(t, {cluster: REVIEW});
  const before = (await repo.snapshot(signal)).commit;
  const {proposal, isNew} = await desk.propose({...scaling('web', 3), message: 'Three for the sale'}, who('dee'), signal);
  t.true(isNew);
  t.is((await repo.snapshot(signal)).commit, before, 'main is as it was');
  t.is(proposal.branch, 'proposals/1-three-for-the-sale');
  t.deepEqual(proposal.approvals, {has: 0, needs: 1});
  t.deepEqual(proposal.missing, ['apps/shop/app.yaml: 0 of 1 approval of people who may change its app.yaml (shop)']);
  t.deepEqual(proposal.files, [{path: 'apps/shop/app.yaml', change: 'changed', isProtected: true}]);
  t.deepEqual(proposal.plan.lines, ['~ shop', '    services.web.replicas  1 → 3']);

  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: /0 of 1 approval of people/});
  await t.throwsAsync(desk.approve(1, {}, who('dee'), signal), {message: '#1 is your own: somebody else has to approve it'});
  await t.throwsAsync(desk.approve(1, {}, who('vic'), signal), {message: 'nothing of #1 is yours to approve: vic may not change apps/shop/app.yaml'});
  const approved = await desk.approve(1, {comment: 'fine', seen: proposal.seen}, who('max'), signal);
  t.deepEqual(approved.missing, []);
  t.is(approved.reviews[0]?.comment, 'fine');

  const merged = await desk.merge(1, {seen: proposal.seen}, who('dee'), signal);
  t.deepEqual(merged.apps, [shop]);
  t.is((await run(gitdir, 'show', '--no-patch', '--format=%an%n%B', 'main')).replace(/^(Flynn-Tool: flynn\/)\d+\.\d+\.\d+$/m, '$1VERSION'), [
    'dee', 'Three for the sale (#1)', '', 'Flynn-Proposal: 1', 'Proposed-by: dee <dee@example.com>', 'Approved-by: max <max@example.com>', 'Merged-by: dee <dee@example.com>', 'Flynn-Tool: flynn/VERSION', `Flynn-Operation: proposal-1-${proposal.tip}`, '',
  ].join('\n'));
  t.regex(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), /replicas: 3/);
  t.is(await run(gitdir, 'for-each-ref', 'refs/heads/proposals'), '');
  t.deepEqual((await desk.list('all', 10, signal)).map(({state, ended}) => `${state} by ${ended?.by}`), ['merged by dee']);
  t.deepEqual(await desk.list('open', 10, signal), []);
  t.deepEqual((await desk.show(1, signal)).plan.lines, proposal.plan.lines, 'what it changed');
  await t.throwsAsync(desk.merge(1, {}, who('dee'), signal), {message: /^#1 is merged already, as [0-9a-f]{8}$/});
});

test('an approval falls when the proposal changes, or what main makes of its files; one of other files changes nothing', async (t) => {
  const all = await subject(t, {cluster: REVIEW, files: {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'}});
  const {desk, who, gitdir} = all;
  const {proposal} = await desk.propose(scaling('web', 3), who('dee'), signal);
  const listed = async () => (await desk.list('open', 10, signal)).map(({approvals}) => approvals?.has);
  t.deepEqual(await listed(), [0]);
  await desk.approve(1, {}, who('max'), signal);
  t.deepEqual(await listed(), [1]);
  const clone = await cloneOf(t, gitdir);
  await commitFiles(clone, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {A: b}\n'});
  await run(clone, 'push', '--quiet', 'origin', 'main');
  t.deepEqual((await desk.show(1, signal)).approvals, {has: 1, needs: 1});
  t.deepEqual(await listed(), [1]);

  await onMain(all, 'worker', 2);
  t.deepEqual(await listed(), [0]);
  const moved = await desk.show(1, signal);
  t.deepEqual(moved.conflicts, []);
  t.is(moved.reviews[0]?.stale, 'main has changed what becomes of its files since');
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: /0 of 1/});
  await t.throwsAsync(desk.approve(1, {seen: proposal.seen}, who('max'), signal), {message: /main has changed what becomes of it, since you looked/});
  await desk.approve(1, {seen: moved.seen}, who('max'), signal);
  t.deepEqual((await desk.show(1, signal)).approvals, {has: 1, needs: 1});

  t.deepEqual(await listed(), [1]);
  await run(clone, 'fetch', '--quiet');
  await run(clone, 'switch', '--quiet', proposal.branch);
  await commitFiles(clone, {'apps/shop/note.txt': 'more'});
  t.is(await desk.pushed({branch: `refs/heads/${proposal.branch}`, title: 'more'}, {user: 'mia', name: 'mia', email: 'mia@example.com'}, signal), 1);
  await run(clone, 'push', '--quiet', 'origin', proposal.branch);
  t.deepEqual(await listed(), [0]);
  const changed = await desk.show(1, signal);
  t.regex(changed.reviews[0]?.stale ?? '', /^it was for [0-9a-f]{8}, and the proposal has changed since$/);
  await t.throwsAsync(desk.approve(1, {}, who('mia'), signal), {message: /your own/}, 'who has put something on the branch is one of its authors');
});

test('what conflicts is neither approved nor merged, says where, and goes on once it is put right', async (t) => {
  const all = await subject(t, {cluster: REVIEW});
  const {desk, who, gitdir} = all;
  const {proposal} = await desk.propose(scaling('web', 3), who('dee'), signal);
  await desk.approve(1, {}, who('max'), signal);
  await onMain(all, 'web', 5);
  const conflicting = await desk.show(1, signal);
  t.deepEqual(conflicting.conflicts, ['apps/shop/app.yaml']);
  t.deepEqual(conflicting.plan.lines.slice(0, 2), ['~ shop', '    services.web.replicas  1 → 3'], 'what main got meanwhile is not taken back in the plan');
  const refusal = {message: 'apps/shop/app.yaml: main has changed the same lines since. To go on, in a clone: git fetch && git switch proposals/1-shop-scale-web-3 && git merge origin/main, put it right, and git push'};
  await t.throwsAsync(desk.approve(1, {}, who('max'), signal), refusal);
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), refusal);

  const clone = await cloneOf(t, gitdir);
  await run(clone, 'switch', '--quiet', proposal.branch);
  await run(clone, 'merge', '--quiet', '-X', 'ours', 'origin/main');
  await run(clone, 'push', '--quiet', 'origin', proposal.branch);
  await desk.approve(1, {}, who('max'), signal);
  await desk.merge(1, {}, who('dee'), signal);
  t.regex(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), /replicas: 3/);
});

test('without protected paths who has the rights merges, and who has not needs somebody who has', async (t) => {
  const {desk, who} = await subject(t);
  const env: Change = {edit: (read) => ({'apps/shop/app.yaml': `${read('apps/shop/app.yaml')}env: {A: b}\n`}), message: 'shop: env A', author: {name: 'x', email: 'x@x.x'}, operationId: 'env'};
  await desk.propose(env, who('dee'), signal);
  await t.throwsAsync(desk.merge(1, {}, who('dee'), signal), {message: 'apps/shop/app.yaml: an approval of somebody who may change its app.yaml (shop)\n#1 can\'t be merged yet, this is missing'});
  await desk.merge(1, {}, who('max'), signal);
});

test('two approvals are two people, and approvals at the same moment do not get lost', async (t) => {
  const {desk, who} = await subject(t, {cluster: 'review: {approvals: 2, paths: ["apps/**"]}\n'});
  await desk.propose(scaling('web', 3), who('dee'), signal);
  await desk.approve(1, {}, who('max'), signal);
  await desk.approve(1, {comment: 'again'}, who('max'), signal);
  t.deepEqual((await desk.show(1, signal)).approvals, {has: 1, needs: 2});
  await Promise.all([desk.approve(1, {}, who('mia'), signal), desk.approve(1, {}, who('ada'), signal)]);
  t.deepEqual((await desk.show(1, signal)).reviews.map(({by}) => by).toSorted(), ['ada', 'max', 'mia']);
});

test('proposals at the same moment get numbers of their own, and a repeated wish finds its own', async (t) => {
  const {desk, who, repo} = await subject(t);
  const made = await Promise.all([2, 3, 4, 5].map((count) => desk.propose(scaling('web', count), who('dee'), signal)));
  t.deepEqual(made.map(({proposal: {number}}) => number).toSorted(), [1, 2, 3, 4]);
  const again = await desk.propose(scaling('web', 3), who('dee'), signal);
  t.false(again.isNew);
  t.is(again.proposal.title, 'shop: scale web 3');
  await t.throwsAsync(desk.propose(scaling('web', 1), who('dee'), signal), {message: 'there is nothing to propose: main is so already'});
  await t.throwsAsync(desk.propose(scaling('nothing', 1), who('dee'), signal), {message: /has no service "nothing"/});
  t.is((await repo.snapshot(signal)).subject, 'create the cluster repository');
});

test('who has written it, or may change its files, closes it; its number is not used again', async (t) => {
  const {desk, who, gitdir} = await subject(t);
  await desk.propose(scaling('web', 3), who('dee'), signal);
  await t.throwsAsync(desk.close(1, {}, who('vic'), signal), {message: /not yours to close/});
  t.is((await desk.close(1, {comment: 'no'}, who('dee'), signal)).state, 'closed');
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: '#1 is closed already'});
  t.is((await desk.propose(scaling('web', 4), who('dee'), signal)).proposal.number, 2);
  t.deepEqual((await desk.show(1, signal)).commits.map(({subject: said}) => said), ['shop: scale web 3']);
  t.regex(await run(gitdir, 'log', '--format=%an: %s', 'refs/flynn/proposals/1'), /^dee: proposal 1: close\n/);
});

test('what somebody merges in a clone is merged, and so is what was merged when we were killed', async (t) => {
  const {desk, who, gitdir} = await subject(t);
  const {proposal} = await desk.propose(scaling('web', 3), who('dee'), signal);
  const clone = await cloneOf(t, gitdir);
  await run(clone, 'merge', '--quiet', '--no-edit', `origin/${proposal.branch}`);
  await run(clone, 'push', '--quiet', 'origin', 'main');
  t.deepEqual(await desk.list('open', 10, signal), []);
  t.deepEqual((await desk.list('all', 10, signal)).map(({state}) => state), ['merged']);
  t.is(await run(gitdir, 'for-each-ref', 'refs/heads/proposals'), '');
});

test('what is wrong on main as it is now is not merged', async (t) => {
  const {desk, who, gitdir} = await subject(t, {cluster: 'policy: {shop: {privileged: true}}\n'});
  const privileged: Change = {edit: (read) => ({'apps/shop/app.yaml': (read('apps/shop/app.yaml') ?? '').replace('  web:\n', '  web:\n    privileged: true\n')}), message: 'privileged', author: {name: 'a', email: 'a@a.a'}, operationId: 'one'};
  await desk.propose(privileged, who('ada'), signal);
  const clone = await cloneOf(t, gitdir);
  await commitFiles(clone, {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: home\ndomain: flynn.test\n'});
  await run(clone, 'push', '--quiet', 'origin', 'main');
  t.regex((await desk.show(1, signal)).problems[0] ?? '', /^apps\/shop\/app\.yaml:\d+:\d+: .*privileged/);
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: /privileged/});
});

test('a proposed release gets its number when it is merged; a second push changes the same proposal', async (t) => {
  const all = await subject(t, {files: {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nreview: required\n'}});
  const {desk, who, gitdir, repo, releases} = all;
  const release = (createdAt: string) => ({image: `sha256:${'a'.repeat(64)}`, source: {commit: 'b'.repeat(40), builder: 'node'}, services: {web: {command: ['run']}}, pushedBy: 'dee', createdAt});
  const proposing = (createdAt: string) => desk.proposeRelease(
    {edit: addRelease(shop, release(createdAt) as never, {keep: 1000}), message: `shop: release v1 (${createdAt.slice(0, 4)})\n\nFlynn-App: shop\nFlynn-Source: ${'b'.repeat(40)}`, author: {name: 'dee', email: 'dee@example.com'}, operationId: createdAt},
    {app: shop, image: `sha256:${'a'.repeat(64)}` as ImageDigest, createdAt, source: 'b'.repeat(40)}, {user: 'dee', name: 'dee', email: 'dee@example.com'}, signal,
  );
  const first = await proposing('2026-01-01T00:00:00.000Z');
  t.deepEqual(first.missing, ['apps/shop/releases/v0001.yaml: 0 of 1 approval of people who may deploy it (shop)']);
  await desk.approve(1, {}, who('max'), signal);
  const second = await proposing('2027-01-01T00:00:00.000Z');
  t.is(second.number, 1);
  t.deepEqual(second.approvals, {has: 0, needs: 1});
  await desk.list('open', 10, signal);
  t.deepEqual([...desk.proposedImages()?.get(shop) ?? []], [`sha256:${'a'.repeat(64)}` as ImageDigest]);
  await desk.approve(1, {}, who('max'), signal);

  // Somebody rolls something out meanwhile: v1 and v2 are taken.
  for (const at of ['x', 'y']) await repo.commit({edit: addRelease(shop, release(`2026-02-0${at === 'x' ? 1 : 2}T00:00:00.000Z`) as never, {keep: 10}), message: `shop: release ${at}`, author: {name: 'x', email: 'x@x.x'}, operationId: at}, signal);
  t.deepEqual((await desk.show(1, signal)).files.map(({path}) => path), ['apps/shop/releases/v0003.yaml']);
  t.deepEqual((await desk.show(1, signal)).approvals, {has: 1, needs: 1}, 'it is the same release under whatever number');
  const merged = await desk.merge(1, {}, who('dee'), signal);
  t.deepEqual(merged.release, {app: shop, number: 3});
  t.is(merged.message, 'shop: release v3 (2027) (#1)');
  t.regex(await run(gitdir, 'show', '--no-patch', '--format=%B', 'main'), /^Flynn-App: shop\nFlynn-Source: b{40}\nFlynn-Proposal: 1\n/m);
  t.regex(await run(gitdir, 'show', 'main:apps/shop/releases/v0003.yaml'), /2027-01-01/);
  t.is(await repo.nextReleaseFloor(shop, signal), 3);
  t.deepEqual(releases, ['prepare v3 shop of 2027-01-01T00:00:00.000Z', 'look after shop of 2027-01-01T00:00:00.000Z', 'let go shop of 2027-01-01T00:00:00.000Z']);
  await desk.list('open', 10, signal);
  t.deepEqual([...desk.proposedImages()?.keys() ?? ['not known']], []);
});

test('a proposal that only says more about it has a plan that says so', async (t) => {
  const {desk, who} = await subject(t);
  const edit: Change['edit'] = (read) => ({'apps/shop/app.yaml': `${read('apps/shop/app.yaml')}# for the sale\n`});
  const {proposal} = await desk.propose({...scaling('web', 3), edit}, who('dee'), signal);
  t.deepEqual(proposal.plan.lines, ['no change to what runs (comments, formatting, or files that no node reads)']);
});

test('of what main has already nothing is left to approve, and that is what is said', async (t) => {
  const all = await subject(t, {cluster: REVIEW});
  const {desk, who} = all;
  const {proposal} = await desk.propose({...scaling('web', 3), message: 'Über drei für Café'}, who('dee'), signal);
  t.is(proposal.branch, 'proposals/1-uber-drei-fur-cafe');
  await onMain(all, 'web', 3);
  await t.throwsAsync(desk.approve(1, {}, who('max'), signal), {message: 'main has all of #1 already: there is nothing to approve'});
});

test('a comment decides nothing, stays when the proposal is over, and is told of', async (t) => {
  const {desk, who, told} = await subject(t, {cluster: REVIEW});
  await desk.propose(scaling('web', 3), who('dee'), signal);
  await desk.comment(1, 'why 3?\n2 were enough', who('max'), signal);
  await desk.approve(1, {}, who('max'), signal);
  const shown = await desk.comment(1, 'for the sale', who('dee'), signal);
  t.deepEqual(shown.comments.map(({by, text}) => `${by}: ${text}`), ['max: why 3?\n2 were enough', 'dee: for the sale']);
  t.deepEqual(shown.approvals, {has: 1, needs: 1}, 'an approval stands');
  await desk.merge(1, {}, who('dee'), signal);
  t.deepEqual((await desk.comment(1, 'thanks', who('dee'), signal)).comments.at(-1)?.text, 'thanks');
  t.is((await desk.list('all', 10, signal))[0]?.state, 'merged');
  await t.throwsAsync(desk.comment(2, 'what?', who('dee'), signal), {message: 'there is no proposal #2'});
  const title = 'shop: scale web 3';
  t.deepEqual(told, [
    `proposal #1 is proposed: ${title} (dee)`, `proposal #1 is commented on: ${title} (max)`, `proposal #1 is approved: ${title} (max)`, `proposal #1 is commented on: ${title} (dee)`, `proposal #1 is merged: ${title} (dee)`,
    `proposal #1 is commented on: ${title} (dee)`,
  ]);
});

test('rights that are taken away are taken away from approvals, too; a proposal stays when whoever wrote it goes', async (t) => {
  const {desk, who, become} = await subject(t, {cluster: REVIEW});
  const {proposal: {seen}} = await desk.propose(scaling('web', 3), who('dee'), signal);
  await desk.approve(1, {}, who('max'), signal);
  become('max', 'apps: {shop: viewer}');
  const lowered = await desk.show(1, signal);
  t.deepEqual(lowered.approvals, {has: 0, needs: 1});
  t.is(lowered.reviews[0]?.stale, 'what it was for is not his to change any more');
  t.is(lowered.seen, seen);
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: /0 of 1 approval/});
  become('max', undefined);
  t.is((await desk.show(1, signal)).reviews[0]?.stale, 'there is nobody of this name any more');
  become('dee', undefined);
  await desk.approve(1, {}, who('the operator'), signal);
  t.is((await desk.merge(1, {}, who('ada'), signal)).number, 1);
});

test('what a proposal says of reviews does not count for itself', async (t) => {
  const {desk, who, gitdir} = await subject(t, {cluster: 'review: {approvals: 2, paths: ["cluster.yaml", "apps/shop/**"]}\n'});
  const clone = await cloneOf(t, gitdir);
  await run(clone, 'switch', '--quiet', '--create', 'proposals/easy');
  const cluster = (await run(clone, 'show', 'HEAD:cluster.yaml')).replace(/review: .*/, 'review: {approvals: 1, paths: []}');
  await commitFiles(clone, {'cluster.yaml': `${cluster}\n`, 'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {A: b}\n'});
  await desk.pushed({branch: 'refs/heads/proposals/easy', title: 'easy'}, {user: 'ada', name: 'ada', email: 'ada@example.com'}, signal);
  await run(clone, 'push', '--quiet', 'origin', 'proposals/easy');
  const {files, missing} = await desk.show(1, signal);
  t.deepEqual(files.map(({path, isProtected}) => `${path} ${isProtected}`), ['apps/shop/app.yaml true', 'cluster.yaml true']);
  t.deepEqual(missing.map((line) => line.replace(/ approvals.*/, '')), ['apps/shop/app.yaml: 0 of 2', 'cluster.yaml: 0 of 2']);
  await t.throwsAsync(desk.merge(1, {}, who('ada'), signal), {message: /cluster\.yaml: 0 of 2/});
});
