import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {backupOf, verified, type BackupSummary} from '../../../reconciler/volumes/format.ts';
import type {Volume, VolumeId, Volumes} from '../../../reconciler/volumes/volumes.ts';
import {TAR_END, tarFile} from '../../../reconciler/adapters/tar.ts';

/** Volumes that hold one file each. */
export class FakeVolumes implements Volumes {
  readonly files = new Map<string, string>();

  async list(): Promise<readonly Volume[]> {
    return [];
  }

  async backup({app, name}: VolumeId): Promise<AsyncIterable<Uint8Array>> {
    const text = this.files.get(`${app}/${name}`);
    if (text === undefined) throw new EditRefused(`there is no volume ${app}/${name}`);
    return backupOf((async function* () {
      yield Buffer.concat([tarFile('volume/file', text), TAR_END]);
    })(), {app, volume: name, createdAt: '2026-11-25T21:00:00.000Z'});
  }

  async restore({app, name}: VolumeId, backup: AsyncIterable<Uint8Array>): Promise<BackupSummary> {
    const content = verified(backup);
    const parts: Buffer[] = [];
    for (;;) {
      const next = await content.next().catch((cause: Error) => {
        throw new EditRefused(`nothing was replaced: ${cause.message}`);
      });
      if (next.done === true) {
        this.files.set(`${app}/${name}`, Buffer.concat(parts).toString('utf8', 512).replace(/\0.*$/s, ''));
        return next.value.summary;
      }
      parts.push(next.value);
    }
  }

  async remove({app, name}: VolumeId): Promise<void> {
    this.files.delete(`${app}/${name}`);
  }
}
