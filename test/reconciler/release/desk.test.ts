import {rm} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {NO_COMMIT} from '../../../reconciler/adapters/git-format.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {addRelease, removeRelease} from '../../../reconciler/commits/edits.ts';
import type {Edit} from '../../../reconciler/checkout/snapshot.ts';
import type {DeployOutcome} from '../../../reconciler/node.ts';
import {releaseDesk} from '../../../reconciler/release/desk.ts';
import {Makings} from '../../../reconciler/release/makings.ts';
import type {RebaseDeps} from '../../../reconciler/release/rebase.ts';
import type {ReleaseLine, RollbackWish} from '../../../reconciler/release/releases.ts';
import type {AppName, ImageDigest} from '../../../schemas/ids.ts';
import {NO_REGISTRY} from '../../support/no-registry.ts';
import {until as eventually} from '../../support/until.ts';
import {ADA, bareRepo, change, run} from '../checkout/support.ts';

const SHOP = 'shop' as AppName;
const FILE = 'apps/shop/app.yaml';
const HEAD = 'apiVersion: flynn/v1\nkind: App\n';
const CLUSTER = 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\nkeep: {releases: 2}\n';
const FAILED: DeployOutcome = {result: 'failed', commit: NO_COMMIT as never, cause: 'web.1 exited with code 3', log: ['no database']};
const until = () => AbortSignal.timeout(60_000);
const image = (number: number) => `sha256:${String(number).repeat(64)}` as ImageDigest;

interface Given {
  /** What the node says one after the other; then that everything works. */
  readonly outcomes?: readonly DeployOutcome[];
  readonly serving?: number;
  readonly gone?: readonly string[];
  /** Sources that are not there any more. */
  readonly lost?: readonly string[];
  /** What the current release stands on. */
  readonly standing?: Awaited<ReturnType<RebaseDeps['standingOf']>>;
  /** Happens while the node is waited for. */
  meanwhile?(commit: (edit: Edit) => Promise<unknown>): Promise<unknown>;
  /** Happens before the node starts. */
  prepare?(before: {readonly makings: Makings; commit(edit: Edit): Promise<unknown>}): Promise<void>;
}

/** A cluster repository with an app, and the desk over it, with a node that does as it is told. */
async function shop(t: ExecutionContext, {outcomes = [], serving, gone = [], lost = [], standing = {state: 'outdated'}, meanwhile, prepare}: Given = {}) {
  const gitdir = await bareRepo(t, {'cluster.yaml': CLUSTER, [FILE]: `${HEAD}env: {TEXT: first}\n`});
  const repo = ownRepo({gitdir});
  const stop = new AbortController();
  t.teardown(() => {
    stop.abort();
    repo.close();
  });
  const left = [...outcomes];
  const kept: string[] = [];
  let operations = 0;
  const commit = (edit: Edit) => repo.commit(change(edit, `operation-${operations += 1}`), until());
  const makings = new Makings(path.join(path.dirname(gitdir), `${path.basename(gitdir)}-makings`));
  t.teardown(() => rm(path.join(path.dirname(gitdir), `${path.basename(gitdir)}-makings`), {recursive: true, force: true}));
  await prepare?.({commit, makings});
  const deps: Parameters<typeof releaseDesk>[0] = {
    repo, makings, proposals: undefined,
    node: {wake: () => {}, converged: async (_app, _onProgress, signal) => {
      await meanwhile?.(commit);
      return left.shift() ?? {result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: ['http://shop.flynn.test/']};
    }},
    log: (message, error) => t.log(message, error),
    takeImage: async ({name}) => (name === 'good' ? {ok: true, value: {image: image(9), id: image(8), name: 'good:latest', ports: [80, 443]}} : {ok: false, problem: {reason: `there is no "${name}"`}}),
    standingOf: async () => standing,
    rebaseImage: async ({image: before}) => (before === image(7) ? {ok: false, problem: {reason: 'its image stands on Debian 12'}} : {ok: true, value: image(6)}),
    registry: NO_REGISTRY,
    isInRegistry: () => false,
    isImageHere: async (_app, id) => !gone.includes(id),
    isSourceHere: async (_app, source) => !lost.includes(source),
    keepSource: async ({commit: source, number}) => void kept.push(`v${number} ${source.slice(0, 4)}`),
    servingRelease: () => serving,
  };
  const desk = releaseDesk(deps, stop.signal);
  const show = async (file: string) => run(gitdir, 'show', `main:${file}`).catch(() => undefined);
  return {
    desk, kept, commit, show, makings,
    /** Of the next process. */
    nextDesk: () => releaseDesk(deps, stop.signal),
    release: (number: number, keep = 2) => commit(addRelease(SHOP, {image: image(number), source: {commit: String(number).repeat(40), builder: 'Node.js'}, services: {web: {command: ['node']}}, pushedBy: 'ann', createdAt: `2026-11-23T09:30:0${number}Z`}, {keep, numberAbove: number - 1})),
    configure: (text: string) => commit(() => ({[FILE]: `${HEAD}${text}`})),
    rollback: async (wish: Partial<RollbackWish> = {}) => all(desk.rollback(SHOP, {isCodeOnly: false, ...wish}, {author: ADA, operationId: `wish-${operations += 1}`, signal: until()})),
    files: async () => (await run(gitdir, 'ls-tree', '-r', '--name-only', 'main', 'apps/shop')).split('\n').map((file) => file.replace('apps/shop/', '')),
    subject: () => run(gitdir, 'log', '-1', '--format=%s', 'main'),
  };
}

async function all(lines: AsyncIterable<ReleaseLine>): Promise<readonly ReleaseLine[]> {
  const told: ReleaseLine[] = [];
  for await (const line of lines) told.push(line);
  return told;
}

test('a rollback repeats the release before, with the configuration that was last beside it', async (t) => {
  const {rollback, release, configure, show, kept, subject} = await shop(t);
  await release(1);
  await configure('env: {TEXT: second}\n');
  await release(2);
  await configure('env: {TEXT: third, MORE: x}\nservices: {web: {replicas: 3}}\n');
  const lines = await rollback();
  t.deepEqual(lines.at(-1), {outcome: {result: 'healthy', release: 3, urls: ['http://shop.flynn.test/']}});
  t.is(await show(FILE), `${HEAD}env: {TEXT: second}\nservices: {web: {replicas: 3}}`);
  t.regex(await show('apps/shop/releases/v0003.yaml') ?? '', new RegExp(`image: ${image(1)}\n[^]*rollbackOf: 1\npushedBy: Ada\n`));
  t.is(await subject(), 'shop: release v3 (rollback to v1)');
  t.deepEqual(kept, ['v3 1111']);
});

test('a rollback to a release whose image is gone is made when its source is there, and says so before', async (t) => {
  const {desk, rollback, release} = await shop(t, {gone: [image(1)]});
  await release(1);
  await release(2);
  t.like(await desk.preview(SHOP, {isCodeOnly: false}, until()), {to: 1, isImageHere: false});
  t.like((await rollback()).at(-1), {outcome: {result: 'healthy', release: 3}});
});

test('a rollback of the code alone leaves the configuration', async (t) => {
  const {rollback, release, configure, show} = await shop(t);
  await release(1);
  await configure('env: {TEXT: second}\n');
  await release(2);
  await rollback({to: 1, isCodeOnly: true});
  t.is(await show(FILE), `${HEAD}env: {TEXT: second}`);
});

test('a rollback to a rollback repeats what that repeated, and is called what it was asked for', async (t) => {
  const {desk, rollback, release} = await shop(t);
  await release(1, 9);
  await release(2, 9);
  await rollback();
  await rollback({to: 2});
  await rollback({to: 3});
  t.like(await desk.list(SHOP, 3, until()), {current: 5, releases: [
    {number: 5, description: 'Rollback to v3', rollbackOf: 1}, {number: 4, description: 'Rollback to v2', rollbackOf: 2}, {number: 3, description: 'Rollback to v1', rollbackOf: 1},
  ]});
});

test('secrets go back too, and by name only in the preview', async (t) => {
  const {desk, rollback, release, commit, show} = await shop(t);
  const sealed = (text: string) => `apiVersion: flynn/v1\nkind: Secrets\nenv:\n  KEY: ${text}\n`;
  await commit(() => ({'apps/shop/secrets.yaml': sealed('canary-one')}));
  await release(1);
  await release(2);
  await commit(() => ({'apps/shop/secrets.yaml': sealed('canary-two')}));
  const {changes} = await desk.preview(SHOP, {isCodeOnly: false}, until());
  t.is(changes.length, 1);
  t.false(changes.join().includes('canary'));
  await rollback();
  t.is(await show('apps/shop/secrets.yaml'), sealed('canary-one').trim());
});

test('a release whose file was pruned can be gone back to while its image is there', async (t) => {
  const {rollback, release, files} = await shop(t);
  for (const number of [1, 2, 3]) await release(number);
  t.deepEqual(await files(), ['app.yaml', 'releases/v0002.yaml', 'releases/v0003.yaml']);
  t.like((await rollback({to: 1})).at(-1), {outcome: {result: 'healthy', release: 4}});
  t.deepEqual(await files(), ['app.yaml', 'releases/v0003.yaml', 'releases/v0004.yaml']);
});

test('without a number, a current release that failed is rolled back to the one that serves', async (t) => {
  const {desk, release} = await shop(t, {serving: 1});
  for (const number of [1, 2, 3]) await release(number, 5);
  t.like(await desk.preview(SHOP, {isCodeOnly: false}, until()), {from: 3, to: 1});
});

test('without a number, releases that were reverted are passed over', async (t) => {
  const {desk, release, commit} = await shop(t);
  await release(1, 5);
  await release(2, 5);
  await commit(removeRelease(SHOP, 2));
  await release(3, 5);
  t.like(await desk.preview(SHOP, {isCodeOnly: false}, until()), {from: 3, to: 1});
  t.like(await desk.preview(SHOP, {isCodeOnly: false, to: 2}, until()), {from: 3, to: 2});
});

test('a rollback that fails is taken back, code and configuration', async (t) => {
  const {rollback, release, configure, show, files, subject} = await shop(t, {outcomes: [FAILED]});
  await release(1);
  await configure('env: {TEXT: second}\n');
  await release(2);
  await configure('env: {TEXT: third}\n');
  t.deepEqual((await rollback()).at(-1), {outcome: {result: 'failed', release: 3, cause: 'web.1 exited with code 3', log: ['no database'], isTakenBack: true}});
  t.is(await show(FILE), `${HEAD}env: {TEXT: third}`);
  // The one that it pruned is in history only; its image is kept for as long as it is among the newest.
  t.deepEqual(await files(), ['app.yaml', 'releases/v0002.yaml']);
  t.is(await subject(), 'shop: take back release v3');
});

test('what somebody changed while a failing rollback was deployed is left to him', async (t) => {
  const theirs = `${HEAD}env: {TEXT: theirs}`;
  const {rollback, release, configure, show} = await shop(t, {outcomes: [FAILED], meanwhile: (commit) => commit(() => ({[FILE]: `${theirs}\n`}))});
  await release(1);
  await configure('env: {TEXT: second}\n');
  await release(2);
  await rollback();
  t.is(await show(FILE), theirs);
});

test('a rollback that fails after a newer release came is not taken back', async (t) => {
  let isDone = false;
  const {rollback, release, files} = await shop(t, {outcomes: [FAILED], meanwhile: async () => {
    if (!isDone) await release(4, 9);
    isDone = true;
  }});
  await release(1, 9);
  await release(2, 9);
  t.deepEqual((await rollback()).at(-1), {outcome: {result: 'superseded', release: 3, by: 4}});
  t.true((await files()).includes('releases/v0004.yaml'));
});

for (const [claim, wish, message] of [
  ['to the current release', {to: 3}, 'v3 is the current release already'],
  ['to one that there never was', {to: 7}, 'there never was a release v7'],
  ['made on another release than the current one', {to: 1, from: 2}, 'v3 was released meanwhile, the rollback was asked for on v2: look again'],
  ['whose image is gone', {to: 2}, `the image of v2 (${'2'.repeat(12)}) is not on this node any more, and neither is its source 22222222. To go back all the same, push that: git push --force flynn 22222222:main`],
] as const) {
  test(`a rollback ${claim} is refused, and changes nothing`, async (t) => {
    const {desk, rollback, release, subject} = await shop(t, {gone: [image(2)], lost: ['2'.repeat(40)]});
    for (const number of [1, 2, 3]) await release(number, 5);
    const before = await subject();
    await t.throwsAsync(desk.preview(SHOP, {isCodeOnly: false, ...wish}, until()), {message});
    await t.throwsAsync(rollback(wish), {message});
    t.is(await subject(), before);
  });
}

test('a rollback of an app without releases, or with one only, is refused', async (t) => {
  const {desk, release} = await shop(t);
  await t.throwsAsync(desk.preview(SHOP, {isCodeOnly: false}, until()), {message: '⬢ shop has no release yet'});
  await release(1);
  await t.throwsAsync(desk.preview(SHOP, {isCodeOnly: false}, until()), {message: 'there is no release before v1 to go back to'});
  await t.throwsAsync(desk.preview('blog' as AppName, {isCodeOnly: false}, until()), {message: 'there is no app "blog"'});
});

test('a prebuilt image becomes a release with the lowest port that it exposes', async (t) => {
  const {desk, show, subject} = await shop(t);
  const deploy = (name: string) => all(desk.deployImage(SHOP, {image: name, isPulled: false, service: 'web', command: []}, {author: ADA, operationId: name, signal: until()}));
  t.like((await deploy('good')).at(-1), {outcome: {result: 'healthy', release: 1}});
  t.regex(await show('apps/shop/releases/v0001.yaml') ?? '', new RegExp(`image: ${image(9)}\nsource:\n {2}image: good:latest\n {2}id: ${image(8)}\nservices:\n {2}web:\n {4}command: \\[\\]\n {4}port: 80\n`));
  t.is(await subject(), 'shop: release v1 (good:latest)');
  await t.throwsAsync(deploy('bad'), {message: 'there is no "bad"'});
  t.like(await desk.list(SHOP, 5, until()), {current: 1, releases: [{number: 1, description: 'Deploy good:latest', by: 'Ada'}]});
});

test('a rebase is a release of the same source and commands, with another image', async (t) => {
  const {desk, release, show, subject, kept} = await shop(t);
  t.deepEqual(await desk.rebasePreview(SHOP, until()), {app: SHOP, state: 'fixed', reason: 'it has no release yet'});
  await release(1);
  t.deepEqual(await desk.rebasePreview(SHOP, until()), {app: SHOP, release: 1, state: 'outdated'});
  t.like((await all(desk.rebase(SHOP, {author: ADA, operationId: 'rebase', signal: until()}))).at(-1), {outcome: {result: 'healthy', release: 2}});
  t.regex(await show('apps/shop/releases/v0002.yaml') ?? '', new RegExp(`image: ${image(6)}\nsource:\n {2}commit: "?1{40}"?\n {2}builder: Node.js\nservices:\n {2}web:\n {4}command:\n {6}- node\n`));
  t.is(await subject(), 'shop: release v2 (rebase of v1)');
  t.deepEqual(kept, ['v2 1111']);
  t.like(await desk.list(SHOP, 5, until()), {current: 2, releases: [{number: 2, description: 'Rebase of v1'}, {number: 1}]});
});

test('a rebase that is not needed, or can\'t be made, is refused with the reason, and no release is made', async (t) => {
  const rebase = (desk: Awaited<ReturnType<typeof shop>>['desk']) => all(desk.rebase(SHOP, {author: ADA, operationId: 'rebase', signal: until()}));
  const current = await shop(t, {standing: {state: 'current'}});
  await current.release(1);
  await t.throwsAsync(rebase(current.desk), {message: '⬢ shop v1 stands on the newest run image already'});
  const old = await shop(t);
  await old.release(7);
  await t.throwsAsync(rebase(old.desk), {message: 'its image stands on Debian 12'});
  t.deepEqual(await old.files(), ['app.yaml', 'releases/v0007.yaml']);
  const prebuilt = await shop(t);
  await all(prebuilt.desk.deployImage(SHOP, {image: 'good', isPulled: false, service: 'web', command: []}, {author: ADA, operationId: 'good', signal: until()}));
  await t.throwsAsync(rebase(prebuilt.desk), {message: "⬢ shop can't be rebased: its image good:latest was built elsewhere: deploy a newer one"});
});

test('the same wish again, after a lost answer, makes no second release', async (t) => {
  const {desk, files} = await shop(t);
  const deploy = () => all(desk.deployImage(SHOP, {image: 'good', isPulled: false, service: 'web', command: []}, {author: ADA, operationId: 'the same', signal: until()}));
  t.deepEqual(await deploy(), await deploy());
  t.deepEqual(await files(), ['app.yaml', 'releases/v0001.yaml']);
});

const release = (number: number): Edit => addRelease(SHOP, {image: image(number), source: {commit: String(number).repeat(40), builder: 'Node.js'}, services: {web: {command: ['node']}}, pushedBy: 'ann', createdAt: `2026-11-23T09:30:0${number}Z`}, {keep: 9, numberAbove: number - 1});
const INTERRUPTED = {app: SHOP, createdAt: '2026-11-23T09:30:02Z'};

/** As a node leaves it that is killed in the middle of a rollback to v1: the commit is made, and nobody waits for it. */
async function interrupted({commit, makings}: Parameters<NonNullable<Given['prepare']>>[0]): Promise<void> {
  await commit(release(1));
  await makings.add(INTERRUPTED);
  await commit((read, list) => ({...release(2)(read, list), [FILE]: `${HEAD}env: {TEXT: back}\n`}));
}

test('the same wish again makes no second release after a restart either: it hears what became of the first', async (t) => {
  const {desk, nextDesk, release, files} = await shop(t, {outcomes: [{result: 'healthy', commit: NO_COMMIT as never, urls: []}, {result: 'healthy', commit: NO_COMMIT as never, urls: []}, FAILED]});
  await release(1);
  await release(2);
  const wish = (id: string) => ({author: ADA, operationId: `rollback shop ${id}`, signal: until()});
  const back = {to: 1, isCodeOnly: false, from: 2};
  t.like((await all(desk.rollback(SHOP, back, wish('a')))).at(-1), {outcome: {result: 'healthy', release: 3}});
  t.like((await all(nextDesk().rollback(SHOP, back, wish('a')))).at(-1), {outcome: {result: 'healthy', release: 3}});
  t.like((await all(nextDesk().rollback(SHOP, {...back, to: 2, from: 3}, wish('b')))).at(-1), {outcome: {result: 'failed', release: 4, isTakenBack: true}});
  t.like((await all(nextDesk().rollback(SHOP, {...back, to: 2, from: 3}, wish('b')))).at(-1), {outcome: {result: 'failed', release: 4, cause: 'web.1 exited with code 3', isTakenBack: true}});
  await release(5);
  t.like((await all(nextDesk().rollback(SHOP, back, wish('a')))).at(-1), {outcome: {result: 'superseded', release: 3, by: 5}});
  t.true((await files()).includes('releases/v0005.yaml'));
  t.false((await files()).includes('releases/v0006.yaml'));
});

test('a rollback that was wished on what is not there any more is not made', async (t) => {
  const {desk, release, files, commit} = await shop(t);
  await release(1);
  const seen = await commit(() => ({'cluster.yaml': `${CLUSTER}# looked at\n`})) as {readonly commit: string};
  await release(2);
  const wish = {author: ADA, signal: until(), seen: {commits: [seen.commit], path: 'apps/shop'}};
  await t.throwsAsync(all(desk.rollback(SHOP, {isCodeOnly: false}, {...wish, operationId: 'stale'})), {message: /apps\/shop was changed since/});
  t.deepEqual(await files(), ['app.yaml', 'releases/v0001.yaml', 'releases/v0002.yaml']);
});

test('a rollback whose node is killed, and that fails after the next start, is taken back with its configuration', async (t) => {
  const {show, subject, makings} = await shop(t, {outcomes: [FAILED], prepare: interrupted});
  await eventually('nothing is in the making', async () => (await makings.all()).length === 0);
  t.is(await subject(), 'shop: take back release v2');
  t.is(await show('apps/shop/releases/v0002.yaml'), undefined);
  t.is(await show(FILE), `${HEAD}env: {TEXT: first}`);
});

test('one that works after the next start stays, and so does one that somebody has changed since, or that never came to its commit', async (t) => {
  const subjectAfter = async (given: Given) => {
    const {subject, makings} = await shop(t, given);
    await eventually('nothing is in the making', async () => (await makings.all()).length === 0);
    return subject();
  };
  const then = (edit: Edit) => async (before: Parameters<NonNullable<Given['prepare']>>[0]) => {
    await interrupted(before);
    await before.commit(edit);
  };
  t.notRegex(await subjectAfter({prepare: interrupted}), /take back/);
  t.notRegex(await subjectAfter({outcomes: [FAILED], prepare: then(() => ({[FILE]: `${HEAD}env: {TEXT: mine}\n`}))}), /take back/);
  t.notRegex(await subjectAfter({outcomes: [FAILED], prepare: then(release(3))}), /take back/);
  t.notRegex(await subjectAfter({outcomes: [FAILED], prepare: async ({commit, makings}) => {
    await commit(release(1));
    await makings.add(INTERRUPTED);
  }}), /take back/);
});

test('what is in the making is noted until it is known what became of it', async (t) => {
  const noted: number[] = [];
  const {rollback, release: pushed, makings} = await shop(t, {outcomes: [FAILED], meanwhile: async () => noted.push((await makings.all()).length)});
  await pushed(1);
  await pushed(2);
  t.like((await rollback()).at(-1), {outcome: {result: 'failed'}});
  t.like((await rollback()).at(-1), {outcome: {result: 'healthy'}});
  t.deepEqual([noted, await makings.all()], [[1, 1], []]);
});
