import {spawn, type ChildProcess} from 'node:child_process';
import {cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import {execa} from 'execa';
import {isReady} from '../../cli/setup/ready.ts';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_ROLE} from '../../reconciler/labels.ts';
import {instanceOf} from '../../reconciler/settings.ts';
import type {AppAnswer, PlanAnswer} from '../../reconciler/api/answers.ts';
import {ask, type Answer, type Target} from './load.ts';
import {freePorts} from './free-ports.ts';
import {LIMIT_MS, until, within} from './until.ts';

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const LAUNCHER = path.join(path.dirname(MAIN), 'flynn');
const FIXTURES = path.join(import.meta.dirname, '..', 'fixtures', 'apps');
const DOMAIN = 'flynn.localhost';
const READY_MS_MAX = 120_000;

export interface Ended {
  readonly exitCode: number | undefined;
  /** Both streams, as they came. */
  readonly output: string;
  readonly stdout: string;
  /** Each line with when it came, as `performance.now()` says. */
  readonly lines: readonly {readonly text: string; readonly atMs: number}[];
}

/** How a container of the trial node is, as the engine says. */
export interface Seen {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly app: string;
  readonly state: string;
}

/** A whole node of its own: data, ports, user and git configuration are nobody else's, only the engine is shared. */
export class TrialNode implements AsyncDisposable {
  readonly docker = new Docker();
  readonly layout: Layout;
  readonly instance: string;
  readonly home: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly sshPort: number;
  /** The API's own address: without the router. */
  readonly apiUrl: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  #life = {log: ''};

  private constructor(home: string, ports: readonly number[], flags: readonly string[]) {
    const [httpPort = 0, httpsPort = 0, apiPort = 0, dnsPort = 0, sshPort = 0] = ports;
    const data = path.join(home, 'data');
    this.home = home;
    this.layout = layoutOf(data);
    this.instance = instanceOf(data);
    this.httpPort = httpPort;
    this.httpsPort = httpsPort;
    this.sshPort = sshPort;
    this.apiUrl = `http://127.0.0.1:${apiPort}`;
    this.#flags = ['--data', data, '--http-port', `${httpPort}`, '--https-port', `${httpsPort}`, '--api-port', `${apiPort}`, '--dns-port', `${dnsPort}`, '--ssh-port', `${sshPort}`, ...flags];
  }

  /** Sets a node up and starts it; `flags` go to `flynn up` too. */
  static async start(flags: readonly string[] = []): Promise<TrialNode> {
    const home = await mkdtemp(path.join(os.tmpdir(), 'flynn-trial-'));
    const node = new TrialNode(home, await freePorts(5), flags);
    await writeFile(path.join(home, '.gitconfig'), '[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n');
    // A second cluster in the user's context: what belongs to all clusters of a user then survives the end of this one.
    await mkdir(path.join(home, '.config', 'flynn'), {recursive: true});
    const other = {url: 'http://api.other.test', gitUrl: 'http://git.other.test', token: 'none', user: 'nobody'};
    await writeFile(path.join(home, '.config', 'flynn', 'config.yaml'), JSON.stringify({default: node.instance, clusters: {other}}), {mode: 0o600});
    // Git asks the `flynn` of the PATH for the token, and the machine's may be that of another checkout.
    await mkdir(path.join(home, 'bin'));
    await symlink(LAUNCHER, path.join(home, 'bin', 'flynn'));
    await node.up();
    return node;
  }

  /** What the reconciler printed, in its present life. */
  get log(): string {
    return this.#life.log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get #env(): NodeJS.ProcessEnv {
    const {XDG_CONFIG_HOME: _, ...env} = process.env;
    const caches = env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
    // As the `flynn` command sets it: half of a short command's time.
    const compiled = env.NODE_COMPILE_CACHE ?? path.join(caches, 'flynn', 'compiled');
    return {...env, HOME: this.home, XDG_CACHE_HOME: caches, NODE_COMPILE_CACHE: compiled, PATH: `${this.home}/bin:${path.dirname(process.execPath)}:${env.PATH}`, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', USER: 'ada'};
  }

  /** Starts the reconciler in the foreground, as a process of its own. Resolves when it is ready. */
  async up(flags: readonly string[] = []): Promise<void> {
    this.spawn(flags);
    const child = this.#child;
    await until('the node is ready', async () => {
      if (child?.exitCode !== null || child.signalCode !== null) throw new Error(`flynn up ended: ${this.log.slice(-2000)}`);
      return await isReady(this.layout, AbortSignal.timeout(5000)) && this.log.includes('\nready');
    }, READY_MS_MAX);
  }

  /** Only begins to start it. */
  spawn(flags: readonly string[] = []): void {
    const child = spawn(process.execPath, [MAIN, 'up', ...this.#flags, ...flags], {env: this.#env, cwd: this.home, stdio: ['ignore', 'pipe', 'pipe']});
    // What is still to come of the life before is not taken for this one's.
    const life = {log: ''};
    this.#life = life;
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (life.log += text));
    this.#child = child;
  }

  /** Ends the reconciler, and nothing else. Resolves when its process is gone. */
  async kill(signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await within(`the end of the reconciler after ${signal}`, ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
    // Nobody is there any more to whom they should say good-bye: their grace would be waited for.
    const left = await this.docker.listContainers({filters: {label: [`${LABEL_INSTANCE}=${this.instance}`]}});
    await Promise.all(left.map(({Id}) => this.docker.getContainer(Id).kill().catch(() => undefined)));
    const {exitCode, output} = await this.flynn(['down', '--purge', '--yes', '--data', this.layout.root]);
    if (exitCode !== 0) throw new Error(`flynn down --purge failed: ${output}`);
    await rm(this.home, {recursive: true, force: true, maxRetries: 5});
  }

  flynn(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.run([process.execPath, MAIN, ...args], options);
  }

  git(folder: string, ...args: readonly string[]): Promise<Ended> {
    return this.run(['git', ...args], {cwd: folder});
  }

  /** A command that has to succeed. */
  async must(...args: readonly string[]): Promise<Ended> {
    const ended = await this.flynn(args, {cwd: this.home});
    if (ended.exitCode !== 0) throw new Error(`flynn ${args.join(' ')}: ${ended.output}`);
    return ended;
  }

  /** Resolves to what it printed; rejects with that when its status is not 0. */
  async mustGit(folder: string, ...args: readonly string[]): Promise<string> {
    const {exitCode, output} = await this.git(folder, ...args);
    if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${output}`);
    return output;
  }

  /** Commits these files to a clone of the cluster repository and pushes, on top of what others did. Resolves to the commit. */
  async want(clone: string, files: Readonly<Record<string, string>>, message = 'change'): Promise<string> {
    await this.mustGit(clone, 'pull', '--quiet', '--rebase');
    const commit = await this.commit(clone, files, message);
    await this.mustGit(clone, 'push', '--quiet');
    return commit;
  }

  /** Runs a command as the node's user. Never rejects because of its status. */
  async run([program = '', ...args]: readonly string[], {cwd = this.home, signal, onLine, env = {}}: RunOptions = {}): Promise<Ended> {
    const child = execa(program, args, {
      cwd, all: true, reject: false, stdin: 'ignore', env: {...this.#env, ...env}, extendEnv: false, timeout: 240_000,
      // What a terminal's Ctrl-C does: the whole group gets it.
      ...(signal === undefined ? {} : {cancelSignal: signal, killSignal: 'SIGINT', killDescendants: true}),
    });
    const lines: {text: string; atMs: number}[] = [];
    for await (const line of child.iterable({from: 'all'})) {
      const text = String(line).trimEnd();
      lines.push({text, atMs: performance.now()});
      onLine?.(text);
    }
    const {exitCode, stdout} = await child;
    return {exitCode, stdout, lines, output: lines.map(({text}) => text).join('\n')};
  }

  /** A work tree with a copy of a folder in test/fixtures/apps, created as an app of that name and committed. */
  async app(name: string, fixture: string, changes: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = path.join(this.home, 'apps', name);
    await mkdir(path.dirname(folder), {recursive: true});
    await cp(path.join(FIXTURES, fixture), folder, {recursive: true});
    await this.git(folder, 'init', '--quiet');
    await this.commit(folder, changes);
    const {exitCode, output} = await this.flynn(['create', name], {cwd: folder});
    if (exitCode !== 0) throw new Error(output);
    return folder;
  }

  /** The same, pushed and served. */
  async deployed(name: string, fixture: string, changes: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = await this.app(name, fixture, changes);
    await this.mustGit(folder, 'push', 'flynn', 'main');
    return folder;
  }

  /** Resolves to the commit. */
  async commit(folder: string, changes: Readonly<Record<string, string>> = {}, message = 'change'): Promise<string> {
    for (const [name, text] of Object.entries(changes)) {
      await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
      await writeFile(path.join(folder, name), text);
    }
    await this.git(folder, 'add', '--all');
    await this.git(folder, 'commit', '--quiet', '--allow-empty', '--message', message);
    return (await this.git(folder, 'rev-parse', 'HEAD')).stdout;
  }

  /** A clone of the cluster repository, through the router. */
  async clone(name = 'cluster'): Promise<string> {
    const folder = path.join(this.home, name);
    const {exitCode, output} = await this.git(this.home, 'clone', '--quiet', `http://git.${DOMAIN}:${this.httpPort}/cluster.git`, folder);
    if (exitCode !== 0) throw new Error(output);
    return folder;
  }

  /** The text of a file on main of our own cluster repository; undefined when there is none. */
  async manifest(file: string): Promise<string | undefined> {
    const {exitCode, stdout} = await this.git(this.home, `--git-dir=${this.layout.clusterRepo}`, 'show', `main:${file}`);
    return exitCode === 0 ? stdout : undefined;
  }

  target(app: string, requestPath = '/'): Target {
    return {port: this.httpPort, host: `${app}.${DOMAIN}`, path: requestPath};
  }

  ask(app: string, requestPath = '/'): Promise<Answer> {
    return ask(this.target(app, requestPath));
  }

  status(app: string): Promise<AppAnswer> {
    return this.#get(`apps/${app}`);
  }

  /** What the node would do now. */
  plan(): Promise<PlanAnswer> {
    return this.#get('plan');
  }

  /** Asked without the router, and without a command that has to be started each time. */
  async #get<Body>(question: string): Promise<Body> {
    const answer = await fetch(`${this.apiUrl}/v1/${question}`, {headers: {authorization: `Bearer ${await this.token()}`}, signal: AbortSignal.timeout(LIMIT_MS)});
    if (!answer.ok) throw new Error(`the API answers ${answer.status}: ${await answer.text()}`);
    return await answer.json() as Body;
  }

  /** Nothing is to be done, and nothing is waited for: what is being done is no action any more. */
  async isSettled(): Promise<boolean> {
    const {actions, waiting} = await this.plan();
    return actions.length === 0 && waiting.length === 0;
  }

  async settled(): Promise<void> {
    await until('nothing is left to do', () => this.isSettled());
  }

  /** All containers of this node, running or not. */
  async containers(role = 'app', app?: string): Promise<readonly Seen[]> {
    const labels = [`${LABEL_INSTANCE}=${this.instance}`, `${LABEL_ROLE}=${role}`, ...(app === undefined ? [] : [`${LABEL_APP}=${app}`])];
    const listed = await this.docker.listContainers({all: true, filters: {label: labels}});
    return listed.map(({Id, Names, Labels, State}): Seen => ({id: Id, name: Names[0] ?? '', role, app: Labels[LABEL_APP] ?? '', state: State}));
  }

  async running(app: string): Promise<readonly Seen[]> {
    return (await this.containers('app', app)).filter(({state}) => state === 'running');
  }

  async token(): Promise<string> {
    return (await readFile(this.layout.token, 'utf8')).trim();
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Interrupts the command and all that it started, as Ctrl-C does. */
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}
