import {readFile} from 'node:fs/promises';

const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
const PROXY_NAMES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy'];

/**
 * The certificates that this machine trusts, PEM: the system's, and what SSL_CERT_FILE and NODE_EXTRA_CA_CERTS add.
 * Companies' networks sign TLS with an authority of their own, which images know nothing of.
 */
export async function hostCertificates(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const files = new Set([SYSTEM_BUNDLE, env.SSL_CERT_FILE, env.NODE_EXTRA_CA_CERTS].filter(file => file !== undefined && file !== ''));
  const texts: string[] = [];
  for (const file of files) {
    const text = await readFile(file as string, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // Debian without ca-certificates has no bundle; a file that was asked for must be there.
      if (file === SYSTEM_BUNDLE && error.code === 'ENOENT') return '';
      throw new Error(`can't read the certificates in "${file}", named by SSL_CERT_FILE or NODE_EXTRA_CA_CERTS: ${error.message}`, {cause: error});
    });
    if (!texts.includes(text)) texts.push(text);
  }
  return texts.join('\n');
}

/** Build arguments for the engine, in both spellings. It knows these names and keeps them out of images' histories. */
export function proxyArguments(env: NodeJS.ProcessEnv, aptProxy?: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of PROXY_NAMES) {
    const value = env[name] ?? env[name.toUpperCase()] ?? (name === 'http_proxy' ? aptProxy : undefined);
    if (value) found[name] = found[name.toUpperCase()] = value;
  }
  return found;
}
