import {readFile, writeFile} from 'node:fs/promises';

/** Linux 5.14 and later; of this machine's own network. */
const SETTING = '/proc/sys/net/ipv4/tcp_migrate_req';

/**
 * Lets connections that a server has not accepted yet go over to another one on the same port when it closes its socket: else they are reset
 * (ip-sysctl.rst, `tcp_migrate_req`). Resolves to whether it is so: not with an older kernel, nor without the right to say so.
 */
export async function keepAcceptQueues(): Promise<boolean> {
  try {
    if ((await readFile(SETTING, 'utf8')).trim() !== '1') await writeFile(SETTING, '1\n');
    return true;
  } catch {
    return false;
  }
}
