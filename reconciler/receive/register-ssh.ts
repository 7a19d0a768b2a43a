import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {chmod, rm} from 'node:fs/promises';
import {createServer, type Socket} from 'node:net';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import type {FastifyInstance} from 'fastify';
import {gitEnvironment} from '../adapters/git.ts';
import type {Principal} from '../api/authenticate.ts';
import {sshFiles} from '../ssh/files.ts';
import {answerFrame, parseHello, relayFrames, type RelayFrame, type RelayHello} from '../ssh/frames.ts';
import type {GitDeps} from './deps.ts';
import type {GitCall, GitDoor} from './git-door.ts';
import {stopGroup} from './process-group.ts';
import {PUSH_BYTES_MAX, REFUSE_MS_MAX} from './receive-pack.ts';

/** Clients at once; each has processes of its own. */
const CLIENTS_MAX = 100;
/** The relay says who comes as soon as it is connected. */
const HELLO_MS_MAX = 10_000;
/** How long stopping waits for clients to be told, in milliseconds. */
const STOP_MS_MAX = 13_000;

type Frames = AsyncGenerator<RelayFrame>;

/** What a client may want to be run, and of which repository. */
type Command = {readonly program: 'upload-pack' | 'receive-pack'; readonly repository: string};

/** Serves git to clients of sshd: its relay connects here, once for each. What they may is as over HTTP. */
export function registerSsh(server: FastifyInstance, deps: GitDeps, door: GitDoor): void {
  const {socket: socketPath} = sshFiles(deps.layout);
  const serving = new Map<Socket, Promise<void>>();
  const listener = createServer((socket) => {
    // One that is cut off says so by `close`.
    socket.on('error', () => {});
    const served = serve(socket).catch((error: unknown) => {
      if (!socket.destroyed) deps.log('git over SSH failed', error);
      finish(socket, 1, 'Flynn can\'t do that at present; see: flynn status');
    }).finally(() => serving.delete(socket));
    serving.set(socket, served);
  });
  server.addHook('onReady', async () => {
    // A reconciler that was killed leaves it behind.
    await rm(socketPath, {force: true});
    await once(listener.listen(socketPath), 'listening');
    // Its folder is root's alone; in sshd's container, git is another user.
    await chmod(socketPath, 0o666);
  });
  server.addHook('preClose', async () => {
    listener.close();
    await Promise.race([Promise.allSettled(serving.values()), sleep(STOP_MS_MAX, undefined, {ref: false})]);
    for (const socket of serving.keys()) socket.destroy();
  });

  async function serve(socket: Socket): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort(new Error('the pusher went away')));
    const slow = setTimeout(() => socket.destroy(), HELLO_MS_MAX);
    const frames = relayFrames(socket);
    const first = await frames.next().finally(() => clearTimeout(slow));
    if (first.done === true || first.value.kind !== 'hello') return void socket.destroy();
    const hello = parseHello(first.value.bytes);
    const principal = deps.authenticateKey(hello.fingerprint);
    if (principal === undefined) {
      await door.noteStranger(hello);
      return finish(socket, 1, 'this key is nobody\'s any more: ask who may change people');
    }
    if (hello.command === '') return finish(socket, 1, `Hi ${principal.user}! You've authenticated, but Flynn does not provide shell access.`);
    const command = parseCommand(hello.command);
    if (command === undefined) return finish(socket, 1, 'only git may be run here: git clone, git fetch and git push');
    if (serving.size > CLIENTS_MAX) return finish(socket, 1, 'too many are here at once: try again later');
    await runFor({principal, hello, command, frames, socket}, gone.signal);
  }

  async function runFor({principal, hello, command: {program, repository}, frames, socket}: {principal: Principal; hello: RelayHello; command: Command; frames: Frames; socket: Socket}, gone: AbortSignal): Promise<void> {
    const isPush = program === 'receive-pack';
    const wish = {principal, from: hello.address, repository, isPush};
    const admitted = await door.admit(wish);
    if (!admitted.ok) return finish(socket, 1, admitted.why);
    await door.serve({...wish, admitted, isReceiving: isPush, gone}, async (call, signal) => {
      let wasPushed = false;
      const onPush = async () => {
        wasPushed = true;
        await door.noteWish(wish, admitted);
      };
      const status = await runGit({program, call, protocol: hello.protocol}, {frames, socket, ...(isPush && {onPush})}, signal);
      finish(socket, status);
      return wasPushed;
    });
  }
}

interface Client {
  readonly frames: Frames;
  readonly socket: Socket;
  /** Before git gets the first bytes of a push. */
  onPush?(): Promise<void>;
}

/** What a client sends who has nothing to push. */
const FLUSH = '0000';

/** Runs git for a client and resolves to its status. The signal ends a push only when its hook has had the time to refuse it: see `runReceivePack`. */
async function runGit({program, call, protocol}: {program: Command['program']; call: GitCall; protocol: string}, client: Client, signal: AbortSignal): Promise<number> {
  if (signal.aborted) return 1;
  const {gitdir, config, env, user} = call;
  const child = spawn('git', [program, gitdir], {
    env: gitEnvironment({
      config: {'receive.maxInputSize': String(PUSH_BYTES_MAX), ...config},
      // A client chooses it: nothing but what git itself sends.
      env: {REMOTE_USER: user, ...(/^version=\d$/.test(protocol) && {GIT_PROTOCOL: protocol}), ...env},
    }),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    child.stdin.destroy();
    killing = setTimeout(() => stopGroup(child), program === 'receive-pack' ? REFUSE_MS_MAX : 0);
  };
  signal.addEventListener('abort', stop, {once: true});
  const ended = once(child, 'close') as Promise<[number | null]>;
  void feed(client, child);
  passOn(child.stdout, client.socket);
  try {
    const [status] = await ended;
    return status ?? 1;
  } finally {
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
  }
}

/** To git what its client sends; then waits for the client to go, which is seen by reading only. */
async function feed(client: Client, {stdin}: ChildProcess): Promise<void> {
  try {
    // Git may end before it has read everything: that is its answer, not an error.
    if (stdin !== null) await pipeline(Readable.from(input(client)), stdin).catch(() => {});
    while ((await client.frames.next()).done !== true);
  } catch {
    // It was cut off, which its `close` says too.
  }
}

/** Never returns from the frames themselves: that would end the connection. */
async function* input({frames, onPush}: Client): AsyncGenerator<Buffer> {
  for (let isFirst = true; ; isFirst = false) {
    const {value, done} = await frames.next();
    if (done === true || value.kind === 'end') return;
    if (isFirst && value.bytes.toString('latin1', 0, FLUSH.length) !== FLUSH) await onPush?.();
    yield value.bytes;
  }
}

/** Git has to come to its end whether somebody listens or not. */
function passOn(stdout: Readable, socket: Socket): void {
  const resume = () => stdout.resume();
  socket.on('drain', resume).once('close', resume);
  stdout.on('data', (chunk: Buffer) => {
    if (!socket.destroyed && !socket.write(answerFrame('out', chunk))) stdout.pause();
  });
}

function finish(socket: Socket, status: number, text?: string): void {
  if (socket.destroyed) return;
  if (text !== undefined) socket.write(answerFrame('err', Buffer.from(`${text}\n`)));
  socket.write(answerFrame('exit', Buffer.from([status])));
  socket.destroySoon();
}

/** What git's clients ask for: `git-receive-pack '/shop.git'`. The name of a repository has no folder and nothing that a shell would read. Exported for its test. */
export function parseCommand(text: string): Command | undefined {
  const [, program, repository] = /^git[- ](upload-pack|receive-pack) '\/*([^'"\\/\s]+)'$/.exec(text) ?? [];
  return program === undefined || repository === undefined ? undefined : {program: program as Command['program'], repository};
}
