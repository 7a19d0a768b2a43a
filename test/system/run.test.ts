import {spawn} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until, within} from '../support/until.ts';

// Commands that people run, in containers of their own and in replicas; replicas that they kill and restart.

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const CANARY = 'canary-7f3a9c';

let node: TrialNode;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  await node.deployed('shop', 'node-hello');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** A `flynn` whose stdin is the test's. */
function start(args: readonly string[], {program = process.execPath, words = [MAIN, ...args]} = {}) {
  const {XDG_CONFIG_HOME: _, ...env} = process.env;
  const child = spawn(program, words, {cwd: node.home, env: {...env, HOME: node.home, FLYNN_APP: 'shop', PATH: `${path.dirname(process.execPath)}:${env.PATH}`}, stdio: 'pipe'});
  const written = {stdout: '', stderr: ''};
  child.stdout.on('data', (bytes: Buffer) => (written.stdout += String(bytes)));
  child.stderr.on('data', (bytes: Buffer) => (written.stderr += String(bytes)));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  /** Resolves to its status. */
  const ended = () => within(`the end of ${words.slice(1).join(' ')}`, closed);
  return {child, written, ended, saw: (text: string) => until(`it writes "${text}"`, () => written.stdout.includes(text))};
}

const flynn = (...args: readonly string[]) => node.flynn(args, {env: {FLYNN_APP: 'shop'}});
const shell = (line: string) => node.run(['sh', '-c', line], {env: {FLYNN_APP: 'shop', FLYNN: `${process.execPath} ${MAIN}`}});
const noRuns = () => until('no container of a run is left', async () => (await node.containers('run', 'shop')).length === 0);
const replicas = async () => (await node.running('shop')).map(({id}) => id).toSorted();

/** Command lines in the containers of the app, of whatever role. One that has ended meanwhile has none. */
async function commands(): Promise<string> {
  const all = [...await node.running('shop'), ...(await node.containers('run', 'shop')).filter(({state}) => state === 'running')];
  const tops = await Promise.all(all.map(({id}) => node.docker.getContainer(id).top({ps_args: '-eo pid,args'}).catch(() => ({Processes: []})) as Promise<{Processes: readonly (readonly string[])[]}>));
  return tops.flatMap(({Processes}) => Processes.map((words) => words.slice(1).join(' '))).join('\n');
}

test.serial('a run has the environment of the release, an exit code of its own, and streams apart', async (t) => {
  const {child, written, ended} = start(['run', '-e', `SECRET=${CANARY}`, 'echo $PORT $FLYNN_RELEASE ${FLYNN_REPLICA%.*} $SECRET $HOME; echo careful >&2; exit 7']);
  child.stdin.end();
  t.is(await ended(), 7);
  t.deepEqual(written, {stdout: `8080 v1 run ${CANARY} /app\n`, stderr: 'careful\n'});
  t.is((await flynn('run', 'not-a-command')).exitCode, 127);
  t.regex((await flynn('run', '-t', 'worker', 'ls')).output, /error: release v1 of "shop" has no service "worker" \(it has web\)/);
  await noRuns();
});

test.serial('megabytes go through a run and come back, byte for byte', async (t) => {
  const bytes = randomBytes(5_000_000);
  const file = path.join(node.home, 'megabytes');
  await writeFile(file, bytes);
  const sum = createHash('sha256').update(bytes).digest('hex');
  t.is((await shell(`$FLYNN run cat < ${file} | sha256sum`)).stdout, `${sum}  -`);
  t.is((await shell(`$FLYNN exec web.1 cat < ${file} | sha256sum`)).stdout, `${sum}  -`);
  t.is((await shell(`$FLYNN run 'echo first' < ${file}`)).stdout, 'first', 'what does not read its input keeps its output');
  t.is((await shell(`$FLYNN run 'while echo on; do sleep 0.1; done' < ${file} | head -n 1`)).stdout, 'on', 'and a reader that goes ends it');
  await noRuns();
});

for (const [name, exitCode] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test.serial(`${name} is passed on to a run and to a command in a replica`, async (t) => {
    for (const where of [['run'], ['exec', 'web.1']]) {
      const {child, ended, saw} = start([...where, 'echo on; exec sleep 300']);
      await saw('on');
      child.kill(name);
      t.is(await ended(), exitCode, where.join(' '));
    }
    t.notRegex(await commands(), /sleep 300/);
    await noRuns();
  });
}

test.serial('what does not listen to signals is killed after ten seconds, wherever it runs', async (t) => {
  const ignoring = ['run', 'exec web.1'].map((where) => start([...where.split(' '), 'trap "" INT TERM; echo on; while :; do sleep 1; done']));
  for (const {saw, child} of ignoring) {
    await saw('on');
    child.kill('SIGTERM');
  }
  t.deepEqual(await Promise.all(ignoring.map(({ended}) => ended())), [137, 137]);
  t.notRegex(await commands(), /trap/);
  await noRuns();
});

test.serial('on a terminal a run has one too, of the same size, also when that changes', async (t) => {
  t.timeout(180_000);
  const flag = path.join(node.home, 'resize');
  // Width and height are two changes, and there are many: it is the last that has to stay.
  await writeFile(path.join(node.home, 'resize.sh'), `stty cols 100 rows 30
(until [ -e ${flag} ]; do sleep 0.1; done; for n in 101 102 103 104 105 106 107 120; do stty cols $n rows 40 < /dev/tty; done) &
exec ${process.execPath} ${MAIN} run 'trap "case \\$(stty size) in \\"40 120\\") echo last \\$(stty size); exit 9 ;; esac" WINCH; echo tty $(stty size) $TERM; while :; do sleep 0.1; done'
`);
  const {child, ended, saw} = start([], {program: 'script', words: ['-qec', `TERM=vt220 sh ${path.join(node.home, 'resize.sh')}`, '/dev/null']});
  await saw('tty 30 100 vt220');
  await writeFile(flag, '');
  await saw('last 40 120');
  t.is(await ended(), 9);
  // Ctrl-C and Ctrl-D are keys there, for the shell that runs elsewhere.
  const typed = start([], {program: 'script', words: ['-qec', `${process.execPath} ${MAIN} exec web.1 bash`, '/dev/null']});
  await typed.saw('$ ');
  typed.child.stdin.write('sleep 301\r');
  await until('it sleeps', async () => (await commands()).includes('sleep 301'));
  typed.child.stdin.write('\x03');
  typed.child.stdin.write('echo $((6 * 7)); exit 4\r');
  t.is(await typed.ended(), 4);
  t.regex(typed.written.stdout, /^42\r$/m);
  child.stdin.end();
  await noRuns();
});

test.serial('a client that is killed takes its commands with it', async (t) => {
  const started = ['run', 'exec web.1'].map((where) => start([...where.split(' '), 'echo on; sleep 302']));
  for (const {saw, child} of started) {
    await saw('on');
    child.kill('SIGKILL');
  }
  await until('neither runs', async () => !(await commands()).includes('sleep 302'));
  await noRuns();
  t.is((await replicas()).length, 1);
});

test.serial('after a kill -9 of the reconciler the next one ends what nobody is connected to', async (t) => {
  const started = ['run', 'exec web.1'].map((where) => start([...where.split(' '), 'trap "" HUP TERM; echo on; while :; do sleep 0.3; done']));
  for (const {saw} of started) await saw('on');
  const before = await replicas();
  await node.kill('SIGKILL');
  for (const {ended, written} of started) {
    t.is(await ended(), 1);
    t.regex(written.stderr, /error: the connection to .* was cut off/);
  }
  t.regex(await commands(), /trap/);
  await node.up();
  await until('neither runs', async () => !(await commands()).includes('trap'));
  await noRuns();
  t.deepEqual(await replicas(), before);
});

test.serial('a detached run goes on by itself, is seen, is logged, and ends by kill', async (t) => {
  const {stdout: name, exitCode} = await flynn('run', '--detach', 'echo started; sleep 303');
  t.is(exitCode, 0);
  t.regex(name, /^run\.\d{4}$/);
  await until('its log can be read', async () => (await flynn('logs')).stdout.includes(`app[${name}]: started`));
  const seen = await until('it is seen', async () => {
    const {stdout} = await flynn('ps');
    return stdout.includes(`${name}: up`) && stdout;
  });
  t.regex(seen, new RegExp(`^=== run: one-off commands \\(1\\)\n${name}: up .* v1: echo …, detached$`, 'm'));
  t.is((await flynn('exec', name, 'echo $FLYNN_REPLICA')).stdout, name);
  t.is((await flynn('kill', name)).exitCode, 0);
  await until('its end is seen', async () => /^run\.\d+: ended .*exited with code 143/m.test((await flynn('ps')).stdout));
  t.regex((await flynn('logs')).stdout, /started/, 'what it wrote is still there');
});

test.serial('kill stops one replica, and another one comes', async (t) => {
  await flynn('scale', 'web=2');
  const before = await replicas();
  const {output, exitCode} = await flynn('kill', 'web.2');
  t.is(exitCode, 0);
  t.regex(output, /^Killing web\.2 of ⬢ shop\.\.\. done, it ended after \d+\.\d s; another one is being started: flynn ps$/);
  const after = await until('two run', async () => {
    const now = await replicas();
    return now.length === 2 && now.join() !== before.join() ? now : undefined;
  });
  t.is(after.filter((id) => before.includes(id)).length, 1);
  t.regex((await flynn('kill', 'web.3')).output, /error: "shop" has no "web\.3"/);
});

test.serial('restart replaces all replicas without losing a request, and goes on after a kill -9 in its middle', async (t) => {
  await using load = startLoad(node.target('shop'), 4);
  const before = await replicas();
  const restarted = await flynn('restart');
  t.is(restarted.exitCode, 0, restarted.output);
  t.regex(restarted.output, /Restarting web of ⬢ shop\.\.\. done$/);
  const renewed = await until('only new ones run', async () => {
    const now = await replicas();
    return now.length === 2 && !now.some((id) => before.includes(id)) ? now : undefined;
  });
  t.is((await flynn('restart', '--no-wait')).exitCode, 0);
  await node.kill('SIGKILL');
  await node.up();
  await until('only still newer ones run', async () => {
    const now = await replicas();
    return now.length === 2 && !now.some((id) => renewed.includes(id));
  });
  await until('nothing is left to do', async () => (await node.plan()).text === '');
  const {failures, answered} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
  t.is((await node.status('shop')).release, 1, 'it is the same release');
});

test.serial('one replica alone is restarted, without losing a request', async (t) => {
  await using load = startLoad(node.target('shop'), 4);
  const before = await replicas();
  const {output, exitCode} = await flynn('restart', 'web.2');
  t.is(exitCode, 0, output);
  t.regex(output, /^Restarting web\.2 of ⬢ shop\.\.\. done, another one has its place after \d+\.\d s$/);
  const after = await until('the old one is gone', async () => {
    const now = await replicas();
    return now.length === 2 && now.join() !== before.join() && now;
  });
  t.is(after.filter((id) => before.includes(id)).length, 1, 'the other one was left alone');
  await until('nothing is left to do', async () => (await node.plan()).text === '');
  const {failures} = await load.stop();
  t.deepEqual(failures, []);
  t.regex((await flynn('restart', 'web.3')).output, /error: .*"shop" has no "web\.3"/);
});

test.serial('a run that finds no room is refused with the reason, and runs where there is some', async (t) => {
  const {node: name} = JSON.parse((await node.flynn(['status', '--json'])).stdout) as {readonly node: string};
  const clone = await node.clone();
  const manifest = await readFile(path.join(clone, 'apps/shop/app.yaml'), 'utf8');
  await node.commit(clone, {
    [`nodes/${name}.yaml`]: 'apiVersion: flynn/v1\nkind: Node\ncapacity: {memory: 1Gi}\n',
    'apps/shop/app.yaml': manifest.replace(/^( *)replicas: 2$/m, '$1replicas: 2\n$1requests: {memory: 400Mi}'),
  });
  const pushed = await node.git(clone, 'push', '-q');
  t.is(pushed.exitCode, 0, pushed.output);
  const refused = await until('there is no room', async () => {
    const run = await flynn('run', 'echo', 'hello');
    return run.exitCode === 1 && run;
  });
  t.regex(refused.output, /error: .*there is no room for a run of web: no node has 400Mi of memory free \(.*: 224Mi of 1Gi\)/);
  await flynn('scale', 'web=1');
  // There is room for one at a time, which the next one has as soon as it is over.
  for (const word of ['hello', 'again']) {
    const {stdout} = await until(`room for "${word}"`, async () => {
      const run = await flynn('run', 'echo', word);
      return run.exitCode === 0 && run;
    });
    t.is(stdout, word);
  }
});

test.serial('who did what is written down, and no argument or environment with it', async (t) => {
  const text = await readFile(node.layout.audit, 'utf8');
  const entries = text.trimEnd().split('\n').map((line) => JSON.parse(line) as {action: string; actor: string});
  t.is((await stat(node.layout.audit)).mode & 0o777, 0o600);
  t.deepEqual([...new Set(entries.map(({action}) => action))].toSorted(), ['commit', 'exec', 'kill', 'push', 'pushed', 'restart', 'run']);
  t.deepEqual([...new Set(entries.map(({actor}) => actor))], ['Ada <ada@example.com>']);
  const {stdout: shown} = await flynn('audit');
  for (const line of [/Ada <ada@example\.com> {2}127\.0\.0\.1 {2}restart {2}⬢ shop$/m, /Ada <ada@example\.com> {2}127\.0\.0\.1 {2}restart {2}⬢ shop {2}web\.2$/m]) t.regex(shown, line);
  for (const told of [text, node.log, (await flynn('events')).stdout, (await flynn('status', '--json')).stdout]) t.false(told.includes(CANARY));
});

test.serial('without a release there is nothing to run a command in', async (t) => {
  await node.app('empty', 'quick');
  await until('the node knows of it', async () => (await node.status('empty')).name === 'empty');
  const {output, exitCode} = await node.flynn(['run', '-a', 'empty', 'ls']);
  t.is(exitCode, 1);
  t.regex(output, /^error: no release of "empty" serves yet, so there is nothing to run a command in: git push flynn main$/m);
  t.regex((await node.flynn(['run', '-a', 'nothing', 'ls'])).output, /error: .*nothing/);
});
