import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import test from 'ava';
import {wantedBy} from '../../cli/complete.ts';
import {COMMANDS, HIDDEN} from '../../cli/table.ts';
import {app} from '../reconciler/api/fake-view.ts';
import {head} from '../support/manifests.ts';
import {terminal} from './terminal.ts';

const USAGE = 'env [-t <service>]\n       flynn env set <name>=<value>… [--secret] [-t <service>]\n       flynn env get <name> [-t <service>]\n       flynn env import on|off <file>';

const wants = test.macro<[string, string]>((t, typed, expected) => {
  const {words, placeholders} = wantedBy({usage: USAGE, details: ['-t, --type <service>   of this service only']}, typed.split(' '));
  t.is([...words, ...placeholders.map(({name, isPair, isRepeated}) => `<${name}>${isPair ? '=' : ''}${isRepeated ? '…' : ''}`)].join(' '), expected);
});
test('words of a command', wants, '', 'set get import');
test('what stands behind a word', wants, 'get ', '<name>');
test('once', wants, 'get A ', '');
test('or again and again', wants, 'set A=1 B=2 ', '<name>=…');
test('words that exclude each other', wants, 'import ', 'on off');
test('and what comes behind them', wants, 'import on ', '<file>');
test('flags of the word that was said, and those that are explained', wants, 'get -', '-t --type');
test('of another one', wants, 'set --', '--secret -t --type');
test('what belongs to a flag', wants, 'get -t ', '<service>');
test('by its other name as well', wants, 'get A --type ', '<service>');
test('the value of a flag is no word', wants, 'get -t web ', '<name>');

async function withShop(t: Parameters<typeof terminal>[0]) {
  const one = await terminal(t);
  one.view.current = {...one.view.current, apps: [app('shop'), app('blog')]};
  one.view.repo.files.set('apps/shop/app.yaml', `${head('App')}env: {LOG_LEVEL: info}\nroutes: [{host: shop.test}, {host: shop.test, path: /api}]\ntcp: [{port: 5432, service: db}]\n`);
  return one;
}

const completes = test.macro<[string, string]>(async (t, line, expected) => {
  const {type} = await withShop(t);
  const [, ...lines] = (await type(`complete -- ${line.replaceAll(/ $/g, " ''")}`)).split('\n');
  t.is(lines.slice(0, -1).map((one) => one.split('\t')[0]).join(' '), expected);
});
test('names of commands', completes, 'ro', 'route rollback');
test('of help, too', completes, 'help comp', 'completion');
test('apps', completes, 'status ', 'shop blog');
test('apps behind -a, wherever it stands', completes, '-a sh', 'shop');
test('clusters behind -c', completes, 'ps -c ', 'home');
test('routes of the app that is named', completes, '-a shop route remove ', 'shop.test shop.test/api 5432');
test("Heroku's words", completes, 'domains:remove -a shop ', 'shop.test');
test('services that are to be scaled', completes, 'scale -a shop ', 'web=');
test('services behind a flag', completes, 'env get -a shop -t ', 'web');
test('variables', completes, 'env unset -a shop L', 'LOG_LEVEL');
test('replicas and apps', completes, 'restart -a shop we', 'web.1');
test('what belongs to a flag, also where it is explained without', completes, 'token add ci --for ', 'shop blog');
test('roles', completes, 'people add ann --role ', 'viewer deployer maintainer admin');
test('nodes', completes, 'node cordon ', 'n1');
test('flags', completes, 'route -a shop --al', '--all --allow');
test('flags of all commands', completes, 'ps --a', '--app');
test('what is run elsewhere is completed by the shell', completes, 'run -a shop ls ', '');
test('nothing of a command that there is not', completes, 'nope ', '');

test('without a cluster there is silence, and not an error', async (t) => {
  const {type, folder} = await terminal(t);
  t.is(await type('complete -- status s', {env: {FLYNN_CONFIG: `${folder}/none.yaml`}}), '$ flynn complete -- status s\nexit 0');
});

test('every word of every usage can be completed', async (t) => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const command = await load();
    if (HIDDEN.has(name)) continue;
    const lines = command.usage.split('\n').map((line) => line.trim().replace(/^flynn /, '').split(' '));
    for (const [, word = ''] of lines) {
      if (/^[a-z]+$/.test(word)) t.true(wantedBy(command, ['']).words.includes(word), `${name} ${word}`);
    }
  }
});

test('bash gets what fits behind its own breaks', async (t) => {
  const {type} = await terminal(t);
  const script = (await type('completion bash')).split('\n').slice(1, -1).join('\n');
  // Answers with the words that it got, and with what begins as the last one.
  const flynn = 'flynn() { printf "%s\\tabout\\n" "${!#}one" "${!#}two:$#"; }';
  const press = async (line: string) => {
    const run = `${flynn}\n${script}\nCOMP_LINE='${line}' COMP_POINT=${line.length}; _flynn; printf '%s|' "\${COMPREPLY[@]}"`;
    return (await promisify(execFile)('bash', ['-c', run])).stdout;
  };
  t.is(await press('flynn route -a '), 'one|two:5|');
  t.is(await press('flynn sta'), 'staone|statwo:3|');
  t.is(await press('flynn route remove http:shop'), 'shopone|shoptwo:5|');
  t.is(await press('flynn scale web='), 'one|two:4|');
});
