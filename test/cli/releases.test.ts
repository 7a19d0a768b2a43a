import test from 'ava';
import {app, COMMIT} from '../reconciler/api/fake-view.ts';
import type {ReleaseSummary} from '../../reconciler/release/releases.ts';
import {terminal, text} from './terminal.ts';

const summary = (number: number, over: Partial<ReleaseSummary> = {}): ReleaseSummary => ({
  number, state: 'kept', description: `Deploy 1a2b3c4${number}`, by: 'Ann Lee', at: '2026-11-23T10:10:01Z', commit: COMMIT, ...over,
});
/** The reader's time zone is his own business. */
const untimed = (shown: string) => shown.replaceAll(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/g, 'TIME');

test('releases lists them as Heroku does, the failed and the reverted ones as such', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.current = 4;
  view.releases.past = [
    summary(5, {state: 'failed', detail: 'web.1 exited with code 1\nmore'}),
    summary(4, {state: 'current', description: 'Rollback to v2', rollbackOf: 2}),
    summary(3, {state: 'reverted', detail: 'by Bob'}),
    summary(2, {description: 'Deploy nginx:1.27'}),
    summary(1, {state: 'old'}),
  ];
  t.is(untimed(await type('releases -a shop')), text`
    $ flynn releases -a shop
    === ⬢ shop Releases - Current: v4
    v5  Deploy 1a2b3c45    Ann Lee  TIME (~ 3m ago)  failed, taken back: web.1 exited with code 1
    v4  Rollback to v2     Ann Lee  TIME (~ 3m ago)  current
    v3  Deploy 1a2b3c43    Ann Lee  TIME (~ 3m ago)  reverted by Bob
    v2  Deploy nginx:1.27  Ann Lee  TIME (~ 3m ago)
    v1  Deploy 1a2b3c41    Ann Lee  TIME (~ 3m ago)
    exit 0
  `);
  t.regex(await type('releases -a shop -n 1'), /Current: v4\nv5 [^\n]*\nexit 0$/);
  t.regex(await type('releases -a shop -n none'), /^! -n is "none"; .*\n! usage: flynn releases \[-n <count>\]\n {7}flynn releases info \[<release>\]\nexit 2$/m);
});

test('releases info tells of one, by Heroku\'s word too', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.details = {
    ...summary(3), image: `sha256:${'a'.repeat(64)}`, isImageHere: false,
    source: {commit: 'f'.repeat(40), builder: 'Fonts, Node.js', buildpacks: [{name: 'https://example.com/fonts.git#main', commit: '90f1c9e1'.repeat(5)}, {name: 'nodejs', report: {node: '24.21.0 (npm registry)', npm: '11.21.2'}}]},
    services: {web: {command: ['npm start']}, side: {command: [], port: 9000}}, changes: ['env.LOG_LEVEL changed'],
  };
  const expected = text`
    === Release v3
      release    Deploy 1a2b3c43
      by         Ann Lee, TIME (~ 3m ago)
      commit     COMMIT
      source     SOURCE (Fonts, Node.js)
      buildpack  https://example.com/fonts.git#main at 90f1c9e1
      buildpack  nodejs
                 node 24.21.0 (npm registry)
                 npm 11.21.2
      image      IMAGE is not on this node any more
      web        npm start
      side       the image's command, port 9000

    === Configuration, since the release before
      env.LOG_LEVEL changed
    exit 0
  `;
  for (const line of ['releases info v3 -a shop', 'releases:info 3 -a shop']) {
    const shown = untimed(await type(line)).replace(COMMIT, 'COMMIT').replace('f'.repeat(40), 'SOURCE').replace(`sha256:${'a'.repeat(64)}`, 'IMAGE');
    t.is(shown, `$ flynn ${line}\n${expected}`);
  }
});

test('rollback says what changes before it does, how it goes, and how to undo it', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.previewed = {from: 4, to: 3, description: 'Deploy 1a2b3c43', image: 'sha256:x', isImageHere: true, changes: ['env.LOG_LEVEL changed', 'services.web.limits removed']};
  view.releases.lines = [{print: '-----> Launching...'}, {print: '       Released v5'}, {outcome: {result: 'healthy', release: 5, urls: []}}];
  t.is(await type('rollback -a shop'), text`
    $ flynn rollback -a shop
    ! Rolling back ⬢ shop from v4 to v3 (Deploy 1a2b3c43)
    !   env.LOG_LEVEL changed
    !   services.web.limits removed
    ! -----> Launching...
    !        Released v5
    ! Rolling back ⬢ shop to v3... done, v5
    ! Rollback affects code and configuration; it doesn't change scale, routes or volumes.
    ! To undo, run: flynn rollback v4
    exit 0
  `);
  t.like(view.releases.wishes, [{kind: 'rollback', wish: {to: 3, from: 4, isCodeOnly: false}, by: 'Ann Lee'}]);
});

test('rollback --dry-run changes nothing, and a refusal is told', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('rollback v9 -a shop'), '$ flynn rollback v9 -a shop\n! error: there is no release to go back to\nexit 1');
  view.releases.previewed = {from: 4, to: 3, description: 'Deploy 1a2b3c43', image: 'sha256:x', isImageHere: false, changes: []};
  t.is(await type('rollback --dry-run -a shop'), '$ flynn rollback --dry-run -a shop\n! Rolling back ⬢ shop from v4 to v3 (Deploy 1a2b3c43)\n!   its image is not on this node any more, and is brought back first\nexit 0');
  t.deepEqual(view.releases.wishes, []);
});

test('a release that fails ends with its last lines, the cause and status 1', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.lines = [{outcome: {result: 'failed', release: 5, cause: 'web.1 exited with code 3', log: ['no database'], isTakenBack: true}}];
  t.is(await type('deploy --image nginx:1.27 -a shop'), text`
    $ flynn deploy --image nginx:1.27 -a shop
    ! =====> Last lines of shop v5
    !        no database
    ! =====> End of shop v5
    ! error: release v5 failed: web.1 exited with code 3
    exit 1
  `);
});

test('deploy passes on what comes after --, and refuses what makes no sense', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.lines = [{outcome: {result: 'healthy', release: 1, urls: []}}];
  t.regex(await type('deploy -a shop --image worker:dev -t worker --port 9000 -- node worker.js --fast'), /done, v1\nexit 0$/);
  t.like(view.releases.wishes, [{wish: {image: 'worker:dev', service: 'worker', port: 9000, command: ['node', 'worker.js', '--fast']}}]);
  t.regex(await type('deploy -a shop'), /which branch, commit or image\? What is in your work tree is deployed by: git push flynn main/);
  t.regex(await type('deploy -a shop --image x --port none'), /--port is "none"/);
  t.regex(await type('deploy -a shop --image x node worker.js'), /a command comes after --/);
  t.is(view.releases.wishes.length, 1);
});

test('history lists every commit of an app', async (t) => {
  const {view, type} = await terminal(t);
  view.releases.commits = [{commit: COMMIT, at: '2026-11-23T10:10:01Z', by: 'Ann Lee', subject: 'shop: scale web 1 → 2', current: 3}];
  t.is(untimed(await type('history -a shop')), '$ flynn history -a shop\n1a2b3c4d  v3  shop: scale web 1 → 2  Ann Lee  TIME (~ 3m ago)\nexit 0');
});

test('maintenance is turned on and off by commits, and printed', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\n');
  t.regex(await type('maintenance on -a shop'), /^! Committed "shop: maintenance on" \w{8}\n! Enabling maintenance mode for ⬢ shop\.\.\. done\nexit 0$/m);
  t.is(await type('maintenance -a shop'), '$ flynn maintenance -a shop\noff\nexit 0');
  view.current = {...view.current, apps: [app('shop', {isInMaintenance: true})]};
  t.is(await type('maintenance -a shop'), '$ flynn maintenance -a shop\non\nexit 0');
  t.regex(await type('maintenance off -a shop'), /! Disabling maintenance mode for ⬢ shop\.\.\. done\nexit 0$/);
});

test('destroy wants the name, removes the app and its remote, and says what stays', async (t) => {
  const {view, type, git} = await terminal(t);
  await type('create shop');
  const commits = view.repo.commits.length;
  t.is(await type('destroy shop'), text`
    $ flynn destroy shop
    ! error: this stops ⬢ shop and takes its hosts away
    !        if that is meant: flynn destroy shop --confirm shop
    exit 1
  `);
  t.regex(await type('destroy shop --confirm blog'), /"blog" is not "shop": nothing is removed/);
  t.is(view.repo.commits.length, commits);
  view.outcome = {result: 'removed', commit: COMMIT};
  t.regex(await type('destroy shop --confirm shop'), /^! Committed "shop: destroy" \w{8}\n! The git remote "flynn" is removed\n! Destroying ⬢ shop\.\.\. done\n! Its volumes and sources stay\. To bring it back: git revert \w{8} in the cluster repository\nexit 0$/m);
  t.deepEqual([...view.repo.files.keys()], []);
  t.is(git('remote'), '');
});

test('info shows where an app is and what it runs', async (t) => {
  const {view, type, port} = await terminal(t);
  view.current = {...view.current, apps: [app('shop')]};
  view.releases.past = [summary(3, {state: 'current'})];
  t.is(await type('info -a shop'), text`
    $ flynn info -a shop
    === ⬢ shop
    Cluster:      home (http://api.flynn.localhost:PORT)
    Git URL:      http://git.flynn.localhost:8080/shop.git
    Web URL:      http://shop.flynn.localhost:8080/
    Services:     web 1/1
    Release:      v3 Deploy 1a2b3c43, Ann Lee, 3m ago
    Maintenance:  off
    exit 0
  `.replace('PORT', String(port)));
});
