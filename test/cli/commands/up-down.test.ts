import {once} from 'node:events';
import {chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile} from 'node:fs/promises';
import {createServer, type AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {CommandContext} from '../../../cli/command.ts';
import {down} from '../../../cli/commands/down.ts';
import {up} from '../../../cli/commands/up.ts';
import {FakeStreams} from '../terminal.ts';

const {signal} = new AbortController();

test('a folder with other things in it is refused before anything is made or changed in it', async (t) => {
  const {home, context} = await user(t);
  await writeFile(path.join(home, 'thesis.tex'), 'x');
  await chmod(home, 0o700);
  // A port that is taken ends the start soon, whatever was made until then.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const {port} = server.address() as AddressInfo;
  for (const _ of ['first', 'second']) {
    await t.throwsAsync(up.run(['--data', home, '--http-port', String(port)], context, signal), {message: /holds other things/});
    t.deepEqual(await readdir(home), ['thesis.tex']);
    t.is((await stat(home)).mode & 0o777, 0o700);
  }
});

const purge = test.macro<[files: Readonly<Record<string, string>>]>({
  exec: async (t, files) => {
    const {home, context} = await user(t);
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(home, name)), {recursive: true});
      await writeFile(path.join(home, name), text);
    }
    await t.throwsAsync(down.run(['--purge', '--yes', '--data', home], context, signal), {message: /is no data directory of Flynn's/});
    for (const name of Object.keys(files)) t.true((await stat(path.join(home, name))).isFile(), name);
  },
  title: (_, files) => `a purge refuses a folder with ${Object.keys(files).join(' and ')} in it`,
});
test(purge, {'thesis.tex': 'x'});
test(purge, {'thesis.tex': 'x', 'run/reconciler.pid': '1 1\n'});
test(purge, {'settings.yaml': 'theme: dark\n', 'thesis.tex': 'x'});

async function user(t: ExecutionContext): Promise<{readonly home: string; readonly context: CommandContext}> {
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-home-'));
  t.teardown(() => rm(home, {recursive: true, force: true}));
  const context: CommandContext = {
    out: () => undefined,
    err: () => undefined,
    // No engine is there: nothing that a mistake would let through can touch this machine's.
    env: {HOME: home, PATH: process.env['PATH'], DOCKER_HOST: `unix://${home}/no-engine.sock`},
    cwd: home,
    isTerminal: false,
    isJson: false,
    input: async () => '',
    streams: () => new FakeStreams(),
    nowMs: () => 0,
    confirm: async () => false,
    client: async () => t.fail('nobody asks the cluster') as never,
    app: async () => t.fail('nobody asks for an app') as never,
  };
  return {home, context};
}
