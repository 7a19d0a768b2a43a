import {readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import tls, {type PeerCertificate} from 'node:tls';
import {execa} from 'execa';
import type {TrialNode} from './trial-node.ts';

export interface Made {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Where both stand. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** An authority, and certificates that it signs, made by openssl. Files are below `folder`. */
export class TrialAuthority {
  readonly #folder: string;
  readonly pemFile: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.pemFile = path.join(folder, 'ca.pem');
  }

  static async make(folder: string): Promise<TrialAuthority> {
    const authority = new TrialAuthority(folder);
    await openssl(folder, ['req', '-x509', ...EC, '-days', '30', '-subj', '/CN=Trial Authority', '-keyout', 'ca.key', '-out', 'ca.pem']);
    return authority;
  }

  async pem(): Promise<string> {
    return readFile(this.pemFile, 'utf8');
  }

  /** For these names, valid from now on. */
  async sign(names: readonly string[], {days = 30, file = names[0]?.replace('*', '_') ?? ''}: {readonly days?: number; readonly file?: string} = {}): Promise<Made> {
    const folder = this.#folder;
    await openssl(folder, ['req', ...EC, '-subj', `/CN=${names[0]}`, '-keyout', `${file}.key`, '-out', `${file}.csr`]);
    await writeFile(path.join(folder, `${file}.ext`), `subjectAltName=${names.map((name) => (/^\d+(\.\d+){3}$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')}`);
    await openssl(folder, ['x509', '-req', '-in', `${file}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', `${days}`, '-extfile', `${file}.ext`, '-out', `${file}.pem`]);
    const [certificateFile, keyFile] = [path.join(folder, `${file}.pem`), path.join(folder, `${file}.key`)];
    return {certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8'), certificateFile, keyFile};
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  await execa('openssl', args, {cwd, stdin: 'ignore'});
}

export type Shown = PeerCertificate & {readonly protocol: string | null; readonly alpn: string | false | null};

/** The certificate that a server on 127.0.0.1 shows for this name, whoever signed it. Rejects when it shows none. */
export async function certificateOf(port: number, servername: string, options: tls.ConnectionOptions = {}): Promise<Shown> {
  const {promise, resolve, reject} = Promise.withResolvers<Shown>();
  const socket = tls.connect({port, host: '127.0.0.1', servername, rejectUnauthorized: false, timeout: 10_000, ...options}, () => {
    resolve({...socket.getPeerCertificate(), protocol: socket.getProtocol(), alpn: socket.alpnProtocol});
    socket.destroy();
  });
  socket.on('error', reject).on('timeout', () => socket.destroy(new Error('the handshake took longer than 10 s')));
  return promise;
}

/** What the newest Caddy of a node was started with. */
export async function caddyConfigOf({layout}: TrialNode): Promise<string> {
  const shifts = (await readdir(layout.caddy)).filter((name) => /^\d+$/.test(name)).map(Number);
  return readFile(path.join(layout.caddy, `${Math.max(...shifts)}`, 'config.json'), 'utf8');
}
