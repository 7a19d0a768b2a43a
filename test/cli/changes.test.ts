import test from 'ava';
import {COMMIT, app} from '../reconciler/api/fake-view.ts';
import {terminal, text} from './terminal.ts';

const APP_YAML = 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\n  worker: {}\n';

test('create makes the app, the remote, and says what to do next', async (t) => {
  const {view, type, git} = await terminal(t);
  t.is(await type('create shop'), text`
    $ flynn create shop
    ! Creating ⬢ shop... done
    http://shop.flynn.localhost:8080/ | http://git.flynn.localhost:8080/shop.git
    ! The git remote "flynn" is added. Deploy with: git push flynn main
    exit 0
  `);
  t.is(git('remote', 'get-url', 'flynn'), 'http://git.flynn.localhost:8080/shop.git');
  t.true(view.repo.files.has('apps/shop/app.yaml'));
  t.deepEqual(view.repo.commits.map(({message, author}) => `${message} by ${author.name} <${author.email}>`), ['shop: create by Ann Lee <ann@example.com>']);
  t.deepEqual(view.wakes, ['shop: create']);
});

test('create makes git ask us for the token, and no other helper', async (t) => {
  const {type, git} = await terminal(t);
  git('config', '--global', 'credential.helper', 'store');
  await type('create shop', {env: {PATH: ''}});
  const helpers = git('config', '--get-urlmatch', 'credential.helper', 'http://git.flynn.localhost:8080/shop.git');
  t.regex(helpers, /^!'.*\/cli\/flynn' git-credential$/);
  t.deepEqual(git('config', '--get-all', 'credential.http://git.flynn.localhost:8080.helper').split('\n').length, 2);
  t.false(git('config', '--list').includes('right-token'));
});

test('create without a name makes one up', async (t) => {
  const {view, type} = await terminal(t);
  const shown = await type("create -r ''");
  const [, name] = /Creating app\.\.\. done, ⬢ ([a-z]+-[a-z]+-\d\d)\n/.exec(shown) ?? [];
  t.true(view.repo.files.has(`apps/${name}/app.yaml`), shown);
});

test('create asks before it replaces a remote, and changes nothing on no', async (t) => {
  const {view, type, git} = await terminal(t);
  git('remote', 'add', 'flynn', 'http://git.flynn.localhost:8080/old.git');
  t.is(await type('create shop'), text`
    $ flynn create shop
    ? The git remote "flynn" is http://git.flynn.localhost:8080/old.git. Replace it?
    ! error: the git remote "flynn" is there already: http://git.flynn.localhost:8080/old.git
    !        give the new one another name with -r <remote>, or replace it with -y
    exit 1
  `);
  t.deepEqual(view.repo.commits, []);
  t.regex(await type('create shop', {answer: true}), /is now this app.*\nexit 0$/);
  t.is(git('remote', 'get-url', 'flynn'), 'http://git.flynn.localhost:8080/shop.git');
  t.regex(await type('create blog -y -r other'), /The git remote "other" is added/);
});

test('create outside of a work tree tells the commands to type there', async (t) => {
  const {folder, type} = await terminal(t);
  const {rm} = await import('node:fs/promises');
  await rm(`${folder}/.git`, {recursive: true});
  t.is(await type('create shop'), text`
    $ flynn create shop
    ! Creating ⬢ shop... done
    http://shop.flynn.localhost:8080/ | http://git.flynn.localhost:8080/shop.git
    ! this is no git work tree; in the one of the app:
    !   git remote add flynn http://git.flynn.localhost:8080/shop.git && git push flynn main
    exit 0
  `);
});

test('create refuses names that cannot be hosts, and names that are taken', async (t) => {
  const {view, type} = await terminal(t);
  t.is(await type('create Shop'), text`
    $ flynn create Shop
    ! error: "Shop" can't name an app: it must be a name: small letters, digits and inner dashes, at most 30 characters
    exit 1
  `);
  t.regex(await type('create api'), /^! error: "api" can't name an app: git, api, cluster are hosts of the cluster itself$/m);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  const taken = await type('create shop');
  t.regex(taken, /^! error: .*shop.*\nexit 1$/m);
  t.is(view.repo.commits.length, 0);
});

test('create refuses a remote that git would take for a flag', async (t) => {
  const {view, type} = await terminal(t);
  t.regex(await type('create shop --remote=-x'), /^! "-x" can't name a git remote$/m);
  t.deepEqual(view.repo.commits, []);
});

test('scale commits in words, waits with progress, and says what runs', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.progress = ['web [1/4] starting', 'web [4/4] healthy'];
  view.outcome = {result: 'healthy', commit: COMMIT, urls: []};
  const shown = await type('scale -a shop web=4');
  const [commit] = view.repo.commits;
  t.is(shown, text`
    $ flynn scale -a shop web=4
    ! Committed "shop: scale web 2 → 4" COMMIT
    !   web [1/4] starting
    !   web [4/4] healthy
    ! Scaling ⬢ shop... done, now running web at 4
    exit 0
  `.replace('COMMIT', commit?.commit.slice(0, 8) ?? '?'));
  t.is(commit?.message, 'shop: scale web 2 → 4');
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', /replicas: 4/);
});

test('scale takes one more and one less, as Heroku does, and says how many there are then', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.outcome = {result: 'healthy', commit: COMMIT, urls: []};
  t.regex(await type('ps:scale -a shop web-1 worker+2'), /"shop: scale web 2 → 1, worker 0 → 2" \w{8}\n! Scaling ⬢ shop\.\.\. done, now running web at 1, worker at 2\nexit 0$/);
});

test('scale that does not become healthy fails with the cause and the last lines of the log', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.outcome = {result: 'failed', commit: COMMIT, cause: 'web.2: exit code 1', log: ['Error: no database']};
  t.regex(await type('scale -a shop web=3 worker=1'), /"shop: scale web 2 → 3, worker 0 → 1" \w{8}\n! error: web\.2: exit code 1\n! {8}Error: no database\nexit 1$/);
});

test('scale --no-wait returns when it is in git', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.outcome = new Error('nobody should ask');
  t.regex(await type('scale -a shop web=3 --no-wait'), /^\$ .*\n! Committed "shop: scale web 2 → 3" \w{8}\nexit 0$/);
});

test('a scale that somebody has changed again meanwhile says who, and is no success', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.releases.overtaker = {commit: COMMIT, by: 'Bob', subject: 'shop: scale web 3 → 5'};
  const superseded = new RegExp(`^! error: superseded: ${COMMIT.slice(0, 8)} "shop: scale web 3 → 5" by Bob has changed the same again`, 'm');
  const shown = await type('scale -a shop web=3');
  t.regex(shown, superseded);
  t.regex(shown, /changed the same again, and is what runs\nexit 1$/);
  t.notRegex(shown, /done/);
  view.outcome = {result: 'failed', commit: COMMIT, cause: 'exit code 1', log: []};
  t.regex(await type('scale -a shop web=4'), /by Bob has changed the same again\n! error: exit code 1\nexit 1$/);
  t.like(JSON.parse((await type('scale -a shop web=6 --json')).split('\n').filter((line) => !/^[$!]|^exit/.test(line)).join('\n')), {outcome: {result: 'failed', overtaken: {by: 'Bob'}}});
});

test('scale without arguments prints what could be typed back', async (t) => {
  const {view, type} = await terminal(t);
  const [web] = app('shop').services;
  if (web === undefined) throw new Error('bug: the fake app has a service');
  view.current = {...view.current, apps: [app('shop', {services: [web, {...web, name: 'worker', wanted: 0}]})]};
  t.is(await type('scale -a shop'), '$ flynn scale -a shop\nweb=1 worker=0\nexit 0');
});

test('scale refuses what makes no sense before it asks anybody', async (t) => {
  const {type} = await terminal(t);
  for (const words of ['web', 'web=', 'web=-1', 'web=x', 'web+', 'web=+1', 'web+1 web=2', '=3', 'web=1 web=2']) {
    t.regex(await type(`scale -a shop ${words}`), /\n! usage: flynn scale \[<service>=<replicas>…\] \[--no-wait\]\nexit 2$/, words);
  }
  t.regex(await type('scale -a shop web=5000'), /^! error: services\.web must be a whole number from 0 to 1000, not "5000"$/m);
});

test('Ctrl-C ends the wait for a scale, not the scale, and says so', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  const interrupt = new AbortController();
  view.converged = async (_app, onProgress) => {
    onProgress('web [1/3] starting');
    setImmediate(() => interrupt.abort());
    return new Promise(() => {});
  };
  t.regex(await type('scale -a shop web=3', {signal: interrupt.signal}), /\n! stopped waiting; the change is in git, and goes on\nexit 130$/);
  t.is(view.repo.commits.length, 1);
});
