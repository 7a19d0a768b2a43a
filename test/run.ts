// `npm test`: types, fast tests, then the system tests on real docker, caddy and git; `--fast` leaves the last out.
// Ends with what failed once more, whole, since a log may be kept from its end only, and a line such as `212 passed, 0 failed`; with status 0 only if
// nothing failed.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {homedir, tmpdir} from 'node:os';
import path from 'node:path';
import {createInterface} from 'node:readline';
import {Failure} from '../cli/command.ts';
import {dockerdPlace} from '../cli/setup/dockerd.ts';
import {engineClient} from '../cli/setup/engine.ts';
import {runSteps} from '../cli/setup/step.ts';
import {engineSteps} from '../cli/setup/steps.ts';
import {stopDockerd} from '../cli/setup/stop.ts';
import {LABEL_INSTANCE} from '../reconciler/labels.ts';
import {layout as layoutOf} from '../reconciler/layout.ts';
import {instanceOf} from '../reconciler/settings.ts';
import {formatTally, parseTap, type Tally} from './support/tap.ts';

const root = path.resolve(import.meta.dirname, '..');
const modules = path.join(root, 'node_modules');
/** As the `flynn` command has it: each file of the system tests, and each command in it, is a process that loads all it needs. */
const compiled = process.env.NODE_COMPILE_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'flynn', 'compiled');
const print = (line: string) => process.stdout.write(`${line}\n`);

/** What was printed of each failed test. */
const failures: string[][] = [];
let isOfFailure = false;
/** Of one failure, at the end: a stack and a difference, of which the whole is further up. */
const MOST_LINES = 60;

async function run(isFast: boolean, signal: AbortSignal): Promise<number> {
  const tally: Tally = {passed: 0, failed: 0, skipped: 0};
  await checkTypes(tally, signal);
  await runAva(['--tap'], tally, signal);
  if (!isFast) await runSystemTests(tally, signal);
  if (failures.length > 0) print('\nwhat failed');
  for (const lines of failures) for (const line of lines.slice(0, MOST_LINES)) print(line);
  print('');
  print(formatTally(tally));
  return tally.failed === 0 ? 0 : 1;
}

async function checkTypes(tally: Tally, signal: AbortSignal): Promise<void> {
  print('types');
  const child = spawn(process.execPath, [path.join(modules, 'typescript', 'bin', 'tsc')], {cwd: root, stdio: 'inherit', signal});
  const [code] = await once(child, 'close') as [number | null];
  count(code === 0 ? 'passed' : 'failed', 'tsc finds no type errors', tally);
}

/** With what set-up provides, in a data directory of its own: a cluster that the user runs is left alone. */
async function runSystemTests(tally: Tally, signal: AbortSignal): Promise<void> {
  const data = await mkdtemp(path.join(tmpdir(), 'flynn-test-'));
  const layout = layoutOf(data);
  const docker = engineClient(process.env);
  try {
    print('set-up for the system tests');
    await runSteps(engineSteps({layout, env: process.env}), {print: (line) => print(`  ${line}`), nowMs: () => Date.now()}, signal);
    // As long as it is there, no test that removes its node takes the system images away from the next one.
    await docker.createVolume({Name: path.basename(data), Labels: {[LABEL_INSTANCE]: instanceOf(data)}});
    await runAva(['--tap', '--config', 'test/system/ava.config.js'], tally, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure)) throw error;
    count('failed', 'this machine can run the system tests', tally);
    for (const line of [`error: ${error.message}`, ...error.advice]) detail(`    ${line}`);
  } finally {
    const unstoppable = new AbortController().signal;
    await docker.getVolume(path.basename(data)).remove().catch(() => undefined);
    await stopDockerd({docker, place: dockerdPlace(layout), print}, unstoppable);
    await rm(data, {recursive: true, force: true});
  }
}

async function runAva(args: readonly string[], tally: Tally, signal: AbortSignal): Promise<void> {
  const areProcesses = args.includes('--config');
  print(areProcesses ? 'system tests' : 'fast tests');
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'ava.ts'), ...args], {
    cwd: root, signal, killSignal: 'SIGINT', stdio: ['ignore', 'pipe', 'inherit'], ...(areProcesses && {env: {...process.env, NODE_COMPILE_CACHE: compiled}}),
  });
  const failedBefore = tally.failed;
  const closed = once(child, 'close') as Promise<[number | null]>;
  for await (const text of createInterface({input: child.stdout})) {
    const line = parseTap(text);
    if (line.kind === 'detail') detail(line.text);
    else if (line.kind !== 'other') count(line.kind, line.title, tally);
  }
  const [code] = await closed;
  // A crash, or a file without tests, has no line of its own.
  if (code !== 0 && tally.failed === failedBefore) count('failed', `ava ends well (its status was ${code})`, tally);
}

function count(kind: keyof Tally, title: string, tally: Tally): void {
  tally[kind] += 1;
  const text = `  ${{passed: '✔', failed: '✘', skipped: '-'}[kind]} ${title}`;
  if (kind === 'failed') failures.push([text]);
  isOfFailure = kind === 'failed';
  print(text);
}

/** Of the test counted last, or of a whole file (`# ✘ … exited with a non-zero exit code`). */
function detail(text: string): void {
  if (isOfFailure) failures.at(-1)?.push(text);
  else if (text.startsWith('#')) failures.push([text]);
  print(text);
}

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(new Error(`stopped by ${name}`)));
process.exitCode = await run(process.argv.includes('--fast'), interrupt.signal).catch((error: unknown) => {
  process.stderr.write(`${interrupt.signal.aborted ? 'stopped' : String(error instanceof Error ? error.stack : error)}\n`);
  return 1;
});
