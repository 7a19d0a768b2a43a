import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import type {CertificateDesk, CertificateStatus} from '../../../reconciler/node.ts';

/** Tests say which there are. */
export class FakeCertificates implements CertificateDesk {
  statuses: readonly CertificateStatus[] = [];
  /** Hosts of the internal authority. */
  hosts: readonly string[] = [];
  rootPem: string | undefined;
  readonly retried: string[] = [];

  mayBeCertified(host: string): boolean {
    return this.hosts.includes(host);
  }

  isRedirected(): boolean {
    return false;
  }

  list(): readonly CertificateStatus[] {
    return this.statuses;
  }

  notices(): readonly string[] {
    return [];
  }

  async root(): Promise<string | undefined> {
    return this.rootPem;
  }

  async retry(host: string): Promise<void> {
    if (this.statuses.find((status) => status.host === host)?.problem === undefined) throw new EditRefused(`no order for "${host}" has failed: flynn cert lists what became of them`);
    this.retried.push(host);
  }
}
