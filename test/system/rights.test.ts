import {execa} from 'execa';
import test from 'ava';
import {mayDo} from '../../reconciler/access/access.ts';
import {RIGHTS, type Right} from '../../reconciler/access/rights.ts';
import {head} from '../support/manifests.ts';
import {doors, PEOPLE, personFile, RELEASE, type Doors} from '../support/doors.ts';
import {cleanUp} from '../support/clean-up.ts';
import {cloneOf, commitFiles, run} from '../reconciler/checkout/support.ts';

// The table of rights, tried at every door: each right as every person, by a real HTTP API and a real git.

type Trial =
  /** `GET /v1/…`, and a body. */
  | {readonly api: string; readonly body?: object}
  /** A clone of a repository. */
  | {readonly clone: string}
  /** A push of main to a branch of a repository that is not deployed. */
  | {readonly push: string}
  /** A push to the cluster repository's main that changes this file; undefined removes it. */
  | {readonly path: string; readonly text: string | undefined};

const APP = `${head('App')}env:\n  GREETING: good evening\nservices:\n  web:\n    replicas: 1\n`;

/** A right without a trial does not compile. */
const TRIALS: Readonly<Record<Right, readonly Trial[]>> = {
  'self.read': [{api: 'GET /v1/whoami'}],
  'self.tokens': [{api: 'POST /v1/people/ME/tokens', body: {name: 'more', hash: `sha256:${'d'.repeat(64)}`}}, {api: 'POST /v1/people/ME/tokens/more/remove', body: {}}],
  'cluster.look': [{api: 'GET /v1/status'}, {api: 'GET /v1/apps'}, {api: 'GET /v1/events'}, {api: 'GET /v1/routes'}, {api: 'GET /v1/drains'}],
  'cluster.clone': [{clone: 'cluster'}],
  'cluster.propose': [{push: 'cluster'}],
  'cluster.review': [{api: 'POST /v1/proposals/1/approve', body: {}}],
  'cluster.merge': [{api: 'POST /v1/proposals/1/merge', body: {}}],
  'app.read': [{api: 'GET /v1/apps/shop'}, {api: 'GET /v1/apps/shop/builds'}, {api: 'GET /v1/apps/shop/releases'}, {clone: 'shop'}],
  'app.logs': [{api: 'GET /v1/apps/shop/logs'}],
  'app.push': [{push: 'shop'}],
  'app.deploy': [{api: 'POST /v1/apps/shop/releases', body: {image: 'nginx'}}, {api: 'POST /v1/apps/shop/builds', body: {branch: 'main'}}, {path: 'apps/shop/releases/v0002.yaml', text: RELEASE}],
  'app.rollback': [{api: 'POST /v1/apps/shop/rollback', body: {}}],
  'app.scale': [{api: 'POST /v1/apps/shop/scale', body: {services: {web: 2}}}],
  'app.restart': [{api: 'POST /v1/apps/shop/restart', body: {}}, {api: 'POST /v1/apps/shop/replicas/web.1/kill', body: {}}],
  'app.env.read': [{api: 'GET /v1/apps/shop/env'}],
  'app.env.write': [{api: 'POST /v1/apps/shop/env', body: {set: {GREETING: 'hi'}}}, {path: 'apps/shop/secrets.yaml', text: head('Secrets')}],
  'app.run': [{api: 'POST /v1/apps/shop/run', body: {command: ['env']}}],
  'app.route': [{api: 'POST /v1/apps/shop/domains', body: {host: 'www.example.com'}}],
  'app.data': [{api: 'GET /v1/apps/shop/volumes/data/backup'}, {api: 'POST /v1/apps/shop/volumes/data/remove', body: {confirm: 'shop/data'}}],
  'app.edit': [{api: 'POST /v1/apps/shop/maintenance', body: {on: true}}, {api: 'POST /v1/drains', body: {app: 'shop', drain: {url: 'https://logs.example.com'}}}, {path: 'apps/shop/app.yaml', text: APP}],
  'app.create': [{api: 'POST /v1/apps', body: {name: 'new'}}, {path: 'apps/new/app.yaml', text: head('App')}],
  'app.destroy': [{api: 'POST /v1/apps/blog/destroy', body: {confirm: 'blog'}}, {path: 'apps/blog/app.yaml', text: undefined}],
  'cluster.plan': [{api: 'GET /v1/plan'}, {api: 'GET /v1/secrets'}],
  'cluster.operate': [{api: 'POST /v1/confirm', body: {commit: '1a2b3c4d'}}, {api: 'POST /v1/gc', body: {}}],
  'cluster.edit': [{api: 'POST /v1/registry', body: {host: 'registry.example.com'}}, {path: 'cluster.yaml', text: `${head('Cluster')}name: renamed\ndomain: flynn.test\n`}, {path: 'apps/README.md', text: 'Hello\n'}],
  'people.read': [{api: 'GET /v1/people'}],
  'people.edit': [{api: 'POST /v1/people', body: {user: 'eve', name: 'Eve', email: 'eve@example.com', role: 'admin'}}, {api: 'POST /v1/people/nobody/tokens', body: {name: 'mine', hash: `sha256:${'e'.repeat(64)}`}}, {path: 'people/vic.yaml', text: personFile('vic', 'role: admin\n')}],
  'audit.read': [{api: 'GET /v1/audit'}],
};

const cleanups = cleanUp();
let node: Doors;
let clone: string;
let base: string;
/** Commits on the first one, by the path that they change. */
const commits = new Map<string, string>();

test.before(async (t) => {
  t.timeout(60_000);
  node = await doors(cleanups);
  clone = await cloneOf(cleanups, node.layout.clusterRepo);
  base = await run(clone, 'rev-parse', 'HEAD');
  for (const trial of Object.values(TRIALS).flat()) {
    if (!('path' in trial)) continue;
    await run(clone, 'reset', '--quiet', '--hard', base);
    if (trial.text === undefined) await run(clone, 'rm', '--quiet', trial.path);
    commits.set(trial.path, trial.text === undefined ? await commitFiles(clone, {}) : await commitFiles(clone, {[trial.path]: trial.text}));
  }
  await run(clone, 'reset', '--quiet', '--hard', base);
});
test.after.always(() => cleanups.run());

for (const user of Object.keys(PEOPLE)) {
  test.serial(`${user === 'non' ? 'who has no role' : user}: the API, pushes and each path of a push do as the table says`, async (t) => {
    t.timeout(180_000);
    for (const [right, trials] of Object.entries(TRIALS) as readonly [Right, readonly Trial[]][]) {
      const isAllowed = mayDo(node.rolesOf(user), right, 'shop');
      for (const trial of trials) {
        const before = (await node.told()).length;
        const said = await attempt(user, trial);
        t.is(said.isRefused, !isAllowed, `${user} ${right} ${JSON.stringify(trial)}: ${said.text}`);
        if (isAllowed) continue;
        // Who may push nothing at all is not asked for paths.
        const asked = 'path' in trial && !mayDo(node.rolesOf(user), 'cluster.propose') ? 'cluster.propose' : right;
        t.regex(said.text, new RegExp(`${user} may not ${RIGHTS[asked].words}`), `${user} ${right} is refused in words`);
        const lines = (await node.told()).slice(before).filter(({action}) => action === 'refused');
        t.is(lines.length, 1, `${user} ${right} is in the audit log, once`);
        const [{actor, from, subject = ''} = {actor: '', from: ''}] = lines;
        t.is(actor, `${user} <${user}@example.com>`);
        t.is(from, '127.0.0.1');
        t.true(subject === asked || subject.includes(`${user} may not ${RIGHTS[asked].words}`), subject);
      }
    }
  });
}

async function attempt(user: string, trial: Trial): Promise<{readonly isRefused: boolean; readonly text: string}> {
  if ('api' in trial) {
    const {status, text} = await node.ask(user, trial.api.replace('ME', user), trial.body);
    return {isRefused: status === 403, text};
  }
  const git = async (...args: string[]) => {
    const {exitCode, all} = await execa('git', args, {cwd: clone, all: true, reject: false, env: {GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1'}});
    return {isRefused: exitCode !== 0, text: String(all)};
  };
  if ('clone' in trial) return git('ls-remote', node.url(user, trial.clone));
  if ('push' in trial) return git('push', '--force', node.url(user, trial.push), `${base}:refs/heads/branch-of-${user}`);
  // Whatever others were allowed before: from where the commit was made.
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
  const ended = await git('push', node.url(user), `${commits.get(trial.path)}:refs/heads/main`);
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
  return ended;
}
