import test from 'ava';
import type {ListedBuild} from '../../reconciler/builds/builds.ts';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {COMMIT} from '../reconciler/api/fake-view.ts';
import {terminal, text} from './terminal.ts';

const build = (number: number, over: Partial<ListedBuild> = {}): ListedBuild => ({
  app: 'shop' as AppName, number, commit: COMMIT, branch: 'main', by: 'Ann Lee', origin: 'push', state: 'succeeded',
  queuedAt: '2026-11-23T10:10:00Z', startedAt: '2026-11-23T10:10:01Z', endedAt: '2026-11-23T10:10:46.500Z', release: number, ...over,
});
/** A build that has not come so far. */
const without = ({startedAt: _, endedAt: __, release: ___, ...rest}: ListedBuild, over: Partial<ListedBuild> = {}): ListedBuild => ({...rest, ...over});
/** The reader's time zone is his own business. */
const untimed = (shown: string) => shown.replaceAll(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/g, 'TIME');

const RECORDS = [
  without(build(16), {state: 'queued', ahead: 1}),
  without(build(15), {state: 'running', startedAt: '2026-11-23T10:12:00Z'}),
  without(build(14), {state: 'cancelled', reason: 'by Bob', endedAt: '2026-11-23T10:11:00Z'}),
  build(13, {reason: 'release v13 failed: web.1 exited with code 3'}),
  build(12, {origin: 'deploy', branch: 'try'}),
];

test('builds lists them: what waits, what runs, and what became of the others', async (t) => {
  const {view, type} = await terminal(t);
  view.builds.records = RECORDS;
  t.is(untimed(await type('builds -a shop')), text`
    $ flynn builds -a shop
    === ⬢ shop Builds
    #16  queued     1a2b3c4d  main  Ann Lee  TIME (~ 3m ago)  -       1 before it
    #15  running    1a2b3c4d  main  Ann Lee  TIME (~ 3m ago)  1 min 1 s
    #14  cancelled  1a2b3c4d  main  Ann Lee  TIME (~ 3m ago)  -          by Bob
    #13  succeeded  1a2b3c4d  main  Ann Lee  TIME (~ 3m ago)  45.5 s     v13: release v13 failed: web.1 exited with code 3
    #12  succeeded  1a2b3c4d  try   Ann Lee  TIME (~ 3m ago)  45.5 s     v12
    exit 0
  `.replace('-       1 before', '-          1 before'));
  t.regex(await type('builds -a shop -n 1'), /^#16 [^\n]*\nexit 0$/m);
  t.regex(await type('builds -a shop -n none'), /^! -n is "none"; /m);
});

test('builds info tells of one, the newest unless told otherwise, by Heroku\'s word too', async (t) => {
  const {view, type} = await terminal(t);
  view.builds.records = [build(12, {builder: 'Node.js', image: `sha256:${'a'.repeat(64)}` as ImageDigest, imageBytes: 3 * 2 ** 20, sourceBytes: 2048})];
  for (const line of ['builds info -a shop', 'builds info 12 -a shop', 'builds:info 12 -a shop']) {
    t.is(untimed(await type(line)).replace(COMMIT, 'COMMIT'), `$ flynn ${line}\n${text`
      === Build #12
        state    succeeded
        commit   COMMIT (main)
        by       Ann Lee, by a push, TIME (~ 3m ago)
        took     45.5 s
        builder  Node.js
        source   2Ki
        image    aaaaaaaaaaaa, 3Mi
        release  v12
      exit 0
    `}`);
  }
  t.regex(await type('builds info twelve -a shop'), /^! "twelve" is no build; it has to be a number such as 12$/m);
});

test('builds logs prints what a build printed, and what became of it', async (t) => {
  const {view, type} = await terminal(t);
  view.builds.records = RECORDS;
  view.builds.lines = ['-----> Node.js app detected'];
  t.is(await type('builds logs 12 -f -a shop'), text`
    $ flynn builds logs 12 -f -a shop
    -----> Node.js app detected
    ! build 12 succeeded in 45.5 s
    exit 0
  `);
  t.regex(await type('builds logs 14 -a shop'), /^! build 14 was cancelled: by Bob$/m);
  t.regex(await type('builds:logs -a shop'), /^! build 16 is queued$/m);
  t.deepEqual(view.builds.asked, ['log of shop 12 follow', 'log of shop 14 so-far', 'log of shop 16 so-far']);
});

test('builds cancel wants to know which, when there are two', async (t) => {
  const {view, type} = await terminal(t);
  view.builds.records = RECORDS;
  t.regex(await type('builds cancel -a shop'), /^! which of them\? 16 \(queued\), 15 \(running\)$/m);
  t.regex(await type('builds:cancel 15 -a shop'), /^! Cancelling build 15 of ⬢ shop\.\.\. done\nexit 0$/m);
  view.builds.records = RECORDS.slice(1);
  t.regex(await type('builds cancel -a shop'), /^! Cancelling build 15 of ⬢ shop\.\.\. done\nexit 0$/m);
  view.builds.records = RECORDS.slice(2);
  t.regex(await type('builds cancel -a shop'), /^! error: no build of ⬢ shop is running or waiting$/m);
});

test('builds cache tells how much is kept, and purge empties it', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('builds cache -a shop'), '$ flynn builds cache -a shop\n3Mi of 1Gi\nexit 0');
  t.is(await type('builds:cache purge -a shop'), '$ flynn builds:cache purge -a shop\n! Emptying the build cache of ⬢ shop... done, 3Mi\nexit 0');
  t.deepEqual(view.builds.asked, ['purge shop']);
});

test('deploy --branch tells how it goes, and ends as the deploy does', async (t) => {
  const {view, type} = await terminal(t);
  view.deploys.lines = [{print: 'Building source:'}, {deployed: {release: 4, commit: COMMIT, urls: []}}];
  t.is(await type('deploy --branch try -a shop'), text`
    $ flynn deploy --branch try -a shop
    ! Building source:
    ! Deploying branch try to ⬢ shop... done, v4
    exit 0
  `);
  view.deploys.lines = [];
  view.deploys.refusal = 'failed to compile Node.js app';
  t.regex(await type('deploy --commit 1a2b3c4d -a shop'), /^! error: failed to compile Node\.js app\nexit 1$/m);
  t.deepEqual(view.deploys.asked, ['deploy shop {"branch":"try"} by Ann Lee', 'deploy shop {"commit":"1a2b3c4d"} by Ann Lee']);
  t.regex(await type('deploy --commit main -a shop'), /^! --commit is "main"; it has to be 7 to 40 hex digits$/m);
  t.regex(await type('deploy --branch try --image nginx -a shop'), /^! one of --branch, --commit and --image, not several$/m);
});
