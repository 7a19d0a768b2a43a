import test, {type ExecutionContext} from 'ava';
import {NO_COMMIT} from '../../../reconciler/adapters/git-format.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {AppPushes} from '../../../reconciler/receive/app-push.ts';
import type {BuildRequest} from '../../../reconciler/build/build.ts';
import type {OneShot, RunRequest} from '../../../reconciler/oneshot/oneshot.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {ADA, bareRepo, run} from '../checkout/support.ts';
import {gitDeps, IMAGE, NOTHING_RUNS} from './support.ts';

const SHOP = 'shop' as AppName;
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const CLUSTER = `apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\nrecipients: [${RECIPIENT}]\n`;
const APP = 'apiVersion: flynn/v1\nkind: App\n';

/** Pushes sources of an app, one after the other, which has no release before. */
async function shop(t: ExecutionContext, manifests: Readonly<Record<string, string>> = {}, oneShot = NOTHING_RUNS) {
  const cluster = await bareRepo(t, {'cluster.yaml': CLUSTER, 'apps/shop/app.yaml': APP, ...manifests});
  const repo = ownRepo({gitdir: cluster});
  t.teardown(() => repo.close());
  const shown: string[] = [];
  const requests: BuildRequest[] = [];
  const pushes = new AppPushes(await gitDeps(t, {repo, oneShot, build: async (request) => {
    requests.push(request);
    return {ok: true, value: IMAGE};
  }}));
  return {
    shown, requests,
    push: async (files: Readonly<Record<string, string>>) => {
      const gitdir = await bareRepo(t, files);
      const commit = await run(gitdir, 'rev-parse', 'main');
      await run(gitdir, 'update-ref', '-d', 'refs/heads/main');
      await pushes.deploy(SHOP, {
        gitdir, ended: Promise.resolve(), options: [], env: {}, author: ADA, updates: [{ref: 'refs/heads/main', before: NO_COMMIT, after: commit}], print: (line) => shown.push(line), settle: () => {},
      }, AbortSignal.timeout(60_000));
    },
    show: (file: string) => run(cluster, 'show', `main:apps/shop/${file}`),
    log: async () => (await run(cluster, 'log', '--format=%s', 'main')).split('\n').map((line) => line.replace(/ \([0-9a-f]{8}\)$/, '')),
  };
}

test('the first release takes over what app.json says, in its own commit, and later ones do not', async (t) => {
  const {push, show, log, requests} = await shop(t);
  await push({'app.json': '{"env": {"LOG": "info", "KEY": {"generator": "secret"}}, "formation": {"web": {"quantity": 2}}}', 'server.js': '1'});
  t.deepEqual(requests[0]?.env, {LOG: 'info'});
  t.is(await show('app.yaml'), `${APP}env:\n  LOG: "info"\nservices:\n  web:\n    replicas: 2`);
  const secrets = await show('secrets.yaml');
  t.regex(secrets, /KEY: \|\n\s+-----BEGIN AGE ENCRYPTED FILE-----/);
  t.deepEqual(await log(), ['shop: release v1', 'create the cluster repository']);
  await push({'app.json': '{"env": {"NEW": "x", "WANTED": {}}}', 'server.js': '2'});
  t.is(await show('app.yaml'), `${APP}env:\n  LOG: "info"\nservices:\n  web:\n    replicas: 2`);
  t.is(await show('secrets.yaml'), secrets);
  t.deepEqual(await log(), ['shop: release v2', 'shop: release v1', 'create the cluster repository']);
});

test('a variable that app.json requires and nobody has set is a reason not to build', async (t) => {
  const {push, requests, log} = await shop(t);
  await t.throwsAsync(push({'app.json': '{"env": {"TOKEN": {"description": "of the shop"}, "OTHER": {"required": true}}}'}), {message: /app\.json requires TOKEN, OTHER, which nobody has set: flynn env set TOKEN=…, or with --secret/});
  t.deepEqual(requests, []);
  t.deepEqual(await log(), ['create the cluster repository']);
});

test('a wrong app.json is told', async (t) => {
  const {push} = await shop(t);
  await t.throwsAsync(push({'app.json': '{"formation": {"web": {"quantity": "two"}}}'}), {message: /app\.json has formation\.web\.quantity that must be a whole number from 0 to 1000, not "two"/});
});

test('an app in a folder of its repository has its app.json there', async (t) => {
  const {push, show} = await shop(t, {'apps/shop/app.yaml': `${APP}env: {PROJECT_PATH: shop}\n`});
  await push({'app.json': '{"env": {"WHICH": "root"}}', 'shop/app.json': '{"env": {"WHICH": "folder"}}'});
  t.regex(await show('app.yaml'), /WHICH: "folder"/);
});

test('scripts.postdeploy is run once, after the first release serves; its failure takes nothing back', async (t) => {
  const asked: RunRequest[] = [];
  let closed = 0;
  const run: OneShot['run'] = async (request) => {
    asked.push(request);
    return {
      name: 'run.1', release: 1, write: async () => {}, endInput: () => {}, resize: async () => {}, send: async () => {},
      output: (async function* () {
        yield {stream: 'stdout' as const, bytes: Buffer.from('making the tab')};
        yield {stream: 'stderr' as const, bytes: Buffer.from('les\nno disk\n')};
      })(),
      outcome: async () => ({exitCode: 3, isOutOfMemory: false}),
      close: async () => {
        closed += 1;
      },
    };
  };
  const {push, shown, log} = await shop(t, {}, {run});
  await push({'app.json': '{"scripts": {"postdeploy": "rake db:setup"}}'});
  t.deepEqual(asked.map(({app, command, actor}) => [app, command, actor.name]), [[SHOP, ['rake db:setup'], ADA.name]]);
  t.is(closed, 1);
  const text = shown.join('\n');
  t.regex(text, /Verifying deploy\.\.\. done\.\n-----> Running scripts\.postdeploy of app\.json: rake db:setup\n {7}making the tables\n {7}no disk\n !     scripts\.postdeploy of app\.json failed with exit code 3\. The release stays; to run it again: flynn run -a shop rake db:setup/);
  await push({'app.json': '{"scripts": {"postdeploy": "rake db:setup"}}', 'more': ''});
  t.is(asked.length, 1);
  t.deepEqual(await log(), ['shop: release v2', 'shop: release v1', 'create the cluster repository']);
});

test('a folder is left to a buildpack that looks for it itself', async (t) => {
  const {push, show} = await shop(t, {'apps/shop/app.yaml': `${APP}buildpacks: ["https://github.com/timanovsky/subdir-heroku-buildpack", nodejs]\nenv: {PROJECT_PATH: shop}\n`});
  await push({'app.json': '{"env": {"WHICH": "root"}}', 'shop/app.json': '{"env": {"WHICH": "folder"}}'});
  t.regex(await show('app.yaml'), /WHICH: "root"/);
});
