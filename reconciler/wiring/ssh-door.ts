import {createServer} from 'node:net';
import type {Access, OwnedKey} from '../access/access.ts';
import type {DesiredState} from '../desired/state.ts';
import type {Layout} from '../layout.ts';
import {sshUrlOf, type NodeSettings} from '../settings.ts';
import type {SshAnswer} from '../ssh/answer.ts';
import {sshFiles} from '../ssh/files.ts';
import {prepareSsh, publishKeys, type HostKey} from '../ssh/prepare.ts';
import type {EventLog} from '../status/events.ts';

export interface SshDoorParts {
  readonly settings: Pick<NodeSettings, 'domain' | 'listen' | 'sshPort'>;
  readonly layout: Pick<Layout, 'ssh'>;
  readonly events: Pick<EventLog, 'add'>;
  access(): Access;
}

/** Git over SSH, as the pass knows it: sshd is wanted while somebody has a key, and while nobody else has its port. */
export class SshDoor {
  readonly #parts: SshDoorParts;
  readonly #hostKey: HostKey | undefined;
  /** As they were published last. */
  #keys: ReadonlyMap<string, OwnedKey> | undefined;
  #isRunning = false;
  #isWanted = false;
  /** Why the port can't be had. */
  #trouble: string | undefined;

  private constructor(parts: SshDoorParts, hostKey: HostKey | undefined) {
    this.#parts = parts;
    this.#hostKey = hostKey;
  }

  /** Writes what sshd starts from. */
  static async open(parts: SshDoorParts): Promise<SshDoor> {
    const {settings: {listen, sshPort: port}, layout} = parts;
    return new SshDoor(parts, port === 0 ? undefined : await prepareSsh({listen, port}, layout));
  }

  /** Before each plan: who has which key is written first, so that sshd never starts with a list of others. */
  async look(system: readonly {readonly role: string; readonly state: string}[]): Promise<void> {
    const {settings: {listen, sshPort}, layout, access} = this.#parts;
    if (sshPort === 0) return;
    const {sshKeys} = access();
    if (sshKeys !== this.#keys) {
      await publishKeys(sshKeys.values(), sshFiles(layout));
      this.#keys = sshKeys;
    }
    const own = system.filter(({role}) => role === 'ssh');
    this.#isRunning = own.some(({state}) => state === 'running');
    // Asked only before there is one: one that is just being started has the port already.
    if (!this.#isWanted && own.length === 0 && sshKeys.size > 0) this.#tell(await troubleOf(listen, sshPort));
    this.#isWanted = sshKeys.size > 0 && this.#trouble === undefined;
  }

  /** Leaves sshd out of what is wanted where there is nothing for it to do. */
  applied(desired: DesiredState): DesiredState {
    return this.#isWanted ? desired : {...desired, system: desired.system.filter(({role}) => role !== 'ssh')};
  }

  /** For people. */
  answer(): SshAnswer {
    const url = sshUrlOf(this.#parts.settings);
    if (url === undefined || this.#hostKey === undefined) return {state: 'off'};
    const {line, fingerprint} = this.#hostKey;
    const state = this.#trouble !== undefined ? 'port taken' : this.#isRunning ? 'open' : 'no keys';
    return {state, url, hostKey: line, fingerprint, ...(this.#trouble !== undefined && {problem: this.#trouble})};
  }

  #tell(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#parts.events.add(trouble === undefined ? {kind: 'ssh-port-free', message: 'the port for git over SSH can be had again'} : {kind: 'ssh-port-taken', message: trouble});
  }
}

/** A container that can't have its port would only be started again and again. */
async function troubleOf(listen: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) => resolve(`port ${port} (git over SSH) on ${listen} ${error.code === 'EADDRINUSE' ? 'is taken by another program' : `can't be used (${error.code})`}: choose another with flynn up --ssh-port`));
    server.listen({host: listen, port, exclusive: true}, () => server.close(() => resolve(undefined)));
  });
}
