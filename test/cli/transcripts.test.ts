import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {app, COMMIT, NOW} from '../reconciler/api/fake-view.ts';
import {head} from '../support/manifests.ts';
import {terminal, type Typed} from './terminal.ts';

// What typical command lines print, as golden files: transcripts/<topic>.txt. Written anew with UPDATE=1.

const FOLDER = path.join(import.meta.dirname, 'transcripts');
const TERMINAL: Typed = {isTerminal: true};

/** A command line, and what is around it. */
type Line = string | readonly [line: string, how: Typed];

const TOPICS: Readonly<Record<string, readonly Line[]>> = {
  'used-wrongly': [
    'scle web=2', 'statsu', 'frobnicate', 'scale web=many -a shop', 'scale -a shop nothing=2', 'logs -a shop --lines many', 'releases -a shop info', '-a', 'env set -a shop', 'run -a shop',
    'route add -a shop', 'status no-such-app', 'ps -a Shop', 'create ../people', 'completion tcsh', 'audit -n many', 'help nothing', 'create --nope', 'resource add postgres',
  ],
  'looking': [
    'status', 'status shop', 'ps -a shop', 'apps', 'info shop', 'scale -a shop', 'route -a shop', 'domain -a shop', 'env -a shop', 'plan', 'events', 'whoami', 'people', 'open shop', 'maintenance -a shop', 'drains', 'metrics',
  ],
  'reviewing': [
    'review', 'review show 1', 'review show 1 --markdown', 'review show 7', 'review comment 1 why three?', 'review comment 1', 'approve 1 -m fine', 'merge 1 --no-wait', 'reject 1 -m later', 'review shwo 1', 'review show one',
  ],
  'for-programs': ['apps --json', 'scale -a shop --json', 'whoami --json', 'env -a shop --json', 'plan --json', 'status no-such-app --json'],
  'changing': ['create blog', 'create blog', 'scale web=3 -a shop', 'scale web=3 -a shop', 'env set GREETING=hi -a shop', 'env unset GREETING -a shop', 'maintenance on -a shop', 'destroy shop'],
  'on-a-terminal': [['status shop', TERMINAL], ['status shop', {...TERMINAL, env: {NO_COLOR: '1'}}], ['status shop', {...TERMINAL, env: {TERM: 'dumb'}}], ['events', TERMINAL]],
};

for (const [topic, lines] of Object.entries(TOPICS)) {
  test(`${topic} prints what transcripts/${topic}.txt says`, async (t) => {
    const said = await transcript(t, lines);
    const file = path.join(FOLDER, `${topic}.txt`);
    if (process.env['UPDATE'] === '1') await writeFile(file, said);
    t.is(said, await readFile(file, 'utf8'));
  });
}

async function transcript(t: ExecutionContext, lines: readonly Line[]): Promise<string> {
  const {type, view, port} = await terminal(t);
  view.current = {...view.current, lastSuccessfulPassAt: NOW, apps: [app('shop')]};
  view.ready = true;
  // Somebody wrote what a terminal would obey.
  view.past = [{at: NOW, kind: 'commit', app: 'shop', message: 'scale \u001b]0;hacked\u0007web 1 → 2\u001b[31m', commit: COMMIT, actor: 'Ann\u202eeeL'} as never];
  view.repo.files.set('apps/shop/app.yaml', `${head('App')}env: {LOG_LEVEL: info}\nservices:\n  web:\n    replicas: 2\n`).set('cluster.yaml', `${head('Cluster')}name: home\ndomain: flynn.localhost\n`);
  const said: string[] = [];
  for (const line of lines) said.push(typeof line === 'string' ? await type(line) : await type(...line));
  return `${said.join('\n\n').replaceAll(`:${port}`, ':PORT').replaceAll('\u001b', '<ESC>')}\n`;
}
