import test from 'ava';
import {parseAppJson} from '../../schemas/app-json.ts';

test('what Heroku and Dokku write is read', (t) => {
  const text = JSON.stringify({
    name: 'Shop', stack: 'heroku-24', addons: ['heroku-postgresql'], scripts: {postdeploy: 'rake db:setup'},
    buildpacks: [{url: 'heroku/nodejs'}, {url: 'https://github.com/heroku/heroku-buildpack-pgbouncer'}],
    env: {
      PLAIN: 'x', COUNT: {value: '3', description: 'how many'}, KEY: {generator: 'secret'}, TOKEN: {description: 'of the shop'}, MAYBE: {required: false},
    },
    formation: {Web: {quantity: 2, size: 'standard-1x'}, worker: {size: 'free'}, _default_: {quantity: 1}},
    healthchecks: {web: [{type: 'startup', name: 'up', uptime: 5}, {type: 'startup', path: '/health', attempts: 4, timeout: 3, wait: 2, initialDelay: 9}]},
    cron: [{command: 'node nightly.js --all', schedule: '@daily'}, {command: 'node nightly.js --all', schedule: '0 5 * * *'}],
  });
  const parsed = parseAppJson(text);
  t.deepEqual(parsed.ok ? parsed.value : parsed.problem, {
    buildpacks: ['heroku/nodejs', 'https://github.com/heroku/heroku-buildpack-pgbouncer'],
    env: {PLAIN: {kind: 'value', value: 'x'}, COUNT: {kind: 'value', value: '3'}, KEY: {kind: 'generated'}, TOKEN: {kind: 'missing'}, MAYBE: {kind: 'optional'}},
    replicas: {web: 2, worker: 1},
    checks: {web: {http: '/health', retries: 4, timeoutSeconds: 3, intervalSeconds: 2, startPeriodSeconds: 9}},
    crons: {'node-nightly-js-all': {schedule: '@daily', command: 'node nightly.js --all'}, 'node-nightly-js-all-2': {schedule: '0 5 * * *', command: 'node nightly.js --all'}},
    postdeploy: 'rake db:setup',
    ignored: ['addons', 'stack'],
  });
});

test('a byte order mark at its beginning is none of it', (t) => {
  t.like(parseAppJson('\uFEFF{"buildpacks": [{"url": "heroku/nodejs"}]}'), {ok: true, value: {buildpacks: ['heroku/nodejs']}});
});

for (const [text, problem] of [
  ['[]', 'must be an object'],
  ['{"env": []}', 'has "env" that must be an object'],
  ['{"env": {"A-B": "x"}}', 'has env "A-B" must be the name of a variable: letters, digits and _, not a digit first'],
  ['{"formation": {"web": {"quantity": -1}}}', 'has formation.web.quantity that must be a whole number from 0 to 1000, not -1'],
  ['{"cron": [{"command": "x"}]}', 'has a cron entry without "command" and "schedule"'],
  ['{"scripts": {"postdeploy": 1}}', 'has scripts.postdeploy that must be a command line'],
  ['{"buildpacks": [{}]}', 'has a buildpack without a "url"'],
] as const) {
  test(`${text} is told`, (t) => {
    t.deepEqual(parseAppJson(text), {ok: false, problem});
  });
}
