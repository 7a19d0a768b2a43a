import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, writeFile} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import {aptInstall} from '../../cli/setup/apt.ts';
import {isOnPath} from '../../cli/setup/exec.ts';
import {TrialAuthority} from './certificates.ts';
import {freePorts} from './free-ports.ts';
import {until} from './until.ts';

export interface PebbleOptions {
  readonly folder: string;
  /** Where hosts are asked for proof. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Of what it issues. */
  readonly validitySeconds?: number;
}

const READY_MS_MAX = 40_000;
/** Of what it has said, in an error. */
const LOG_LENGTH_MAX = 1_000;
const INSTALL_MS_MAX = 300_000;
const KEY_ID = 'kid-1';
const MAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

/** Debian's pebble: an authority by ACME, which wants an account of its own, and asks a DNS server to which every host is 127.0.0.1. */
export class Pebble implements AsyncDisposable {
  readonly directory: string;
  readonly caFile: string;
  readonly keyId = KEY_ID;
  readonly macKey = MAC_KEY;
  readonly #options: PebbleOptions;
  readonly #ports: {readonly acme: number; readonly management: number; readonly dns: number; readonly mock: number};
  readonly #children: ChildProcess[] = [];
  #log = '';

  private constructor(options: PebbleOptions, caFile: string, [acme = 0, management = 0, dns = 0, mock = 0]: readonly number[]) {
    this.#options = options;
    this.#ports = {acme, management, dns, mock};
    this.directory = `https://localhost:${acme}/dir`;
    this.caFile = caFile;
  }

  static async start(options: PebbleOptions): Promise<Pebble> {
    await installed();
    await mkdir(options.folder, {recursive: true});
    const authority = await TrialAuthority.make(options.folder);
    await authority.sign(['localhost', '127.0.0.1'], {file: 'pebble'});
    const pebble = new Pebble(options, authority.pemFile, await freePorts(4));
    pebble.#start('pebble-challtestsrv', ['-http01', '', '-https01', '', '-tlsalpn01', '', '-dns01', `127.0.0.1:${pebble.#ports.dns}`, '-management', `127.0.0.1:${pebble.#ports.mock}`, '-defaultIPv6', '']);
    await pebble.#serve();
    // It says that it listens before it does, and the other one says nothing.
    for (const port of [pebble.#ports.acme, pebble.#ports.mock]) await until(`pebble answers at port ${port}`, () => pebble.#answers(port), READY_MS_MAX);
    return pebble;
  }

  /** From now on this host is at another address, to whom pebble asks. */
  async pointTo(host: string, address: string): Promise<void> {
    // Added ones are added to what there is.
    for (const wish of ['clear-a', 'add-a']) {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.mock}/${wish}`, {method: 'POST', body: JSON.stringify({host: `${host}.`, addresses: [address]}), signal: AbortSignal.timeout(5000)});
      if (!answer.ok) throw new Error(`the DNS server of the tests answers ${answer.status}`);
    }
  }

  async #serve(): Promise<void> {
    const {folder, httpPort, tlsPort, validitySeconds = 90 * 24 * 3600} = this.#options;
    const {acme, management, dns} = this.#ports;
    const config = path.join(folder, 'pebble.json');
    await writeFile(config, JSON.stringify({pebble: {
      listenAddress: `127.0.0.1:${acme}`, managementListenAddress: `127.0.0.1:${management}`,
      certificate: path.join(folder, 'pebble.pem'), privateKey: path.join(folder, 'pebble.key'),
      httpPort, tlsPort, ocspResponderURL: '', certificateValidityPeriod: validitySeconds,
      externalAccountBindingRequired: true, externalAccountMACKeys: {[KEY_ID]: MAC_KEY},
    }}));
    this.#start('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${dns}`]);
  }

  async #answers(port: number): Promise<boolean> {
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch (error) {
      throw new Error(`${String(error)}; it says: ${this.#log.slice(-LOG_LENGTH_MAX)}`);
    } finally {
      socket.destroy();
    }
  }

  #start(program: string, args: readonly string[]): void {
    // At once, and without the refusals that it makes up to try its clients.
    const child = spawn(program, args, {env: {...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0'}, stdio: ['ignore', 'pipe', 'pipe']});
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#children.push(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(ended));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function installed(): Promise<void> {
  if (await isOnPath('pebble', AbortSignal.timeout(10_000))) return;
  await aptInstall({packages: ['pebble'], because: 'the tests of ACME need pebble'}, () => {}, AbortSignal.timeout(INSTALL_MS_MAX));
}
