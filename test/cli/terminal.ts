import {mkdtemp, mkdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {AddressInfo} from 'node:net';
import {PassThrough} from 'node:stream';
import {execFileSync} from 'node:child_process';
import type {ExecutionContext} from 'ava';
import {main} from '../../cli/main.ts';
import type {ForwardedSignal, Streams, TerminalSize} from '../../cli/streams.ts';
import type {Access} from '../../reconciler/access/access.ts';
import {createAuthenticate} from '../../reconciler/api/authenticate.ts';
import {createServer} from '../../reconciler/api/server.ts';
import type {IdentityTokens} from '../../reconciler/oidc/tokens.ts';
import {FakeView, NOW} from '../reconciler/api/fake-view.ts';

/** stdin, stdout and stderr in memory. */
export class FakeStreams implements Streams {
  readonly stdin = new PassThrough();
  readonly written = {stdout: Buffer.alloc(0), stderr: Buffer.alloc(0)};
  size: TerminalSize | undefined;
  areKeysTaken = false;
  resize: () => void = () => {};
  signal: (name: ForwardedSignal) => void = () => {};
  #areSignalsTaken = false;

  terminalSize(): TerminalSize | undefined {
    return this.size;
  }

  async write(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    this.written[stream] = Buffer.concat([this.written[stream], bytes]);
  }

  takeKeys(signal: AbortSignal): void {
    this.areKeysTaken = true;
    signal.addEventListener('abort', () => (this.areKeysTaken = false), {once: true});
  }

  onResize(listener: () => void): void {
    this.resize = listener;
  }

  takeSignals(listener: (name: ForwardedSignal) => void, signal: AbortSignal): void {
    this.signal = listener;
    this.#areSignalsTaken = true;
    signal.addEventListener('abort', () => (this.#areSignalsTaken = false), {once: true});
  }

  areSignalsTaken(): boolean {
    return this.#areSignalsTaken;
  }
}

export const TOKEN = 'right-token';

export interface Typed {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly answer?: boolean;
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
  readonly streams?: FakeStreams;
  onOut?(line: string): void;
  onErr?(line: string): void;
}

export interface Terminal {
  readonly view: FakeView;
  /** A work tree of git, and the home. */
  readonly folder: string;
  readonly config: string;
  readonly port: number;
  /** Runs one command line. `$ flynn …`, stdout as it is, stderr after `! `, and a last line `exit N`. */
  type(line: string, how?: Typed): Promise<string>;
  git(...args: string[]): string;
}

/** Whom the cluster knows, beside who has its token. */
export interface Known {
  access?(): Access;
  readonly identityTokens?: IdentityTokens;
}

/** A user with a work tree, the configuration of a cluster, and that cluster: a real HTTP server in front of a fake node. */
export async function terminal(t: ExecutionContext, {access, identityTokens}: Known = {}): Promise<Terminal> {
  const view = new FakeView();
  const server = createServer({
    view,
    authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@flynn.localhost'}, ...(access && {access}), ...(identityTokens && {claims: (token) => identityTokens.claims(token)})}),
    ...(identityTokens && {identityTokens}),
    log: (message, error) => t.log(message, error),
  });
  await server.listen({host: '127.0.0.1', port: 0});
  const {port} = server.server.address() as AddressInfo;
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-cli-'));
  t.teardown(async () => {
    await server.close();
    await rm(home, {recursive: true, force: true});
  });
  const folder = path.join(home, 'work');
  const config = path.join(home, 'config.yaml');
  await mkdir(folder);
  await writeFile(config, contextYaml(port));
  const git = (...args: string[]) => execFileSync('git', args, {cwd: folder, encoding: 'utf8', env: {PATH: process.env.PATH, HOME: home}}).trimEnd();
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Ann Lee');
  git('config', 'user.email', 'ann@example.com');
  return {view, folder, config, port, git, type: (line, how = {}) => type(line, how, {folder, config})};
}

function contextYaml(port: number): string {
  return `default: home\nclusters:\n  home:\n    url: http://api.flynn.localhost:${port}\n    gitUrl: http://git.flynn.localhost:8080\n    token: ${TOKEN}\n    user: operator\n`;
}

async function type(line: string, {env = {}, input = '', answer = false, isTerminal = false, signal, streams, onOut, onErr}: Typed, {folder, config}: {folder: string; config: string}): Promise<string> {
  const printed: string[] = [];
  const status = await main({
    argv: line.split(' ').filter((word) => word !== '').map((word) => word === "''" ? '' : word),
    env: {FLYNN_CONFIG: config, USER: 'ann', ...env},
    cwd: folder,
    isTerminal,
    out: (text) => {
      printed.push(text);
      onOut?.(text);
    },
    err: (text) => {
      printed.push(`! ${text}`.trimEnd());
      onErr?.(text);
    },
    input: async () => input,
    streams: () => streams ?? new FakeStreams(),
    nowMs: () => Date.parse(NOW),
    confirm: async (question) => {
      printed.push(`? ${question}`);
      return answer;
    },
  }, signal ?? new AbortController().signal);
  return [`$ flynn ${line}`, ...printed, `exit ${status}`].join('\n');
}

/** Takes the indentation of a template string away, and its first and last line. */
export function text([whole = '']: TemplateStringsArray): string {
  const lines = whole.split('\n').slice(1, -1);
  const indent = Math.min(...lines.filter((line) => line !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indent)).join('\n');
}
