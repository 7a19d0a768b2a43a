import {spawn, type ChildProcessByStdio} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {anySignal} from '../any-signal.ts';
import {gitEnvironment, LOCAL_DEADLINE_MS} from './git.ts';
import {DURABLE_REFS, moveRef, type RefMove} from './git-write.ts';

/** Without work for so long its process ends, in milliseconds. */
const IDLE_MS_MAX = 5000;

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Moves refs of one repository through one `git update-ref --stdin` (git >= 2.27) that is kept as long as there is work: starting a git takes ten times as long
 * as moving a ref (12 ms and 1 ms, 2026-11), and this process can do nothing else meanwhile.
 */
export class RefMover {
  readonly #gitdir: string;
  readonly #reason: string;
  #child: Child | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** `reason`: for the log of the refs. */
  constructor({gitdir, reason}: {readonly gitdir: string; readonly reason: string}) {
    this.#gitdir = gitdir;
    this.#reason = reason;
  }

  /** As `moveRef`; one call at a time. */
  async move(move: RefMove, signal: AbortSignal): Promise<boolean> {
    if (await this.#moved(move, signal)) return true;
    // Whatever it is, a git of its own says it in words. Should that one have moved it and died before it could say so, this one finds it moved.
    return moveRef(this.#gitdir, {...move, reason: this.#reason}, signal);
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#child?.stdin.end();
    this.#child = undefined;
  }

  async #moved({ref, from, to}: RefMove, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    clearTimeout(this.#idle);
    this.#child ??= this.#start();
    const isMoved = await answerOf(this.#child, `start\0update ${ref}\0${to}\0${from}\0commit\0`, anySignal([signal, AbortSignal.timeout(LOCAL_DEADLINE_MS)]));
    if (isMoved) this.#idle = setTimeout(() => this.close(), IDLE_MS_MAX);
    else this.#child = undefined;
    return isMoved;
  }

  #start(): Child {
    const args = [`--git-dir=${this.#gitdir}`, 'update-ref', '--no-deref', '--stdin', '-z', '-m', this.#reason];
    const child = spawn('git', args, {env: gitEnvironment({config: DURABLE_REFS}), stdio: ['pipe', 'pipe', 'ignore']});
    // It ends as soon as something is wrong; who waits for it sees that it has ended.
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    return child;
  }
}

/** False, and it is ended, when it ended by itself or somebody has to give up. */
function answerOf(child: Child, question: string, signal: AbortSignal): Promise<boolean> {
  const {promise, resolve} = Promise.withResolvers<boolean>();
  let text = '';
  const onData = (chunk: Buffer) => {
    text += chunk.toString();
    if (text.endsWith('commit: ok\n')) resolve(true);
  };
  const onEnd = () => {
    child.kill('SIGKILL');
    resolve(false);
  };
  child.stdout.on('data', onData);
  child.once('close', onEnd);
  signal.addEventListener('abort', onEnd, {once: true});
  child.stdin.write(question);
  if (child.exitCode !== null || child.signalCode !== null) onEnd();
  return promise.finally(() => {
    child.stdout.off('data', onData);
    child.off('close', onEnd);
    signal.removeEventListener('abort', onEnd);
  });
}
