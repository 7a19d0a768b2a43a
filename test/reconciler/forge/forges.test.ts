import test, {type ExecutionContext} from 'ava';
import type {Forge} from '../../../reconciler/forge/forge.ts';
import {gitea} from '../../../reconciler/forge/gitea.ts';
import {github, type ForgePlace} from '../../../reconciler/forge/github.ts';
import {gitlab} from '../../../reconciler/forge/gitlab.ts';
import {ForgeFailed} from '../../../reconciler/forge/http.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {GITEA} from '../../support/forges/gitea.ts';
import {GITHUB} from '../../support/forges/github.ts';
import {GITLAB} from '../../support/forges/gitlab.ts';
import {startForge, type Contract, type ForgeServer} from '../../support/forges/server.ts';

const KINDS: Readonly<Record<string, readonly [Contract, (place: ForgePlace) => Forge]>> = {github: [GITHUB, github], gitlab: [GITLAB, gitlab], gitea: [GITEA, gitea]};
const COMMIT = 'c'.repeat(40) as CommitId;
const LIMIT = AbortSignal.timeout(600_000);

async function started(t: ExecutionContext, kind: string, token?: string): Promise<ForgeServer & {readonly forge: Forge}> {
  const [contract, connect] = KINDS[kind]!; // one of its keys
  const server = await startForge(contract);
  t.teardown(async () => {
    await server.close();
    if (server.violations.length > 0) throw new Error(`asked against the API's document: ${server.violations.join('; ')}`);
  });
  const {url, repository, token: right} = server.world;
  return {...server, forge: connect({url, repository, token: token ?? right})};
}

for (const kind of Object.keys(KINDS)) {
  test(`${kind}: a pull request is opened once, and is brought up to date`, async (t) => {
    const {forge, world} = await started(t, kind);
    const opened = await forge.propose({branch: 'proposals/shop', into: 'main', title: 'shop: scale', body: 'first'}, LIMIT);
    const again = await forge.propose({branch: 'proposals/shop', into: 'main', title: 'shop: scale web', body: 'second'}, LIMIT);
    t.is(again.number, opened.number);
    t.deepEqual(world.pulls.map(({title, body, branch, base}) => ({title, body, branch, base})), [{title: 'shop: scale web', body: 'second', branch: 'proposals/shop', base: 'main'}]);
    t.true(opened.url.startsWith(world.url));
    t.regex(opened.ref, new RegExp(`^refs/(pull|merge-requests)/${opened.number}/head$`));
  });

  test(`${kind}: a pull request whose answer was lost is found, and not opened twice`, async (t) => {
    const {forge, world, faults} = await started(t, kind);
    faults.push({on: /^POST .*(pulls|merge_requests)$/});
    const {number} = await forge.propose({branch: 'b', into: 'main', title: 't', body: ''}, LIMIT);
    t.deepEqual(world.pulls.map((pull) => pull.number), [number]);
  });

  test(`${kind}: one that somebody else has opened meanwhile is found by what the forge says`, async (t) => {
    const {forge, world, requests} = await started(t, kind);
    // Between the look and the POST.
    const find = forge.propose({branch: 'b', into: 'main', title: 't', body: ''}, LIMIT);
    while (!requests.some((line) => /^GET .*(pulls|merge_requests)/.test(line))) await new Promise((resolve) => setImmediate(resolve));
    world.pulls.push({number: 7, title: 'theirs', body: '', branch: 'b', base: 'main', sha: COMMIT, author: 'eve'});
    t.is((await find).number, 7);
    t.is(world.pulls.length, 1);
  });

  test(`${kind}: open pull requests into main are listed, over all pages`, async (t) => {
    const {forge, world} = await started(t, kind);
    for (let number = 1; number <= 130; number += 1) world.pulls.push({number, title: `t${number}`, body: '', branch: `b${number}`, base: number === 5 ? 'other' : 'main', sha: COMMIT, author: 'ann'});
    const open = await forge.openChanges('main', LIMIT);
    t.is(open.length, 129);
    t.is(new Set(open.map(({number}) => number)).size, 129);
    t.like(open.find(({number}) => number === 130), {title: 't130', author: 'ann', head: COMMIT, branch: 'b130'});
  });

  test(`${kind}: comments are listed over all pages, and written`, async (t) => {
    const {forge, world} = await started(t, kind);
    for (let count = 0; count < 150; count += 1) world.comments.push({id: world.id(), change: 3, body: `c${count}`, author: 'ann'});
    await forge.addComment(3, 'ours', LIMIT);
    const comments = await forge.comments(3, LIMIT);
    t.is(comments.length, 151);
    const own = comments.at(-1);
    t.like(own, {body: 'ours', author: await forge.whoAmI(LIMIT), isByProgram: false});
    await forge.editComment({change: 3, id: own?.id ?? 0}, 'ours, again', LIMIT);
    t.is(world.comments.at(-1)?.body, 'ours, again');
    t.is(world.comments.length, 151);
  });

  test(`${kind}: the newest status of a context is known, and words that are too long are cut`, async (t) => {
    const {forge, world} = await started(t, kind);
    t.is(await forge.status(COMMIT, 'flynn/plan', LIMIT), undefined);
    await forge.setStatus(COMMIT, {context: 'flynn/plan', state: 'pending', description: 'first'}, LIMIT);
    await forge.setStatus(COMMIT, {context: 'flynn/plan', state: 'pending', description: 'the same state'}, LIMIT);
    await forge.setStatus(COMMIT, {context: 'flynn/deploy', state: 'success', description: 'another'}, LIMIT);
    await forge.setStatus(COMMIT, {context: 'flynn/plan', state: 'failure', description: `line\n${'x'.repeat(500)}`, url: 'https://shop.test/'}, LIMIT);
    const status = await forge.status(COMMIT, 'flynn/plan', LIMIT);
    t.like(status, {state: 'failure', context: 'flynn/plan', url: 'https://shop.test/'});
    t.regex(status?.description ?? '', /^line x{100,}…$/);
    t.true((world.statuses.at(-1)?.description.length ?? 999) <= 255);
  });

  test(`${kind}: a list that is the same is not sent again`, async (t) => {
    const {forge, world, requests} = await started(t, kind);
    world.pulls.push({number: 1, title: 't', body: '', branch: 'b', base: 'main', sha: COMMIT, author: 'ann'});
    await forge.openChanges('main', LIMIT);
    t.is((await forge.openChanges('main', LIMIT)).length, 1);
    t.regex(requests.at(-1) ?? '', / 304$/);
    world.pulls[0]!.sha = 'd'.repeat(40); // it is there
    t.is((await forge.openChanges('main', LIMIT))[0]?.head, world.pulls[0]?.sha as CommitId);
  });

  test(`${kind}: a wrong token, and what it may not do, are told in words and without the token`, async (t) => {
    const {forge, faults} = await started(t, kind, 'wrong-secret-token');
    const wrong = await t.throwsAsync(forge.openChanges('main', LIMIT), {instanceOf: ForgeFailed, message: /does not know the token, or it has expired \(.*\): flynn forge set takes another one$/});
    t.false(wrong.message.includes('wrong-secret-token'));
    faults.push({on: /./, reply: {status: 403, json: {message: 'no rights for wrong-secret-token'}}});
    const refused = await t.throwsAsync(forge.openChanges('main', LIMIT), {message: /does not let the token do GET \/\S+ \(no rights for …\): a?.*token.* needs /});
    t.false(refused.message.includes('wrong-secret-token'));
    faults.push({on: /./, reply: {status: 404, json: {}}});
    await t.throwsAsync(forge.openChanges('main', LIMIT), {message: /has nothing at GET \/\S+, or does not show it to the token: /});
  });

  test(`${kind}: what only asks is tried again when the forge is out of order, what makes something is not`, async (t) => {
    const {forge, faults, requests, world} = await started(t, kind);
    faults.push({on: /^GET/, reply: {status: 502}}, {on: /^GET/});
    t.deepEqual(await forge.openChanges('main', LIMIT), []);
    t.is(requests.length, 3);
    faults.push({on: /^POST/, reply: {status: 500}});
    await t.throwsAsync(forge.addComment(1, 'x', LIMIT), {message: /is out of order \(500 to POST /});
    t.is(world.comments.length, 0);
  });

  test(`${kind}: it comes back when the forge says so, and leaves it alone when that is long`, async (t) => {
    const {forge, faults, world} = await started(t, kind);
    faults.push({on: /^POST/, reply: {status: 429, headers: {'retry-after': '0'}}});
    await forge.addComment(1, 'x', LIMIT);
    t.is(world.comments.length, 1);
    faults.push({on: /^GET/, reply: {status: 429, headers: {'retry-after': '3600'}}});
    const busy = await t.throwsAsync(forge.openChanges('main', LIMIT), {instanceOf: ForgeFailed, message: /answers no more questions for 3600 s/});
    t.true(Math.abs((busy.notBeforeMs ?? 0) - Date.now() - 3_600_000) < 60_000);
  });
}

test('GitHub: a limit that is used up is a time to wait, by its own clock', async (t) => {
  const {forge, faults} = await started(t, 'github');
  const reset = Math.floor(Date.now() / 1000) + 1800;
  faults.push({on: /^GET/, reply: {status: 403, headers: {'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset)}, json: {message: 'API rate limit exceeded'}}});
  const busy = await t.throwsAsync(forge.openChanges('main', LIMIT), {instanceOf: ForgeFailed});
  t.true(Math.abs((busy.notBeforeMs ?? 0) - reset * 1000) < 5_000);
});

test('a redirect is not followed: the token goes nowhere else', async (t) => {
  const {forge, faults, requests} = await started(t, 'github');
  faults.push({on: /^GET/, reply: {status: 301, headers: {location: 'https://evil.test/x'}}});
  await t.throwsAsync(forge.openChanges('main', LIMIT), {message: /says that GET \S+ has moved to evil\.test: set forge\.url and forge\.repository to where it is now/});
  t.is(requests.length, 1);
});

test('the next page is asked for where the first was, whatever the forge calls itself in its links', async (t) => {
  const {forge, faults, requests} = await started(t, 'github');
  faults.push({on: /^GET/, reply: {status: 200, headers: {link: '<https://git.example.test/else/where?page=2>; rel="next"'}, json: []}});
  t.deepEqual(await forge.openChanges('main', LIMIT), []);
  t.deepEqual(requests.map((line) => line.split('?')[0]), ['GET /api/v3/repos/team/cluster/pulls', 'GET /api/v3/repos/team/cluster/pulls']);
});

test('GitHub: a limit for what comes too fast is a pause, also when only the words say so', async (t) => {
  const {forge, faults} = await started(t, 'github');
  const words = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
  faults.push({on: /^GET/, reply: {status: 403, headers: {'x-ratelimit-remaining': '4987', 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 1800)}, json: {message: words}}});
  const busy = await t.throwsAsync(forge.openChanges('main', LIMIT), {instanceOf: ForgeFailed, message: /answers no more questions for 60 s/});
  t.true(Math.abs((busy.notBeforeMs ?? 0) - Date.now() - 60_000) < 60_000);
});

test('GitLab: a limit is told in plain text, with a time', async (t) => {
  const {forge, faults} = await started(t, 'gitlab');
  faults.push({on: /^GET/, reply: {status: 429, headers: {'content-type': 'text/plain', 'ratelimit-remaining': '0', 'ratelimit-reset': String(Math.floor(Date.now() / 1000) + 900)}}});
  const busy = await t.throwsAsync(forge.openChanges('main', LIMIT), {instanceOf: ForgeFailed});
  t.true(Math.abs((busy.notBeforeMs ?? 0) - Date.now() - 900_000) < 60_000);
});

test('GitLab: a commit of a fork has no status there, which is no failure; one that is being written to is tried again at the next look', async (t) => {
  const {forge, faults, world} = await started(t, 'gitlab');
  world.pulls.push({number: 1, title: 't', body: '', branch: 'b', base: 'main', sha: COMMIT, author: 'eve', isFromFork: true});
  t.true((await forge.openChanges('main', LIMIT))[0]?.isFromFork);
  await forge.setStatus(COMMIT, {context: 'flynn/plan', state: 'success', description: 'fine'}, LIMIT);
  t.is(world.statuses.length, 0);
  faults.push({on: /^POST/, reply: {status: 409, json: {message: 'Another update to this commit status is in progress'}}});
  await t.throwsAsync(forge.setStatus(COMMIT, {context: 'flynn/plan', state: 'success', description: 'fine'}, LIMIT), {message: /409 \(Another update/});
});

test('GitLab: an address that is longer than it takes is left out', async (t) => {
  const {forge, world} = await started(t, 'gitlab');
  await forge.setStatus(COMMIT, {context: 'flynn/deploy', state: 'success', description: 'healthy', url: `https://${'x'.repeat(300)}.test/`}, LIMIT);
  t.like(world.statuses[0], {state: 'success', url: ''});
});

for (const kind of Object.keys(KINDS)) {
  test(`${kind}: a branch of a fork with the same name is no pull request of ours`, async (t) => {
    const {forge, world} = await started(t, kind);
    world.pulls.push({number: 1, title: 'theirs', body: '', branch: 'b', base: 'main', sha: COMMIT, author: 'eve', isFromFork: true});
    const {number} = await forge.propose({branch: 'b', into: 'main', title: 'ours', body: ''}, LIMIT);
    t.is(number, 2);
    t.is(world.pulls[0]?.title, 'theirs');
  });
}

test('a forge that is not there is told of', async (t) => {
  // Not where one was: within the seconds of all tries, somebody else may be given its port.
  const forge = gitea({url: 'http://127.0.0.1:1', repository: 'team/cluster', token: 'forge-token'});
  await t.throwsAsync(forge.openChanges('main', LIMIT), {message: /^Gitea can't be reached: connect ECONNREFUSED/});
});
