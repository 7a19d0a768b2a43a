import test from 'ava';
import type {AppName} from '../../schemas/ids.ts';
import {app} from '../reconciler/api/fake-view.ts';
import {terminal} from './terminal.ts';

const SHOP = 'shop' as AppName;
const BLOG = 'blog' as AppName;
const ID = `sha256:${'b'.repeat(64)}`;

test('the images are shown, with the apps that stand on an older one', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  view.releases.standings.set(SHOP, {app: SHOP, release: 7, state: 'outdated'});
  t.is(await type('stack'), `$ flynn stack
IMAGE  ID            SIZE  SYSTEM     MADE
run    aaaaaaaaaaaa  1Mi   Debian 13  2026-11-23 10:13

APP   RELEASE  STANDS ON
shop  v7       an older run image
blog  -        not to be rebased: it has no release yet
! 1 of 2 apps can be put onto the newest run image: flynn stack rebase --all
exit 0`);
  t.is(await type('stack packages build'), `$ flynn stack packages build
PACKAGE  VERSION
gcc      8.14.1-2
exit 0`);
  t.regex(await type('stack packages all'), /"all" is none of run, build, router[^]*exit 2$/);
});

test('a build of the stack says what became new', async (t) => {
  const {view, type} = await terminal(t);
  view.stackLines = [{print: 'making flynn/run:1'}, {images: [{name: 'run', tag: 'flynn/run:1', id: ID, sizeBytes: 2 ** 20, madeAt: '2026-11-25T10:00:00Z', debian: 'Debian 13', isNew: true}]}];
  t.is(await type('stack build'), `$ flynn stack build
! making flynn/run:1
IMAGE  ID            SIZE  SYSTEM     MADE
run    bbbbbbbbbbbb  1Mi   Debian 13  2026-11-25 10:00  new
! Apps go on with what they stand on until: flynn stack rebase --all
exit 0`);
  t.deepEqual(view.audit.entries.map(({action}) => action), ['stack build']);
});

test('a rebase of all apps leaves those alone that are not behind, and goes on after one that failed', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  view.releases.standings.set(SHOP, {app: SHOP, release: 7, state: 'outdated'}).set(BLOG, {app: BLOG, release: 2, state: 'fixed', reason: 'its Dockerfile says what it stands on: push it once more'});
  view.releases.lines = [{print: '-----> Launching...'}, {outcome: {result: 'failed', release: 8, cause: 'web.1 exited with code 1', log: [], isTakenBack: true}}];
  t.is(await type('stack rebase --all'), `$ flynn stack rebase --all
! Rebasing ⬢ shop v7
! -----> Launching...
! error: release v8 failed: web.1 exited with code 1
! ⬢ blog: not to be rebased: its Dockerfile says what it stands on: push it once more
exit 1`);
  t.deepEqual(view.releases.rebased, ['shop']);
  t.regex(await type('stack rebase --all --dry-run'), /! ⬢ shop: an older run image\n! ⬢ blog: not to be rebased[^\n]*\nexit 0$/);
  t.deepEqual(view.releases.rebased, ['shop']);
  t.regex(await type('stack rebase -a blog'), /exit 1$/);
});
