import {spawn, type ChildProcessByStdio} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {gitEnvironment} from './git.ts';

/** How long git may take to answer one question about an object, in milliseconds. */
const ANSWER_DEADLINE_MS = 30_000;
/** Largest object that is read, in bytes: a tree of 500,000 entries still fits. */
const OBJECT_BYTES_MAX = 64 * 1024 * 1024;

export interface ObjectHeader {
  /** 40 hex digits. */
  readonly id: string;
  readonly type: 'blob' | 'tree' | 'commit' | 'tag';
  readonly sizeBytes: number;
}

export interface GitObject extends ObjectHeader {
  readonly content: Buffer;
}

interface Question {
  readonly verb: 'info' | 'contents';
  readonly name: string;
  readonly askedAtMs: number;
  answer(object: ObjectHeader | GitObject | undefined): void;
  fail(error: Error): void;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Reads objects of a repository through one long-lived `git cat-file --batch-command` (git >= 2.36).
 *
 * Questions are answered in the order in which they are asked, and may be asked without waiting for earlier answers.
 * Refs are looked up anew each time. A process that died is started again with the next question.
 */
export class ObjectReader {
  readonly #gitdir: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: Child | undefined;
  #questions: Question[] = [];
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #header: ObjectHeader | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  /** `env`: the quarantine of a push, whose objects are not in the repository yet. */
  constructor({gitdir, env = {}}: {gitdir: string; env?: Readonly<Record<string, string>>}) {
    this.#gitdir = gitdir;
    this.#env = env;
  }

  /** Undefined: there is no such object. `name` is an id, a ref, or `<commit>:<path>`. */
  info(name: string, signal: AbortSignal): Promise<ObjectHeader | undefined> {
    return this.#ask({verb: 'info', name}, signal);
  }

  /** The same with its content. Ask `info` first where somebody else chose the size. */
  async read(name: string, signal: AbortSignal): Promise<GitObject | undefined> {
    const object = await this.#ask({verb: 'contents', name}, signal);
    return object !== undefined && 'content' in object ? object : undefined;
  }

  /** Unanswered questions fail. A later question starts a new process. */
  close(): void {
    this.#stop(new Error('reading git objects was stopped'));
  }

  async #ask(question: Pick<Question, 'verb' | 'name'>, signal: AbortSignal): Promise<ObjectHeader | GitObject | undefined> {
    try {
      return await this.#askOnce(question, signal);
    } catch (error) {
      // Killed from outside, perhaps for memory: reading is safe to repeat, so one dead process is nobody's problem.
      if (!(error instanceof ReaderDied)) throw error;
      return this.#askOnce(question, signal);
    }
  }

  #askOnce({verb, name}: Pick<Question, 'verb' | 'name'>, signal: AbortSignal): Promise<ObjectHeader | GitObject | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (name === '' || /[\n\0]/.test(name)) return Promise.reject(new Error(`bug: "${name}" can't name a git object`));
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      const done = () => signal.removeEventListener('abort', onAbort);
      signal.addEventListener('abort', onAbort, {once: true});
      this.#questions.push({
        verb,
        name,
        askedAtMs: performance.now(),
        answer: (object) => {
          done();
          resolve(object);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      });
      this.#child ??= this.#start();
      this.#child.stdin.write(`${verb} ${name}\n`);
      this.#watchdog ??= setTimeout(() => this.#checkDeadline(), ANSWER_DEADLINE_MS);
    });
  }

  #start(): Child {
    const child = spawn('git', [`--git-dir=${this.#gitdir}`, 'cat-file', '--batch-command'], {
      env: gitEnvironment({env: this.#env}),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const died = (why: string) => {
      if (this.#child === child) this.#stop(new ReaderDied(`git cat-file in "${this.#gitdir}" ${why}`));
    };
    child.on('error', (error) => died(`could not run: ${error.message}`));
    child.on('exit', (code, killedBy) => died(`ended (${killedBy ?? `exit code ${code}`})`));
    child.stdin.on('error', () => died('does not listen any more'));
    child.stdout.on('data', (chunk: Buffer) => {
      if (this.#child !== child) return;
      this.#chunks.push(chunk);
      this.#bufferedBytes += chunk.length;
      this.#takeAnswers();
    });
    return child;
  }

  #stop(why: Error): void {
    const child = this.#child;
    const questions = this.#questions;
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#child = undefined;
    this.#questions = [];
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#header = undefined;
    child?.kill('SIGKILL');
    for (const question of questions) question.fail(why);
  }

  #checkDeadline(): void {
    this.#watchdog = undefined;
    const oldest = this.#questions[0];
    if (oldest === undefined) return;
    const leftMs = ANSWER_DEADLINE_MS - (performance.now() - oldest.askedAtMs);
    if (leftMs > 0) {
      this.#watchdog = setTimeout(() => this.#checkDeadline(), leftMs);
      return;
    }
    this.#stop(new Error(`git cat-file did not answer for "${oldest.name}" within ${ANSWER_DEADLINE_MS / 1000} s`));
  }

  #takeAnswers(): void {
    while (this.#questions[0] !== undefined) {
      const question = this.#questions[0];
      if (this.#header === undefined) {
        const line = this.#takeLine();
        if (line === undefined) return;
        const header = parseHeader(line);
        if (header === undefined || question.verb === 'info') {
          this.#questions.shift();
          question.answer(header);
          continue;
        }
        if (header.sizeBytes > OBJECT_BYTES_MAX) {
          this.#stop(new Error(`git object ${header.id} has ${header.sizeBytes} bytes, at most ${OBJECT_BYTES_MAX} are read`));
          return;
        }
        this.#header = header;
      }
      // One byte more: each content is followed by a newline.
      const content = this.#takeBytes(this.#header.sizeBytes + 1);
      if (content === undefined) return;
      const object = {...this.#header, content: content.subarray(0, -1)};
      this.#header = undefined;
      this.#questions.shift();
      question.answer(object);
    }
    if (this.#questions.length === 0) {
      clearTimeout(this.#watchdog);
      this.#watchdog = undefined;
    }
  }

  #takeLine(): string | undefined {
    const end = this.#joined().indexOf(0x0a);
    return end === -1 ? undefined : this.#takeBytes(end + 1)?.toString('utf8', 0, end);
  }

  #takeBytes(count: number): Buffer | undefined {
    if (this.#bufferedBytes < count) return undefined;
    const all = this.#joined();
    this.#chunks = [all.subarray(count)];
    this.#bufferedBytes -= count;
    return all.subarray(0, count);
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    const all = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

class ReaderDied extends Error {
  override name = 'ReaderDied';
}

function parseHeader(line: string): ObjectHeader | undefined {
  const [, id, type, size] = /^([0-9a-f]{40}) (blob|tree|commit|tag) (\d+)$/.exec(line) ?? [];
  if (id === undefined || type === undefined) return undefined;
  // The pattern admits only these four.
  return {id, type: type as ObjectHeader['type'], sizeBytes: Number(size)};
}
