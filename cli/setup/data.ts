import {randomBytes} from 'node:crypto';
import {chmod, lstat, mkdir, readFile, readdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {Layout} from '../../reconciler/layout.ts';
import {ensureNodeKey} from '../../reconciler/signatures/node-key.ts';
import {Keyring, KEYRING_FILES} from '../../reconciler/secrets/keyring.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {Failure} from '../command.ts';
import {differences, isSettingsFile, readSettings, writeSettings} from './settings-file.ts';
import type {Step} from './step.ts';

const TOKEN_BYTES = 32;
/** What there may be in `run` before the settings are written: the pid files and logs of this process and of the engine that it started. */
const RUN_FILE = /^(reconciler\.pid|dockerd\.(pid|log|log\.1))(\.new)?$/;
const HALF_SETTINGS = /^settings\.yaml\.\d+$/;

/** Folders with their modes, the operator's token, the identity that opens secrets, the key that commits are signed with, and the settings of this node. */
export function dataStep(settings: NodeSettings, layout: Layout): Step {
  return {
    title: 'Data directory',
    async check() {
      await demandOurs(layout);
      const stored = await readSettings(layout.settings);
      if (stored === undefined || differences(stored, settings).length > 0) return undefined;
      return (await isWhole(layout)) ? layout.root : undefined;
    },
    async do() {
      for (const [folder, mode] of foldersOf(layout)) {
        await mkdir(folder, {recursive: true});
        await chmod(folder, mode);
      }
      await ensureToken(layout.token);
      await new Keyring(layout.age).ensure();
      await ensureNodeKey(layout.signingKey);
      for (const file of secretFiles(layout)) await chmod(file, 0o600);
      // Last: its presence says that the folder is ours and whole.
      await writeSettings(layout.settings, settings);
      return layout.root;
    },
  };
}

/** The operator's token. Throws when set-up has not made it yet. */
export async function readToken(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8')).trim();
  if (token === '') throw new Failure(`'${file}' is empty`, {advice: ['remove it and run `flynn up` again: it makes a new token']});
  return token;
}

/** A folder with other things in it must not become ours: `flynn down --purge` would remove it. To be asked before anything is made in it. */
export async function demandOurs(layout: Layout): Promise<void> {
  if ((await ownership(layout)) !== 'foreign') return;
  if ((await entriesOf(layout.root)).includes(path.basename(layout.restoring))) {
    throw new Failure(`a restore into '${layout.root}' has begun and did not end`, {advice: ['run it again: flynn cluster restore']});
  }
  throw new Failure(`'${layout.root}' holds other things and is no data directory of Flynn's`, {advice: ['choose an empty or a new folder with --data']});
}

/**
 * Whose a folder is: `ours` has settings that `flynn up` wrote, `free` is not there, is empty, or holds nothing but what a first start
 * makes before it writes them; all else is `foreign`. Throws `Failure` when it can't be read.
 */
export async function ownership({root, settings, run, ...layout}: Layout): Promise<'ours' | 'free' | 'foreign'> {
  const entries = await entriesOf(root);
  if (entries.length === 0) return 'free';
  if (entries.includes(path.basename(settings))) return (await isSettingsFile(settings)) ? 'ours' : 'foreign';
  // The lock is taken first of all, so there is no start of ours without its folder.
  if (!entries.includes(path.basename(run)) || !(await entriesOf(run)).every((name) => RUN_FILE.test(name))) return 'foreign';
  const folders = [layout.journal, layout.sources, layout.builds, layout.hooks];
  const made = [run, layout.token, layout.signingKey, layout.age, ...folders].map((file) => path.basename(file));
  if (!entries.every((name) => made.includes(name) || HALF_SETTINGS.test(name))) return 'foreign';
  if (!(await entriesOf(layout.age)).every((name) => [...KEYRING_FILES, ...KEYRING_FILES.map((file) => `${file}.new`)].includes(name))) return 'foreign';
  return (await Promise.all(folders.map(entriesOf))).every(({length}) => length === 0) ? 'free' : 'foreign';
}

/** None for a folder that is not there. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Failure(`the data directory can't be used: ${error.message}`, {advice: ['choose another with --data'], cause: error});
  });
}

/** What others may list is only what holds no secrets; the router's folders are read by its containers. */
function foldersOf(layout: Layout): readonly (readonly [folder: string, mode: number])[] {
  return [
    [layout.root, 0o755], [layout.run, 0o700], [layout.journal, 0o700], [layout.sources, 0o700],
    [layout.builds, 0o700], [layout.hooks, 0o700], [layout.age, 0o700],
  ];
}

/** Nobody but root may read them. */
function secretFiles({token, signingKey, age}: Layout): readonly string[] {
  return [token, signingKey, ...KEYRING_FILES.map((file) => path.join(age, file))];
}

async function isWhole(layout: Layout): Promise<boolean> {
  const modes = await Promise.all([...foldersOf(layout), ...secretFiles(layout).map((file) => [file, 0o600] as const)].map(async ([path, mode]) => {
    const found = await lstat(path).catch(() => undefined);
    return found !== undefined && (found.mode & 0o777) === mode;
  }));
  return modes.every(Boolean);
}

async function ensureToken(file: string): Promise<void> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await writeFile(file, `${token}\n`, {mode: 0o600, flag: 'wx'}).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await chmod(file, 0o600);
}
