import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import type {FileHandle} from 'node:fs/promises';
import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import {setImmediate as nextTurn} from 'node:timers/promises';

/**
 * File descriptor 3 is the client's connection. A shell, because Node would make a socket that is stdout a blocking one, for us too (libuv,
 * `uv__process_child_init`). It sends the head as well: nothing is sent that only we could finish.
 */
const SCRIPT = 'printf %s "$3" >&3 && exec git "$1" --stateless-rpc "$2" >&3 3>&-';

export interface AnsweringGit {
  readonly program: 'receive-pack' | 'upload-pack';
  readonly gitdir: string;
  /** The whole request. */
  readonly body: FileHandle;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts a git that writes its answer on the client's connection itself (gitprotocol-http(5)), which it goes on doing when we are killed or have too much to do. An
 * answer that went through us would be cut off then, which Caddy 2.6 passes on as a whole one (it logs "aborting with incomplete response" and ends it properly).
 */
export function startAnsweringGit({program, gitdir, body, env}: AnsweringGit, request: IncomingMessage): ChildProcess {
  // The body ends when the connection does: nothing has to be added to what git writes.
  const head = ['HTTP/1.1 200 OK', `Content-Type: application/x-git-${program}-result`, 'Cache-Control: no-cache, max-age=0, must-revalidate', 'Connection: close', '', ''].join('\r\n');
  return spawn('/bin/sh', ['-c', SCRIPT, program, program, gitdir, head], {env, stdio: [body.fd, 'ignore', 'ignore', descriptorOf(request.socket)], detached: true});
}

/**
 * Resolves when that git has ended and the client's connection with it; to how, if it did not come to its end by itself (for want of memory, say): then its client is
 * told, on the channel for that (gitprotocol-pack(5), "side-band-64k"), where it would only see that nothing comes any more. What is told is lost when git has
 * written a part of a packet: the client takes it for the rest, and says "unexpected disconnect while reading sideband packet".
 */
export async function answered(child: ChildProcess, {program, whatNext, wasStopped}: {readonly program: AnsweringGit['program']; readonly whatNext: string; wasStopped(): boolean}, {socket}: IncomingMessage): Promise<string | undefined> {
  const [status, killedBy] = await once(child, 'close') as [number | null, NodeJS.Signals | null];
  // A client that has gone ends git, too: by now that has come to us as well, and one turn later we know.
  await nextTurn();
  const problem = status === 0 || wasStopped() || socket.destroyed ? undefined : `git ${program} was ended in the middle of its work (${killedBy ?? `status ${status}`})`;
  const told = problem === undefined ? '' : `\u0003Flynn: ${problem}. ${whatNext}\n`;
  // Not the response, which has sent nothing.
  socket.end(told === '' ? '' : `${(told.length + LENGTH_BYTES).toString(16).padStart(LENGTH_BYTES, '0')}${told}`);
  return problem;
}

/** Of a packet, in hexadecimal digits: they count. */
const LENGTH_BYTES = 4;

/** Node has no public name for it. A socket that is handed over to `spawn` as a stream is not read any more: the rest of the push would not arrive. */
function descriptorOf(socket: Socket): number {
  const {fd} = (socket as unknown as {readonly _handle: {readonly fd: number} | null})._handle ?? {fd: -1};
  if (fd < 0) throw new Error('the client went away');
  return fd;
}
