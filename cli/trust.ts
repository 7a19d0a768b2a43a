import {execFile} from 'node:child_process';
import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import {createHash} from 'node:crypto';

/** Debian and its relatives: certificates in this folder are added to what the whole machine trusts. */
const FOLDER = '/usr/local/share/ca-certificates';
const UPDATE_MS_MAX = 60_000;

/** Brings an authority's certificate to this machine. Resolves to what to tell; undefined: it can't be done here, or not by this user. */
export async function trustHere(pem: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const file = path.join(FOLDER, `flynn-${createHash('sha256').update(pem).digest('hex').slice(0, 8)}.crt`);
  try {
    await writeFile(file, pem);
    await promisify(execFile)('update-ca-certificates', [], {signal, timeout: UPDATE_MS_MAX});
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return [`this machine trusts the cluster's authority: ${file}`, 'browsers have lists of their own:', ...BROWSERS];
}

/** For machines where it has to be done by hand. */
export function howToTrust(): readonly string[] {
  return [
    'this needs root, on Debian or Ubuntu: sudo flynn cert trust',
    'elsewhere save it (flynn cert trust --print > flynn-ca.pem), and',
    '  macOS     sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain flynn-ca.pem',
    '  Fedora    sudo cp flynn-ca.pem /etc/pki/ca-trust/source/anchors/ && sudo update-ca-trust',
    '  Windows   certutil -addstore Root flynn-ca.pem',
    ...BROWSERS,
  ];
}

const BROWSERS: readonly string[] = [
  '  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import',
  '  Chrome    on Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n flynn -i flynn-ca.pem (package libnss3-tools); it restarts with it',
  '  Node.js   NODE_EXTRA_CA_CERTS=flynn-ca.pem',
];
