import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {addRelease} from '../../../reconciler/commits/edits.ts';
import type {DeployOutcome} from '../../../reconciler/node.ts';
import type {OneShot} from '../../../reconciler/oneshot/oneshot.ts';
import {PostdeployNotes} from '../../../reconciler/receive/postdeploy-notes.ts';
import {postdeploy, resumePostdeploys} from '../../../reconciler/receive/postdeploy.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {ADA, bareRepo, change, temporaryFolder} from '../checkout/support.ts';

const SHOP = 'shop' as AppName;
const CREATED_AT = '2026-11-23T09:30:00Z';
const NOTE = {app: SHOP, createdAt: CREATED_AT, script: 'rake db:setup', by: ADA};
const MANIFESTS = {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n', 'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'};
const never = new AbortController().signal;

/** Says what it was asked to run, and ends well. */
function node(asked: string[]): {oneShot: Pick<OneShot, 'run'>} {
  return {oneShot: {run: async ({app, command}) => {
    asked.push(`${app}: ${command.join(' ')}`);
    return {
      name: 'run.1', release: 1, write: async () => {}, endInput: () => {}, resize: async () => {}, send: async () => {},
      output: (async function* () {
        yield {stream: 'stdout' as const, bytes: Buffer.from('making the tables\n')};
      })(),
      outcome: async () => ({exitCode: 0, isOutOfMemory: false}),
      close: async () => {},
    };
  }}};
}

async function notes(t: ExecutionContext): Promise<{folder: string; notes: PostdeployNotes}> {
  const folder = path.join(await temporaryFolder(t), 'postdeploys');
  return {folder, notes: new PostdeployNotes(folder)};
}

/** A next start, with a release of the app that was made then. */
async function nextStart(t: ExecutionContext, folder: string, {createdAt = CREATED_AT, outcome = 'healthy'}: {createdAt?: string; outcome?: 'healthy' | 'failed'} = {}) {
  const repo = ownRepo({gitdir: await bareRepo(t, MANIFESTS)});
  t.teardown(() => repo.close());
  await repo.commit(change(addRelease(SHOP, {image: `sha256:${'a'.repeat(64)}`, source: {commit: 'b'.repeat(40), builder: 'Node.js'}, services: {}, pushedBy: 'ann', createdAt}, {keep: 2, numberAbove: 0}), 'operation'), AbortSignal.timeout(30_000));
  const [asked, printed, told]: [string[], string[], string[]] = [[], [], []];
  const left = new PostdeployNotes(folder);
  const converged = async (): Promise<DeployOutcome> => (outcome === 'healthy' ? {result: 'healthy', commit: 'c' as never, urls: []} : {result: 'failed', commit: 'c' as never, cause: 'it crashed', log: []});
  await resumePostdeploys({
    notes: left, repo, node: {...node(asked), converged},
    print: (_app, line) => printed.push(line), tell: (_app, message) => told.push(message), log: (message, error) => t.fail(`${message}: ${String(error)}`),
  }, never);
  return {asked, printed, told, left: await left.all()};
}

test('what was due is run once, whoever asks', async (t) => {
  const {notes: kept} = await notes(t);
  await kept.add(NOTE);
  const asked: string[] = [];
  const lines: string[] = [];
  const wanted = {app: SHOP, createdAt: CREATED_AT, print: (line: string) => lines.push(line)};
  await Promise.all([postdeploy({notes: kept, node: node(asked)}, wanted, never), postdeploy({notes: kept, node: node(asked)}, wanted, never)]);
  await postdeploy({notes: kept, node: node(asked)}, wanted, never);
  t.deepEqual(asked, ['shop: rake db:setup']);
  t.deepEqual(lines, ['-----> Running scripts.postdeploy of app.json: rake db:setup', '       making the tables']);
  t.deepEqual(await kept.all(), []);
});

test('of another release nothing is run', async (t) => {
  const {notes: kept} = await notes(t);
  await kept.add(NOTE);
  const asked: string[] = [];
  await postdeploy({notes: kept, node: node(asked)}, {app: SHOP, createdAt: '2026-11-24T00:00:00Z', print: () => {}}, never);
  t.deepEqual(asked, []);
  t.is((await kept.all()).length, 1);
});

test('after a kill it is run when the release serves', async (t) => {
  const {folder, notes: kept} = await notes(t);
  await kept.add(NOTE);
  const {asked, printed, told, left} = await nextStart(t, folder);
  t.deepEqual(asked, ['shop: rake db:setup']);
  t.regex(printed.join('\n'), /making the tables/);
  t.deepEqual(told, ['running scripts.postdeploy of app.json, which was left to be run when Flynn was stopped']);
  t.deepEqual(left, []);
});

test('not when the release failed, or another one is current', async (t) => {
  const {folder, notes: kept} = await notes(t);
  for (const given of [{outcome: 'failed'}, {createdAt: '2026-11-24T00:00:00Z'}] as const) {
    await kept.add(NOTE);
    const {asked, left} = await nextStart(t, folder, given);
    t.deepEqual(asked, []);
    t.deepEqual(left, []);
  }
});

test('what was being run is not begun again, and people are told', async (t) => {
  const {folder, notes: kept} = await notes(t);
  await kept.add(NOTE);
  await kept.begin(NOTE);
  const {asked, told, left} = await nextStart(t, folder);
  t.deepEqual(asked, []);
  t.deepEqual(told, ['scripts.postdeploy of app.json was running when Flynn was stopped, and may be half done. The release stays; to run it again: flynn run -a shop rake db:setup']);
  t.deepEqual(left, []);
});

test('one that a shell would take apart is shown so that it stays whole', async (t) => {
  const {folder, notes: kept} = await notes(t);
  const note = {...NOTE, script: "echo it's; rake db:setup"};
  await kept.add(note);
  await kept.begin(note);
  const {told} = await nextStart(t, folder);
  t.true(told.join('').endsWith(` run it again: flynn run -a shop 'echo it'\\''s; rake db:setup'`), told.join(''));
});
