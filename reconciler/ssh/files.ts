import path from 'node:path';
import type {Layout} from '../layout.ts';

/** What sshd has of the node. The folder that they are in is below one that only root may enter: within it, every user of the container may. */
export interface SshFiles {
  /** Mounted into the container at the same path. */
  readonly box: string;
  readonly config: string;
  /** PKCS #8, mode 0600: made once, because clients remember it. */
  readonly hostKey: string;
  /** Who has which key. */
  readonly authorizedKeys: string;
  readonly relay: string;
  /** Where the relay reaches the reconciler. */
  readonly socket: string;
}

export function sshFiles({ssh}: Pick<Layout, 'ssh'>): SshFiles {
  const box = path.join(ssh, 'box');
  return {
    box,
    config: path.join(box, 'sshd_config'),
    hostKey: path.join(box, 'host_key'),
    authorizedKeys: path.join(box, 'authorized_keys'),
    relay: path.join(box, 'relay.pl'),
    socket: path.join(box, 'git.sock'),
  };
}
