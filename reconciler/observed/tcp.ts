import {access} from 'node:fs/promises';
import {readIfThere} from '../adapters/files.ts';
import type {HaproxyControl} from '../adapters/haproxy.ts';
import {socketsOf, type Listener} from '../adapters/listeners.ts';
import type {Layout} from '../layout.ts';
import {haproxyCertificateFile, routerFiles} from '../router/files.ts';
import {markIn, tcpStructureOf} from '../router/haproxy-config.ts';
import type {NodeSettings} from '../settings.ts';
import type {ObservedTcp, TcpStructure} from './ports.ts';

interface ObserverWorld {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly haproxy: HaproxyControl;
  /** Whether some app has a TCP port, as far as is known: without one nothing is asked. */
  isWanted(): boolean;
}

/** What HAProxy and its file say in short. */
interface Marks {
  readonly text: string | undefined;
  /** Absent: nobody answers. */
  readonly running: string | undefined;
}

/** Looks at HAProxy, and at who else has ports of this node. */
export class TcpObserver {
  readonly #world: ObserverWorld;
  #marks: Marks | undefined;
  #read: {readonly text: string; readonly structure: TcpStructure | undefined} | undefined;
  #silentSinceMs: number | undefined;
  #isPaused = false;

  constructor(world: ObserverWorld) {
    this.#world = world;
  }

  /** `nowMs`: milliseconds since 1970. `isPaused`: somebody has paused it, and it would not answer. Rejects when the file or the kernel's tables can't be read. */
  async observe(nowMs: number, {isPaused}: {readonly isPaused: boolean}, signal: AbortSignal): Promise<ObservedTcp> {
    this.#isPaused = isPaused;
    const marks = await this.#readMarks(signal);
    this.#marks = marks;
    const file = await this.#withItsCertificates(this.#structureOf(marks.text));
    this.#silentSinceMs = marks.running === undefined ? this.#silentSinceMs ?? nowMs : undefined;
    const isFromFile = marks.text !== undefined && marks.running === markIn(marks.text);
    const running: ObservedTcp['running'] = marks.running === undefined ? {state: 'silent', sinceMs: this.#silentSinceMs ?? nowMs} : {state: 'ready', isFromFile};
    const ownPorts = ownPortsOf(this.#world.settings);
    if (!this.#isAsked(marks.text)) return {file, running, takenPorts: new Set(), ownPorts, connections: new Map()};
    const {listeners, connections} = await socketsOf('self', signal);
    return {file, running, takenPorts: this.#takenBy(listeners, {file, running}), ownPorts, connections};
  }

  /** False when HAProxy or its file is not as `observe` last saw it, by whoever's doing. */
  async isAsLeft(signal: AbortSignal): Promise<boolean> {
    const before = this.#marks;
    const marks = await this.#readMarks(signal);
    return before?.text === marks.text && before?.running === marks.running;
  }

  async #readMarks(signal: AbortSignal): Promise<Marks> {
    const {layout, haproxy} = this.#world;
    const text = await readIfThere(routerFiles(layout).haproxyConfig, signal);
    if (!this.#isAsked(text)) return {text, running: undefined};
    const running = this.#isPaused ? undefined : await haproxy.description(signal).catch(() => undefined);
    signal.throwIfAborted();
    return {text, running};
  }

  #isAsked(text: string | undefined): boolean {
    return this.#world.isWanted() || (this.#structureOf(text)?.length ?? 0) > 0;
  }

  /** A file that names certificates which are gone is none to start from. */
  async #withItsCertificates(structure: TcpStructure | undefined): Promise<TcpStructure | undefined> {
    const files = routerFiles(this.#world.layout);
    const certificates = structure?.flatMap(({backends}) => backends.flatMap(({certificate}) => certificate ?? [])) ?? [];
    const isThere = await Promise.all(certificates.map((certificate) => access(haproxyCertificateFile(files, certificate)).then(() => true, () => false)));
    return isThere.every(Boolean) ? structure : undefined;
  }

  #structureOf(text: string | undefined): TcpStructure | undefined {
    if (text === undefined) return undefined;
    if (this.#read?.text !== text) {
      const {settings, layout} = this.#world;
      this.#read = {text, structure: tcpStructureOf(text, settings, routerFiles(layout))};
    }
    return this.#read.structure;
  }

  /** While it is not known which ports HAProxy itself has, nobody else is accused of having them. */
  #takenBy(listeners: readonly Listener[], {file, running}: Pick<ObservedTcp, 'file' | 'running'>): ReadonlySet<number> {
    if (running.state === 'ready' && (!running.isFromFile || file === undefined)) return new Set();
    const own = new Set(running.state === 'ready' ? file?.map(({port}) => port) : []);
    const {listen} = this.#world.settings;
    return new Set(listeners.filter(({address, port}) => !own.has(port) && doClash(listen, address)).map(({port}) => port));
  }
}

/** HAProxy could share some of them with Caddy (SO_REUSEPORT), and would take its clients. The SSH server listens only once somebody has a key. */
export function ownPortsOf({listen, httpPort, httpsPort, sshPort, apiPort, dnsPort}: NodeSettings): ReadonlyMap<number, string> {
  const onLoopback: readonly (readonly [number, string])[] = [[apiPort, 'its API'], [dnsPort, 'its DNS server']];
  return new Map([...(doClash(listen, '127.0.0.1') ? onLoopback : []), [sshPort, 'git over SSH'], [httpsPort, 'HTTPS'], [httpPort, 'HTTP']]);
}

/** Whether a port can't be listened on at both addresses. */
function doClash(one: string, other: string): boolean {
  const isAny = (address: string) => address === '0.0.0.0' || address === '::';
  return one === other || isAny(one) || isAny(other);
}
