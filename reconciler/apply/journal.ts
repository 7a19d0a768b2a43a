import {mkdir, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {DeployRecord} from '../observed/state.ts';

/**
 * What this node's disk says of each app's deploys: one JSON file an app, replaced as a whole, so that a crash leaves
 * the old one or the new one. Read once; this process is the only one that writes.
 */
export class Journal {
  readonly #folder: string;
  readonly #records: Map<AppName, DeployRecord>;

  private constructor(folder: string, records: Map<AppName, DeployRecord>) {
    this.#folder = folder;
    this.#records = records;
  }

  /** `onBroken` hears of files that can't be read as what they should be: they are put aside as `<app>.json.broken`, never deleted. */
  static async open(folder: string, onBroken: (file: string, cause: unknown) => void): Promise<Journal> {
    await mkdir(folder, {recursive: true});
    const records = new Map<AppName, DeployRecord>();
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.json')) continue;
      const file = path.join(folder, name);
      const text = await readFile(file, 'utf8');
      try {
        const record = JSON.parse(text) as DeployRecord;
        if (record.app !== name.slice(0, -'.json'.length)) throw new Error(`is of app "${record.app}"`);
        records.set(record.app, record);
      } catch (cause) {
        onBroken(file, cause);
        await rename(file, `${file}.broken`);
      }
    }
    return new Journal(folder, records);
  }

  get records(): ReadonlyMap<AppName, DeployRecord> {
    return this.#records;
  }

  async write(record: DeployRecord): Promise<void> {
    const file = this.#file(record.app);
    await writeFile(`${file}.new`, JSON.stringify(record), {flush: true, mode: 0o600});
    await rename(`${file}.new`, file);
    this.#records.set(record.app, record);
  }

  async forget(app: AppName): Promise<void> {
    await rm(this.#file(app), {force: true});
    this.#records.delete(app);
  }

  #file(app: AppName): string {
    return path.join(this.#folder, `${app}.json`);
  }
}
