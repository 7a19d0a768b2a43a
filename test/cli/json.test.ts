import test from 'ava';
import {COMMANDS, HIDDEN} from '../../cli/table.ts';
import type {SourceStatus} from '../../reconciler/source/status.ts';
import {app, COMMIT, NOW} from '../reconciler/api/fake-view.ts';
import {head} from '../support/manifests.ts';
import {terminal} from './terminal.ts';

// What is listed, or shown, is JSON for programs with --json: one document, or one a line. Nothing else is on stdout.

const QUESTIONS: readonly string[] = [
  'apps', 'info shop', 'status', 'status shop', 'ps shop', 'metrics', 'route -a shop', 'route -A', 'domain -a shop', 'cert', 'env -a shop', 'secrets', 'scale -a shop', 'releases -a shop',
  'builds -a shop', 'source -a shop', 'stack', 'maintenance -a shop', 'history -a shop', 'cron -a shop', 'open shop', 'plan', 'drains', 'events', 'audit', 'gc --dry-run', 'registry', 'forge', 'cluster',
  'volume', 'version', 'people', 'team', 'node', 'token', 'whoami', 'quota', 'oidc', 'people identity', 'codeowners --github', 'doctor', 'logs shop', 'review', 'review show 1',
];
/** Commands that change something, or are told of elsewhere: what they print in the end has tests of its own. */
const OTHERS: readonly string[] = [
  'up', 'down', 'create', 'rename', 'destroy', 'rollback', 'deploy', 'run', 'exec', 'restart', 'kill', 'suspend', 'resume', 'confirm', 'login', 'logout', 'completion', 'diff', 'validate', 'propose', 'approve', 'merge', 'reject',
];

const SOURCE: SourceStatus = {git: 'https://git.example.com/shop.git', branch: 'main', intervalSeconds: 60, hasHook: false, state: 'deployed', commit: COMMIT, release: 3};

for (const question of QUESTIONS) {
  test(`${question} --json is JSON`, async (t) => {
    const {view, folder, type} = await terminal(t);
    view.current = {...view.current, lastSuccessfulPassAt: NOW, apps: [app('shop')]};
    view.followed = {shop: SOURCE};
    view.repo.files.set('apps/shop/app.yaml', head('App')).set('cluster.yaml', `${head('Cluster')}name: home\ndomain: flynn.localhost\n`);
    const lines: string[] = [];
    const shown = await type(`${question} --json${question === 'doctor' ? ` --data ${folder}` : ''}`, {onOut: (line) => lines.push(...line.split('\n'))});
    t.regex(shown, /exit 0$/);
    t.true(lines.length > 0 || ['events', 'audit', 'logs shop'].includes(question), 'it says something');
    t.notThrows(() => documents(lines));
  });
}

test('every command that people type is looked at here, or is none that lists', (t) => {
  const known = new Set([...QUESTIONS.map((line) => line.split(' ')[0] ?? ''), ...OTHERS]);
  t.deepEqual(Object.keys(COMMANDS).filter((name) => !HIDDEN.has(name) && !known.has(name)), []);
});

/** One document, or one a line. */
function documents(lines: readonly string[]): readonly unknown[] {
  try {
    return [JSON.parse(lines.join('\n'))];
  } catch {
    return lines.map((line) => JSON.parse(line) as unknown);
  }
}
