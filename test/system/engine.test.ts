import {randomBytes} from 'node:crypto';
import test from 'ava';
import Docker from 'dockerode';
import {stackImages} from '../../buildpacks/stack/images.ts';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import type {EngineLogLine, LogOptions} from '../../reconciler/adapters/engine.ts';
import {LABEL_INSTANCE} from '../../reconciler/labels.ts';
import {keepsEngineContract, specOf, type EngineTrial} from '../support/engine-contract.ts';
import {until} from '../support/until.ts';

const SIGNAL = new AbortController().signal;
const docker = new Docker();
const engine = new DockerEngine(docker);

/** Waits for its exit code, without asking for it all the time. A pipe in the file system is still there after a restart. */
const WAIT_FOR_CODE = '[ -p /tmp/exit ] || mkfifo /tmp/exit; read code < /tmp/exit; exit "$code"';
const BEGUN = 'until [ -p /tmp/exit ]; do sleep 0.02; done';

keepsEngineContract(test.serial, startTrial);

async function startTrial(): Promise<EngineTrial> {
  const {run} = await stackImages();
  const {Id: image} = await docker.getImage(run).inspect();
  const name = `flynn-contract-${randomBytes(4).toString('hex')}`;
  const labels = {[LABEL_INSTANCE]: name};
  const otherLabels = {[LABEL_INSTANCE]: `${name}-others`};
  const added: string[] = [];
  return {
    engine, image, imageLabel: 'flynn.stack=run', name, subnet: '10.98.0.0', labels, otherLabels,
    process: {entrypoint: ['sh', '-c'], command: [WAIT_FOR_CODE]},
    begun: async (id) => void await engine.exec(id, ['sh', '-c', BEGUN], SIGNAL),
    async exit(id, exitCode) {
      // Ended together with its container, it may have no exit code of its own.
      await engine.exec(id, ['sh', '-c', `${BEGUN}; echo ${exitCode} > /tmp/exit`], SIGNAL).catch(() => undefined);
      await until('the process has ended', async () => (await engine.container(id, SIGNAL))?.status === 'exited');
    },
    pause: (id) => docker.getContainer(id).pause(),
    async addImage(label) {
      const template = await docker.createContainer({Image: image, Labels: labels});
      const made = await template.commit({changes: `LABEL ${label}`}) as {readonly Id: string};
      await template.remove();
      added.push(made.Id);
      return made.Id;
    },
    async end() {
      for (const {id} of [...await engine.containers([`${LABEL_INSTANCE}=${name}`], SIGNAL), ...await engine.containers([`${LABEL_INSTANCE}=${name}-others`], SIGNAL)]) await engine.remove(id, SIGNAL);
      for (const id of added) await engine.removeImage(id, SIGNAL);
      const networks = await docker.listNetworks({filters: {label: [`${LABEL_INSTANCE}=${name}`]}});
      for (const {Id} of networks) await docker.getNetwork(Id).remove();
    },
  };
}

// From here on what no fake can claim: its containers run nothing, so they print nothing and no command runs in them.

const PRINT = 'for n in 1 2 3; do echo "out $n"; done; echo "err 1" >&2; printf "no newline"';

test.serial('a log has the lines of both streams, each with its time, oldest first', async (t) => {
  const beforeMs = Date.now();
  const {id} = await printed(t, PRINT);
  const lines = await logOf(id, {tail: 100, follow: false});
  const texts = (stream: EngineLogLine['stream']) => lines.filter((line) => line.stream === stream).map(({text}) => text);
  t.deepEqual([texts('stdout'), texts('stderr')], [['out 1', 'out 2', 'out 3', 'no newline'], ['err 1']]);
  for (const {at} of lines) {
    t.regex(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    // Not since `startedAtMs`: the engine notes that a moment after the program has begun to print.
    t.true(Date.parse(at) >= beforeMs && Date.parse(at) <= Date.now(), at);
  }
});

test.serial('tail gives the last lines of a log', async (t) => {
  const {id} = await printed(t, 'for n in 1 2 3 4 5; do echo $n; done');
  t.deepEqual((await logOf(id, {tail: 2, follow: false})).map(({text}) => text), ['4', '5']);
});

test.serial('a followed log gives what is there, what comes, and ends with the container', async (t) => {
  const trial = await startTrial();
  t.teardown(() => trial.end());
  const id = await engine.run(specOf(trial, {network: 'host', command: [`echo before; ${WAIT_FOR_CODE.replace('; exit', '; echo after; exit')}`]}), SIGNAL);
  const texts: string[] = [];
  const ended = (async () => {
    for await (const {text} of engine.logs(id, {tail: 10, follow: true}, SIGNAL)) texts.push(text);
  })();
  await until('the first line is there', () => texts.includes('before'));
  t.deepEqual(texts, ['before'], 'the container still runs');
  await trial.exit(id, 0);
  await ended;
  t.deepEqual(texts, ['before', 'after']);
});

test.serial('whoever stops following a log is not told of an error', async (t) => {
  const trial = await startTrial();
  t.teardown(() => trial.end());
  const id = await engine.run(specOf(trial, {network: 'host', command: [`echo before; ${WAIT_FOR_CODE}`]}), SIGNAL);
  const following = new AbortController();
  for await (const {text} of engine.logs(id, {tail: 10, follow: true}, following.signal)) {
    t.is(text, 'before');
    following.abort();
  }
});

test.serial('the log of a container that is gone is empty', async (t) => {
  t.deepEqual(await logOf('f'.repeat(64), {tail: 10, follow: false}), []);
  t.deepEqual(await logOf('f'.repeat(64), {tail: 10, follow: true}), []);
});

test.serial('a command in a container gives its exit code and the first 1,000 bytes of both streams', async (t) => {
  const trial = await startTrial();
  t.teardown(() => trial.end());
  const id = await engine.run(specOf(trial, {network: 'host'}), SIGNAL);
  const {exitCode, output} = await engine.exec(id, ['sh', '-c', 'echo out; echo err >&2; exit 5'], SIGNAL);
  t.is(exitCode, 5);
  t.deepEqual(output.split('\n').toSorted(), ['', 'err', 'out']);
  const long = await engine.exec(id, ['sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x'], SIGNAL);
  t.deepEqual(long, {exitCode: 0, output: 'x'.repeat(1000)});
});

test.serial('stop kills what ignores SIGTERM once its grace is over', async (t) => {
  const trial = await startTrial();
  t.teardown(() => trial.end());
  const id = await engine.run(specOf(trial, {network: 'host', command: [`trap "" TERM; echo ready; ${WAIT_FOR_CODE}`]}), SIGNAL);
  await until('it ignores SIGTERM', async () => (await logOf(id, {tail: 1, follow: false})).length > 0);
  await engine.stop(id, 1000, SIGNAL);
  t.like(await engine.container(id, SIGNAL), {status: 'exited', exitCode: 137, isOutOfMemory: false});
});

test.serial('a container that takes more memory than it may is known to have run out of it', async (t) => {
  const {id} = await printed(t, 'tail /dev/zero');
  // The kernel tells the engine of it beside the end of the process: either may be noted first.
  await until('the engine knows why', async () => {
    const record = await engine.container(id, SIGNAL);
    return record?.status === 'exited' && record.isOutOfMemory;
  });
  t.like(await engine.container(id, SIGNAL), {status: 'exited', exitCode: 137, isOutOfMemory: true});
});

/** A container that ran this script and has exited. */
async function printed(t: {teardown(end: () => Promise<void>): void}, script: string): Promise<{readonly id: string}> {
  const trial = await startTrial();
  t.teardown(() => trial.end());
  const id = await engine.run(specOf(trial, {network: 'host', command: [script]}), SIGNAL);
  return until('the script has ended', async () => {
    const record = await engine.container(id, SIGNAL);
    return record?.status === 'exited' && {id};
  });
}

async function logOf(id: string, options: LogOptions): Promise<readonly EngineLogLine[]> {
  const lines: EngineLogLine[] = [];
  for await (const line of engine.logs(id, options, SIGNAL)) lines.push(line);
  return lines;
}
