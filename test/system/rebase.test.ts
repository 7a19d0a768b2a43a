import test from 'ava';
import {Readable} from 'node:stream';
import {buildDockerfile, inspectImage, removeImage} from '../../reconciler/adapters/docker-build.ts';
import {TAR_END, tarFile} from '../../reconciler/adapters/tar.ts';
import {PackageImages, packagesTag} from '../../reconciler/build/packages.ts';
import {rebaseImage, standingOf, type RebaseSettings} from '../../reconciler/build/rebase.ts';
import type {AppName} from '../../schemas/ids.ts';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';

let trial: BuildTrial;
const signal = () => AbortSignal.timeout(300_000);

test.before(async t => {
  t.timeout(600_000);
  trial = await buildTrial();
});

test.after.always(() => trial?.clean());

/** A run image of this test alone, with one more line of a Dockerfile. Nobody else's apps are run on it. */
async function runImage(line: string): Promise<string> {
  const tag = `${trial.instance}/run:${Buffer.from(line).toString('hex').slice(-12)}`;
  const context = Readable.from([Buffer.concat([tarFile('Dockerfile', `FROM ${trial.stack.run}\n${line}\n`), TAR_END])], {objectMode: false});
  await buildDockerfile(trial.docker, {context, tag, arguments: {}, labels: {'flynn.instance': trial.instance}, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, signal());
  return tag;
}

const on = (run: string): RebaseSettings => ({docker: trial.docker, instance: trial.instance, stack: {...trial.stack, run}});

test.serial('an app is put onto another run image: its own layers stay, what is below them changes, and it serves', async t => {
  t.timeout(600_000);
  const app = 'rebased' as AppName;
  const built = await trial.buildWell({fixture: 'node-hello', app});
  t.deepEqual(await standingOf(on(trial.stack.run), {app, image: built.image}, signal()), {state: 'current'});
  const newer = on(await runImage('RUN echo newer >/etc/stack'));
  t.deepEqual(await standingOf(newer, {app, image: built.image}, signal()), {state: 'outdated'});

  const lines: string[] = [];
  const rebase = () => rebaseImage(newer, {app, image: built.image, print: line => lines.push(line)}, signal());
  const rebased = await rebase();
  if (!rebased.ok) return t.fail(rebased.problem.reason);
  t.regex(lines.join('\n'), /The 2 layers of the app are as they were, Debian 13 below them is new/);
  t.deepEqual(await standingOf(newer, {app, image: rebased.value}, signal()), {state: 'current'});
  const [before, after] = [await trial.layersOf(built.image), await trial.layersOf(rebased.value)];
  t.deepEqual(after.slice(-2), before.slice(-2));
  t.is(after.length, before.length + 1);
  t.is((await trial.serve({...built, image: rebased.value}, '/x')).body, 'hello from node-hello /x\n');
  const [one, other] = await Promise.all([built.image, rebased.value].map(async image => (await trial.docker.getImage(image).inspect()).Config));
  t.deepEqual([other?.Cmd, other?.User, other?.Labels['org.opencontainers.image.revision']], [one?.Cmd, one?.User, one?.Labels['org.opencontainers.image.revision']]);
  // Once more gives the same image, and one that was rebased can be rebased again.
  t.deepEqual(await rebase(), rebased);
  const again = await rebaseImage(on(await runImage('RUN echo newest >/etc/stack')), {app, image: rebased.value, print: () => {}}, signal());
  if (!again.ok) return t.fail(again.problem.reason);
  t.is((await trial.layersOf(again.value)).length, after.length);
});

test.serial('after a build of the stack that brought nothing new, an app with Debian packages stands on the newest, and their image was there all the time', async t => {
  t.timeout(600_000);
  const {docker, instance, stack} = trial;
  const app = 'greeting' as AppName;
  const BASH = '#!/usr/bin/env bash\n';
  const built = await trial.buildWell({fixture: 'no-buildpack', app, changes: {'.buildpacks': './pack\n', 'Procfile': 'web: hello\n', 'pack/bin/detect': `${BASH}echo Greeting`, 'pack/bin/compile': `${BASH}true`, 'pack/bin/packages': `${BASH}echo run hello`}});
  const standing = () => standingOf(on(stack.run), {app, image: built.image}, signal());
  t.deepEqual(await standing(), {state: 'current'});
  const base = (await docker.getImage(stack.run).inspect()).Id;
  const tag = await packagesTag({instance, base, packages: ['hello']});
  const lines: string[] = [];
  const renewing = new PackageImages({docker, instance}).renew({bases: [base], print: line => lines.push(line)}, signal());
  let looks = 0;
  let isDone = false;
  void renewing.finally(() => (isDone = true));
  do looks += await inspectImage(docker, tag, signal()) === undefined ? NaN : 1; while (!isDone);
  await renewing;
  t.true(looks > 1, 'there was a moment without it');
  t.deepEqual(lines, ['Debian packages for builds: hello']);
  t.deepEqual(await standing(), {state: 'current'});

  // As if Debian had a newer one.
  const context = Readable.from([Buffer.concat([tarFile('Dockerfile', `FROM ${tag}\nRUN echo newer >/etc/hello\n`), TAR_END])], {objectMode: false});
  await buildDockerfile(docker, {context, tag, arguments: {}, labels: {'flynn.instance': instance}, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, signal());
  t.deepEqual(await standing(), {state: 'outdated'});
  await removeImage(docker, tag, signal());
  t.deepEqual(await standing(), {state: 'current'}, 'nothing newer is known of');
});

test.serial('an app is not put onto another release of Debian', async t => {
  t.timeout(300_000);
  const app = 'old' as AppName;
  const built = await trial.buildWell({fixture: 'node-hello', app});
  const rebased = await rebaseImage(on(await runImage('LABEL flynn.debian="Debian 14"\nRUN echo 14 >/etc/stack')), {app, image: built.image, print: () => {}}, signal());
  t.deepEqual(rebased, {ok: false, problem: {reason: 'its image stands on Debian 13, and flynn/run is Debian 14 now: push it once more, so that it is built on that'}});
});

test.serial('an image that does not say what it stands on is left alone', async t => {
  t.timeout(300_000);
  const app = 'docker' as AppName;
  const built = await trial.buildWell({fixture: 'dockerfile', app, changes: {Dockerfile: 'FROM flynn/run\n'}});
  t.deepEqual(await standingOf(on(trial.stack.run), {app, image: built.image}, signal()), {state: 'fixed', reason: 'its image does not say what it stands on: push it once more'});
});

test.serial('the run image says nothing of when it was made, and has what it is there for', async t => {
  t.timeout(300_000);
  const image = await trial.docker.getImage(trial.stack.run).inspect();
  t.is(image.RootFS.Layers?.length, 1);
  t.is(image.Created, '2025-08-09T00:00:00Z');
  const container = await trial.docker.createContainer({Image: trial.stack.run, Labels: {'flynn.instance': trial.instance}, User: 'root', Tty: true, Cmd: ['find / -xdev -newermt 2025-08-09T00:00:01Z -not -path "/proc*" -not -path "/sys*" -not -path "/dev*" -not -path "/etc/host*" -not -path /etc -not -path / -not -path /etc/resolv.conf -not -path /etc/mtab -not -path /.dockerenv; curl --version | head -n 1; openssl version']});
  try {
    await container.start();
    await container.wait();
    t.regex((await container.logs({stdout: true})).toString(), /^curl 8[^\n]+\nOpenSSL 3[^\n]+\n$/);
  } finally {
    await container.remove({force: true});
  }
});
