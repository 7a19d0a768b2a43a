import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {existsSync, readFileSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import test from 'ava';
import {recordBytes, removeRecords} from '../../reconciler/build/buildkit-cache.ts';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';

let trial: BuildTrial;

test.before(async t => {
  t.timeout(600_000);
  trial = await buildTrial();
});

test.after.always(() => trial?.clean());

/** Limits of a control group, wherever the machine has its hierarchies. */
function limitsOf(group: string): ReadonlyMap<string, string> {
  const files = ['memory.limit_in_bytes', 'cpu.cfs_quota_us', 'pids.max', 'memory.max', 'cpu.max'];
  const found = files.flatMap(file => ['.', file.split('.')[0] ?? ''].map(folder => path.join('/sys/fs/cgroup', folder, group, file)).filter(existsSync));
  return new Map(found.map(file => [path.basename(file), readFileSync(file, 'utf8').trim()]));
}

async function groupsOf(instance: string): Promise<readonly string[]> {
  const folders = (await readdir('/sys/fs/cgroup')).map(name => path.join('/sys/fs/cgroup', name, 'flynn-builds'));
  const found = await Promise.all([path.join('/sys/fs/cgroup', 'flynn-builds'), ...folders].map(folder => readdir(folder).catch((): string[] => [])));
  return found.flat().filter(name => name.startsWith(`${instance}.`));
}

const PRINTS = 'CMD ["sh", "-c", "cat /made; sleep 1"]';

/** What a container of the image prints. */
async function printed(image: string): Promise<string> {
  const container = await trial.docker.createContainer({Image: image, Labels: {'flynn.instance': trial.ours.label[0]?.split('=')[1] ?? ''}, HostConfig: {NetworkMode: 'none'}, Entrypoint: ['cat', '/made'], Cmd: [], Tty: true});
  try {
    await container.start();
    await container.wait();
    return (await container.logs({stdout: true})).toString().replaceAll('\r\n', '\n');
  } finally {
    await container.remove({force: true});
  }
}

test.serial('a Dockerfile elsewhere, a stage of it and arguments are taken from app.yaml; numbers are as they were written', async t => {
  t.timeout(120_000);
  const changes = {
    'docker/web.Dockerfile': `FROM flynn/run AS early\nARG VERSION=none\nARG NAME=none\nRUN echo "$VERSION $NAME" >/made\n${PRINTS}\nFROM flynn/run\nRUN false\n`,
    '.buildpacks': 'static\n',
  };
  const built = await trial.buildWell({fixture: 'no-buildpack', app: 'staged', changes, manifest: {dockerfile: 'docker/web.Dockerfile', target: 'early', args: {VERSION: '1.10', NAME: 'a b'}}});
  t.is(await printed(built.image), '1.10 a b\n');
});

test.serial('the labels say which commit the image was made of, and when that was made', async t => {
  t.timeout(120_000);
  const labels = async (image: string) => (await trial.docker.getImage(image).inspect()).Config.Labels;
  const own = await trial.buildWell({fixture: 'node-hello', app: 'labels'});
  const dockerfile = await trial.buildWell({fixture: 'dockerfile', app: 'labels', changes: {Dockerfile: `FROM flynn/run\nRUN echo a >/made\n${PRINTS}\n`}});
  for (const {image, lines} of [own, dockerfile]) {
    const found = await labels(image);
    t.is(found['org.opencontainers.image.created'], '2026-01-02T03:04:05.000Z', lines.join('\n'));
    t.regex(found['org.opencontainers.image.revision'] ?? '', /^[0-9a-f]{40}$/);
    t.is(found['org.opencontainers.image.title'], 'labels');
  }
});

test.serial('a heredoc, a cache mount and COPY --from of another stage are built by BuildKit, and each line stands below its step', async t => {
  t.timeout(120_000);
  const name = randomBytes(4).toString('hex');
  const Dockerfile = `FROM flynn/run AS one
ARG GREETING
RUN <<END
echo "$GREETING ${name}" >/one
echo "told by ${name}" >&2
END
FROM flynn/run
COPY --from=one --chmod=644 /one /made
RUN --mount=type=cache,target=/cache,id=${name} echo a >>/cache/a && wc -l </cache/a >>/made
${PRINTS}
`;
  const built = await trial.buildWell({fixture: 'no-buildpack', app: 'kit', changes: {Dockerfile}, manifest: {args: {GREETING: 'hello'}}});
  t.is(await printed(built.image), `hello ${name}\n1\n`);
  t.true(built.lines.includes('       BuildKit builds it, which a heredoc (RUN <<…) needs'), built.lines.join('\n'));
  const step = built.lines.findIndex(line => line.startsWith('       [one 2/2] RUN <<END'));
  t.is(built.lines[step + 1], `       told by ${name}`);
  // The cache outlives a build of other source; what is the same is not run again.
  const again = await trial.buildWell({fixture: 'no-buildpack', app: 'kit', changes: {Dockerfile: Dockerfile.replace('echo a >>', 'echo b >>')}, manifest: {args: {GREETING: 'hello'}}});
  t.is(await printed(again.image), `hello ${name}\n2\n`, again.lines.join('\n'));
  t.true(again.lines.some(line => line.startsWith('       CACHED [one 2/2] RUN <<END')), again.lines.join('\n'));
});

test.serial('BuildKit keeps the build\'s limits: memory, cores, processes, disk', async t => {
  t.timeout(180_000);
  const step = (lines: string) => ({Dockerfile: `FROM flynn/run\nRUN <<END\n# ${randomBytes(4).toString('hex')}\n${lines}\nEND\n`});
  const group = `flynn-builds/${trial.instance}.limited`;
  const {reason: memory, lines} = await trial.buildBadly({fixture: 'no-buildpack', app: 'limited', changes: step('cat /proc/self/cgroup\nhead -c 200000000 /dev/zero | tail'), limits: {memoryBytes: 100 * 1024 ** 2}});
  t.is(memory, 'a step of the Dockerfile used more than 100Mi of memory', lines.join('\n'));
  // With version 2 a step is the root of what it sees.
  t.true(lines.some(line => line.includes(`:/${group}/buildkit/`) || line.trim() === '0::/'), lines.join('\n'));
  const seen: Record<string, string> = {};
  const onLine = (line: string) => void (line.includes('begun') && Object.assign(seen, Object.fromEntries(limitsOf(group))));
  const {reason: disk} = await trial.buildBadly({fixture: 'no-buildpack', app: 'limited', changes: step('echo begun\nsleep 3\nhead -c 200000000 /dev/zero >/big\nsleep 100'), limits: {diskBytes: 100 * 1024 ** 2, cpus: 0.5}, onLine});
  t.is(disk, 'the build used more than 100Mi of disk');
  t.is(seen['pids.max'], '1024');
  t.is(seen['memory.limit_in_bytes'] ?? seen['memory.max'], String(1024 ** 3));
  t.is(seen['cpu.cfs_quota_us'] ?? seen['cpu.max'], seen['cpu.max'] === undefined ? '50000' : '50000 100000');
  t.deepEqual(await groupsOf(trial.instance), []);
});

test.serial('what a cache mount keeps is not seen by another app', async t => {
  t.timeout(120_000);
  const id = randomBytes(4).toString('hex');
  const changes = (line: string) => ({Dockerfile: `FROM flynn/run\nRUN --mount=type=cache,target=/cache,id=${id} ${line}\n${PRINTS}\n`});
  await trial.buildWell({fixture: 'no-buildpack', app: 'one', changes: changes('echo of one >/cache/a; touch /made')});
  const look = 'cat /cache/* >/made 2>/dev/null || echo nothing >/made';
  t.is(await printed((await trial.buildWell({fixture: 'no-buildpack', app: 'other', changes: changes(look)})).image), 'nothing\n');
  t.is(await printed((await trial.buildWell({fixture: 'no-buildpack', app: 'one', changes: changes(look)})).image), 'of one\n');
});

test.serial('a step of a Dockerfile sees nothing of the host, with either builder', async t => {
  t.timeout(120_000);
  await using server = createServer((_request, response) => response.end('the host answers')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [, major, minor] = /^\s*(\d+)\s+(\d+)\s/m.exec(readFileSync('/proc/partitions', 'utf8')) ?? [];
  const looks = [
    'echo "sockets $(find / -xdev -type s | wc -l)"',
    'echo "disks $(find /dev -type b | wc -l)"',
    `mknod /disk b ${major} ${minor} && head -c 1 /disk 2>/dev/null | wc -c`,
    `curl --silent --max-time 2 http://127.0.0.1:${(server.address() as AddressInfo).port}/ || echo "no host"`,
    `test -e ${trial.logs} || echo "no folder"`,
    'test $(ls -d /proc/[0-9]* | wc -l) -lt 10 && echo "no processes"',
    'env | grep -c canary || true',
  ];
  for (const step of [`RUN (${looks.join('; ')}) >/made`, `RUN <<END\n(${looks.join('\n')}) >/made\nEND`]) {
    const Dockerfile = `FROM flynn/run\n${step}\n${PRINTS}\n`;
    const built = await trial.buildWell({fixture: 'no-buildpack', app: 'curious', changes: {Dockerfile}, env: {SECRET: 'canary'}});
    t.is(await printed(built.image), 'sockets 0\ndisks 0\n0\nno host\nno folder\nno processes\n0\n', built.lines.join('\n'));
  }
});

test.serial('what BuildKit keeps for an app has the limit of its cache, and goes when somebody wants it', async t => {
  t.timeout(120_000);
  const folder = path.join(trial.logs, 'kept');
  const signal = AbortSignal.timeout(100_000);
  // Of the first stage nothing is in the image: only BuildKit has it.
  const Dockerfile = (name: string) => `FROM flynn/run AS one\nRUN <<END\nhead -c 20000000 /dev/urandom >/${name}-${id}\necho ${name} >/made\nEND\nFROM flynn/run\nCOPY --from=one /made /made\n${PRINTS}\n`;
  const id = randomBytes(4).toString('hex');
  const build = (name: string) => trial.buildWell({fixture: 'no-buildpack', app: 'kept', changes: {Dockerfile: Dockerfile(name)}, limits: {cacheBytes: 30_000_000}});
  await build('a');
  const bytes = await recordBytes(trial.docker, folder, signal);
  t.true(bytes > 20_000_000 && bytes < 30_000_000, `${bytes}`);
  await build('b');
  const left = await recordBytes(trial.docker, folder, signal);
  t.true(left > 20_000_000 && left < 30_000_000, `${left}`);
  t.true((await build('b')).lines.some(line => line.startsWith('       CACHED [one 2/2]')), 'the newest stays');
  await removeRecords(trial.docker, folder, signal);
  t.is(await recordBytes(trial.docker, folder, signal), 0);
  t.false((await build('b')).lines.some(line => line.startsWith('       CACHED [one 2/2]')));
});

test.serial('what .dockerignore names does not reach the build, with either builder', async t => {
  t.timeout(120_000);
  const changes = {'.dockerignore': 'secret.*\n**/*.log\n!keep.log\n', 'secret.txt': 'a', 'a/b.log': 'a', 'keep.log': 'a', 'c.txt': 'a'};
  for (const option of ['', '--link']) {
    const Dockerfile = `FROM flynn/run\nCOPY ${option} . /src/\nRUN cd /src && find . -type f | sort | tr '\\n' ' ' >/made\n${PRINTS}\n`;
    const built = await trial.buildWell({fixture: 'no-buildpack', app: 'ignoring', changes: {...changes, Dockerfile}});
    t.is(await printed(built.image), './.dockerignore ./Dockerfile ./c.txt ./keep.log ./notes.txt ', built.lines.join('\n'));
  }
});

for (const {title, changes, manifest, limits, expected, lines: told} of [
  {title: 'a Dockerfile that there is none of', changes: {}, manifest: {dockerfile: 'docker/Dockerfile'}, expected: 'there is no file "docker/Dockerfile" in the source, which is to be built by build.dockerfile in app.yaml', lines: /./},
  {title: 'a stage that there is none of', changes: {Dockerfile: 'FROM flynn/run AS one\n'}, manifest: {target: 'two'}, expected: 'failed to build the Dockerfile', lines: /target stage "two" could not be found/},
  {title: 'a line that is no instruction', changes: {Dockerfile: 'FROM flynn/run\nRUM true\n'}, expected: 'failed to build the Dockerfile', lines: /line 2: unknown instruction: RUM/},
  {title: 'a line that is no instruction under BuildKit', changes: {Dockerfile: 'FROM flynn/run\nRUM true\nCOPY --link a b\n'}, expected: 'failed to build the Dockerfile', lines: /line 2: unknown instruction: RUM/},
  {title: 'what the engine would fetch from the host\'s network', changes: {Dockerfile: 'ARG HOST=127.0.0.1\nFROM flynn/run\nADD http://$HOST:3580/ /x\n'}, expected: /^ADD of "http:\/\/\$HOST:3580\/" in the Dockerfile would be fetched from the host's own network: /, lines: /./},
  {title: 'a Dockerfile with more text than is read', changes: {Dockerfile: `FROM flynn/run\n${'#\n'.repeat(60_000)}ADD http://127.0.0.1:3580/ /x\n`}, expected: '"Dockerfile" is longer than the 100000 characters that are read of it', lines: /./},
  {title: 'a step that fails under BuildKit', changes: {Dockerfile: 'FROM flynn/run\nRUN <<END\necho broken\nexit 4\nEND\n'}, expected: 'failed to build the Dockerfile', lines: /broken[^]*exit code: 4/},
  {title: 'a base image out of reach under BuildKit', changes: {Dockerfile: 'FROM nowhere.invalid/base:1\nRUN <<END\ntrue\nEND\n'}, expected: 'the base image of the Dockerfile is out of reach', lines: /nowhere\.invalid/},
  {title: 'a syntax line out of reach', changes: {Dockerfile: '# syntax=docker/dockerfile:1\nFROM flynn/run\nRUN true\n'}, expected: 'the image "docker/dockerfile:1" of the Dockerfile\'s syntax line is out of reach', lines: /Without the line the engine's own BuildKit reads the Dockerfile/},
  {title: 'BuildKit where the cluster forbids it', changes: {Dockerfile: 'FROM flynn/run\nRUN --mount=type=cache,target=/c true\n'}, limits: {isBuildkitAllowed: false}, expected: 'the Dockerfile needs BuildKit for RUN --mount, and builds.buildkit in cluster.yaml forbids it', lines: /./},
  {title: 'a secret that a build asks its client for', changes: {Dockerfile: 'FROM flynn/run\nRUN --mount=type=secret,id=a,required=true true\n'}, expected: 'failed to build the Dockerfile', lines: /ask the client of the build, and a push has none/},
  {title: 'the host\'s network under BuildKit', changes: {Dockerfile: 'FROM flynn/run\nRUN --network=host true\n'}, expected: 'failed to build the Dockerfile', lines: /network\.host is not allowed/},
  {title: 'an image that is too large', changes: {Dockerfile: 'FROM flynn/run\nRUN head -c 60000000 /dev/zero >/big\n'}, limits: {imageBytes: 100 * 1024 ** 2}, expected: /^the image has 1\d\d\.\dM, more than the 100Mi that builds\.imageSize in cluster\.yaml allows$/, lines: /./},
] as const satisfies readonly {title: string; changes: Record<string, string>; manifest?: object; limits?: object; expected: string | RegExp; lines: RegExp}[]) {
  test.serial(`${title} is the reason that the pusher sees`, async t => {
    t.timeout(120_000);
    const {reason, lines} = await trial.buildBadly({fixture: 'no-buildpack', app: 'bad', changes, ...(manifest && {manifest}), ...(limits && {limits})});
    if (typeof expected === 'string') t.is(reason, expected, lines.join('\n'));
    else t.regex(reason, expected);
    t.regex(lines.join('\n'), told);
  });
}

test.serial('an app that is too large is told which of its folders are', async t => {
  t.timeout(120_000);
  const {reason} = await trial.buildBadly({fixture: 'node-hello', app: 'large', changes: {'package.json': JSON.stringify({scripts: {build: 'head -c 50000000 /dev/zero >big.bin', start: 'node server.js'}})}, limits: {imageBytes: 120 * 1024 ** 2}});
  t.regex(reason, /^the image has 2\d\d\.\dM, more than the 120Mi that builds\.imageSize in cluster\.yaml allows; most of it is \.flynn 1\d\d\.\dM, big\.bin 50\.0M, /);
});

test.serial('an aborted build by BuildKit leaves nothing that runs', async t => {
  t.timeout(120_000);
  const name = randomBytes(4).toString('hex');
  const abort = new AbortController();
  const onLine = (line: string) => {
    if (line.trim() === `started ${name}`) abort.abort(new Error('the pusher went away'));
  };
  const Dockerfile = `FROM flynn/run\nENV TRIAL=${name}\nRUN <<END\necho "started $TRIAL"\nsleep 1000\nEND\n`;
  await t.throwsAsync(trial.build({fixture: 'no-buildpack', app: 'aborted', changes: {Dockerfile}, signal: abort.signal, onLine}), {message: 'the pusher went away'});
  t.deepEqual(await trial.tracesOf(name), []);
});
