import {randomBytes} from 'node:crypto';
import test from 'ava';
import Docker from 'dockerode';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {takePrebuilt} from '../../reconciler/build/prebuilt.ts';
import {LABEL_APP, LABEL_INSTANCE} from '../../reconciler/labels.ts';
import type {AppName} from '../../schemas/ids.ts';
import {startTinyRegistry} from '../support/tiny-registry.ts';

// Images from a registry, by the real engine. No node, and no container: what becomes of the image is in releases.test.ts.

const docker = new Docker();
const instance = `flynn-${randomBytes(3).toString('hex')}`;
const until = () => AbortSignal.timeout(30_000);

async function take(name: string, isPulled = false) {
  const printed: string[] = [];
  const taken = await takePrebuilt({docker, instance}, {app: 'shop' as AppName, name, isPulled, print: (line) => printed.push(line)}, until());
  return {taken, printed};
}

async function names(): Promise<readonly string[]> {
  return (await docker.listImages({all: true})).flatMap(({RepoTags: tags, RepoDigests: digests}) => [...tags ?? [], ...digests ?? []]);
}

test.after.always(async () => {
  const ours = await docker.listImages({filters: {label: [`${LABEL_INSTANCE}=${instance}`]}});
  for (const {Id: id} of ours) await docker.getImage(id).remove({force: true});
});

test.serial('an image is pulled by its tag, and named by the digest that the registry gave it', async (t) => {
  await using registry = await startTinyRegistry({Cmd: ['/serve'], ExposedPorts: {'8443/tcp': {}, '8080/tcp': {}, '53/udp': {}}});
  const name = `${registry.host}/tiny:1`;
  const {taken, printed} = await take(name);
  if (!taken.ok) return t.fail(taken.problem.reason);
  t.is(taken.value.name, `${name}@${registry.digest}`);
  t.deepEqual(taken.value.ports, [8080, 8443]);
  t.true(printed.some((line) => line.includes('Pulling it from its registry')));
  const labelled = await docker.getImage(taken.value.image).inspect();
  t.like(labelled.Config, {Cmd: ['/serve'], Labels: {[LABEL_INSTANCE]: instance, [LABEL_APP]: 'shop'}});
  t.false((await names()).some((one) => one.startsWith(`${registry.host}/`)), 'a name that only we brought is taken away again');

  const byDigest = await take(`${registry.host}/tiny@${registry.digest}`);
  t.deepEqual(byDigest.taken.ok && {image: byDigest.taken.value.image, name: byDigest.taken.value.name}, {image: taken.value.image, name: `${registry.host}/tiny@${registry.digest}`}, 'the same image, labelled once');
  await docker.getImage(taken.value.image).remove({force: true});
  await t.throwsAsync(docker.getImage(taken.value.id).inspect(), {message: /no such image/i}, 'what was pulled goes with it');
});

test.serial('an image of one app is none for another one', async (t) => {
  await using registry = await startTinyRegistry({Cmd: ['/serve']});
  const ofShop = (await take(`${registry.host}/tiny:1`)).taken;
  if (!ofShop.ok) return t.fail(ofShop.problem.reason);
  const ofBlog = await takePrebuilt({docker, instance}, {app: 'blog' as AppName, name: ofShop.value.image, isPulled: false, print: () => {}}, until());
  t.deepEqual(ofBlog, {ok: false, problem: {reason: `"${ofShop.value.image}" is an image of the app "shop"`}});
  await docker.getImage(ofShop.value.image).remove({force: true});
});

test.serial('an image that another one stands on loses its names when it is removed, and goes with the last', async (t) => {
  await using registry = await startTinyRegistry({Cmd: ['/serve']});
  const engine = new DockerEngine(docker);
  const {taken} = await take(`${registry.host}/tiny:1`);
  if (!taken.ok) return t.fail(taken.problem.reason);
  const below = taken.value.image;
  const container = await docker.createContainer({Image: below});
  const {Id: above} = await container.commit({comment: 'another one'}) as {readonly Id: string};
  await container.remove();
  const listed = async () => (await engine.images([`${LABEL_INSTANCE}=${instance}`], until())).map(({id}) => id);
  await engine.removeImage(below, until());
  t.deepEqual(await listed(), [above]);
  await engine.removeImage(above, until());
  t.deepEqual(await listed(), []);
  await t.throwsAsync(docker.getImage(below).inspect(), {message: /no such image/i});
});

test.serial('an image that the registry does not have, and a registry that is not there, are told as they are', async (t) => {
  const registry = await startTinyRegistry({});
  const missing = await take(`${registry.host}/tiny:2`);
  t.regex(missing.taken.ok ? '' : missing.taken.problem.reason, /^"127\.0\.0\.1:\d+\/tiny:2" is not on this node and can't be pulled: .*(manifest unknown|not found).*\. Bring it to this machine's engine/);
  await registry[Symbol.asyncDispose]();
  const gone = await take(`${registry.host}/tiny:1`);
  t.regex(gone.taken.ok ? '' : gone.taken.problem.reason, /can't be pulled: .*connection refused/);
});

for (const [name, reason] of [
  ['--privileged', /is not the name of an image/],
  ['Shop:1', /is not the name of an image/],
  ['a b', /is not the name of an image/],
  [`sha256:${'0'.repeat(64)}`, /there is no image "sha256:0+" on this node, and an id can't be pulled/],
] as const) {
  test.serial(`"${name}" is refused before anything is pulled`, async (t) => {
    const {taken} = await take(name);
    t.regex(taken.ok ? '' : taken.problem.reason, reason);
  });
}
