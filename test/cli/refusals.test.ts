import path from 'node:path';
import test from 'ava';
import {app} from '../reconciler/api/fake-view.ts';
import {terminal, type Typed} from './terminal.ts';

// What is wrong, where, and what would be right: for what people do wrong that no golden file has.

const LINES: readonly (readonly [line: string, says: RegExp, how?: Typed])[] = [
  ['logs shop -t nosuch', /error: ⬢ shop has no service "nosuch"; known are web\nexit 1$/],
  ['route add tcp -a shop', /to which service\? such as: flynn route add tcp --port 5432 -s db\n[^]*exit 2$/],
  ['domain add http://shop.example.com -a shop', /"http:\/\/shop\.example\.com" is no host such as www\.example\.com\n[^]*exit 2$/],
  ['audit -n -5', /! -n needs a value after it; one that begins with a dash comes after =, as in --flag=-x\n[^]*exit 2$/],
  ['deploy -a shop --image', /! -i, --image needs a value after it\n[^]*exit 2$/],
  ['metrics nosuch', /error: there is no app "nosuch"\nexit 1$/],
  ['token add old -u ann --expires 2020-01-01', /--expires is "2020-01-01", and that day is over\n[^]*exit 2$/],
  ['apps', /FLYNN_URL says which cluster, and FLYNN_TOKEN does not say who you are\n[^]*exit 1$/, {env: {FLYNN_URL: 'https://api.example.com'}}],
  ['apps', /FLYNN_URL "ftp:\/\/x" is no address such as https:\/\/api\.apps\.example\.com\nexit 1$/, {env: {FLYNN_URL: 'ftp://x', FLYNN_TOKEN: 't'}}],
  ['apps', /over http:\/\/ your token could be read on its way\n! {8}it has to be https:\/\/192\.0\.2\.1\n/, {env: {FLYNN_URL: 'http://192.0.2.1', FLYNN_TOKEN: 't'}}],
];

for (const [line, says, how] of LINES) {
  test(`flynn ${line} ${JSON.stringify(how?.env ?? {})}`, async (t) => {
    const {type, view} = await terminal(t);
    view.current = {...view.current, apps: [app('shop')]};
    t.regex(await type(line, how), says);
    t.deepEqual(view.repo.commits, []);
  });
}

test('a token that does not count is told of by where it came from', async (t) => {
  const {type, port} = await terminal(t);
  t.regex(await type(`login http://api.flynn.localhost:${port}`, {input: 'wrong'}), /does not accept the token on stdin\n! {8}a new one is made with: flynn token add\nexit 1$/);
  t.regex(await type('apps', {env: {FLYNN_URL: `http://api.flynn.localhost:${port}`, FLYNN_TOKEN: 'wrong'}}), /does not accept the token in FLYNN_TOKEN\n! {8}a new one is made with: flynn token add\nexit 1$/);
});

test('a home that can\'t be written to is told of, and what a job does instead', async (t) => {
  const {type, folder, port} = await terminal(t);
  // A file where a folder would have to be: root may write into a folder of any mode.
  const how = {input: 'right-token', env: {FLYNN_CONFIG: path.join(folder, '.git', 'HEAD', 'config.yaml')}};
  t.regex(await type(`login http://api.flynn.localhost:${port}`, how), /config\.yaml' can't be (read|written): (ENOTDIR|EEXIST)[^]*exit 1$/);
});

test('five hundred apps, of the longest names, are one line each, whatever the width', async (t) => {
  const {type, view} = await terminal(t);
  const names = Array.from({length: 500}, (_, index) => `${'a'.repeat(26)}-${String(index).padStart(3, '0')}`);
  view.current = {...view.current, apps: names.map((name) => app(name))};
  const lines = (await type('apps', {isTerminal: true, env: {NO_COLOR: '1'}})).split('\n').slice(1, -1);
  t.is(lines.length, 501);
  t.deepEqual(lines.slice(1).map((line) => line.split(' ')[0]), names);
  t.is((JSON.parse((await type('apps --json')).split('\n').slice(1, -1).join('\n')) as unknown[]).length, 500);
});
