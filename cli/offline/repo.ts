import {lstatSync, readdirSync, readFileSync} from 'node:fs';
import {mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {EditRefused, type Change, type ClusterRepo, type Committed, type ManifestFile, type Snapshot} from '../../reconciler/checkout/snapshot.ts';
import {configForChecks, validateFiles} from '../../reconciler/desired/validate.ts';
import {commitTrailers} from '../../schemas/commit-trailers.ts';
import {formatDiagnostic, type Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName, BlobId, CommitId, TreeId} from '../../schemas/ids.ts';
import {slugOf} from '../../schemas/slug.ts';
import {filesInWorkTree} from '../clone.ts';
import {Failure} from '../command.ts';
import {git} from '../git.ts';
import {locked} from '../locked.ts';

/** A clone's work tree, as it is saved. A commit has the files that an edit changed, and no others that are not committed yet. */
export class CloneRepo implements ClusterRepo {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async snapshot(signal: AbortSignal): Promise<Snapshot> {
    const files = await this.files(signal);
    const byApp = Map.groupBy(files, ({path: name}) => /^apps\/([^/]+)\//.exec(name)?.[1] ?? '');
    const shared = byApp.get('') ?? [];
    byApp.delete('');
    return {
      commit: await this.#head(signal),
      committedAtMs: 0,
      shared: {treeId: '' as TreeId, files: async () => shared},
      // Nobody keeps what was read longer than one command takes.
      apps: [...byApp].map(([name, own]) => ({name: name as AppName, treeId: '' as TreeId, files: async () => own})),
    };
  }

  files(signal: AbortSignal): Promise<readonly ManifestFile[]> {
    return filesInWorkTree({root: this.#root, isGit: true}, signal);
  }

  async commit(change: Change, signal: AbortSignal): Promise<Committed> {
    return this.#alone(() => this.#commit(change, signal), signal);
  }

  async #commit({edit, message, author: {name, email}, operationId}: Change, signal: AbortSignal): Promise<Committed> {
    const before = await this.files(signal);
    const changes = expanded(edit((file) => this.#read(file), (folder) => this.#list(folder)), before);
    if (Object.keys(changes).length === 0) return {commit: await this.#head(signal), isNew: false};
    demandRight(before, changes);
    for (const [file, text] of Object.entries(changes)) await this.#write(file, text);
    const paths = Object.keys(changes);
    const isCommitted = await git(['add', '--all', '--', ...paths], this.#root, signal) !== undefined
      && await git(['-c', `user.name=${name}`, '-c', `user.email=${email}`, 'commit', '--quiet', '--message', `${message}\n\n${commitTrailers(operationId, ' on a clone')}`, '--', ...paths], this.#root, signal) !== undefined;
    if (!isCommitted) throw new Failure(`git refuses to commit ${paths.join(', ')} in '${this.#root}'`, {advice: ['the files are changed; see: git status']});
    return {commit: await this.#head(signal), isNew: true};
  }

  /** Nobody follows a clone. */
  async facts(): Promise<undefined> {}

  watch(): void {
    throw new Error('bug: nobody follows a clone');
  }

  /** Commits onto a branch of its own, named after the change. What is not committed yet comes along. Resolves to the branch, too. */
  async propose(change: Change, signal: AbortSignal): Promise<Committed & {readonly branch: string}> {
    const branch = `proposals/${slugOf(change.message.split('\n')[0] ?? '')}`;
    return this.#alone(async () => {
      await this.#switchTo(branch, signal);
      return {...await this.#commit(change, signal), branch};
    }, signal);
  }

  /** Of two commands at once the second sees what the first has written: else it would write over it. */
  async #alone<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    const lock = await git(['rev-parse', '--git-path', 'flynn.lock'], this.#root, signal);
    if (lock === undefined) throw new Failure(`git does not say where it keeps what belongs to '${this.#root}'`);
    return locked(path.resolve(this.#root, lock), work, signal);
  }

  async #switchTo(branch: string, signal: AbortSignal): Promise<void> {
    if (await git(['symbolic-ref', '--short', '--quiet', 'HEAD'], this.#root, signal) === branch) return;
    const isMade = await git(['switch', '--quiet', '--create', branch], this.#root, signal);
    if (isMade === undefined) throw new Failure(`git can't make the branch ${branch} in '${this.#root}'`, {advice: [`is there one already? git switch ${branch}, or --propose=<another title>`]});
  }

  async #head(signal: AbortSignal): Promise<CommitId> {
    const head = await git(['rev-parse', '--verify', '--quiet', 'HEAD'], this.#root, signal);
    if (head === undefined) throw new Failure(`'${this.#root}' has no commit yet`);
    return head as CommitId; // git's own
  }

  #read(file: string): string | undefined {
    const place = this.#place(file);
    const found = lstatSync(place, {throwIfNoEntry: false});
    if (found === undefined || found.isDirectory()) return undefined;
    if (!found.isFile()) throw new EditRefused(`"${file}" is not a regular file`);
    return readFileSync(place, 'utf8');
  }

  #list(folder: string): readonly string[] {
    const place = this.#place(folder);
    return lstatSync(place, {throwIfNoEntry: false})?.isDirectory() === true ? readdirSync(place).toSorted() : [];
  }

  async #write(file: string, text: string | undefined): Promise<void> {
    const place = this.#place(file);
    if (text === undefined) return rm(place, {force: true});
    await mkdir(path.dirname(place), {recursive: true});
    await writeFile(place, text);
  }

  /** Throws when something on the way leads out of the clone. */
  #place(file: string): string {
    let place = this.#root;
    for (const step of file.split('/').filter((one) => one !== '')) {
      if (step === '..' || step === '.' || step.toLowerCase() === '.git') throw new EditRefused(`"${file}" is not a path in the cluster repository`);
      if (lstatSync(place, {throwIfNoEntry: false})?.isSymbolicLink() === true) throw new EditRefused(`"${file}" is behind a symbolic link`);
      place = path.join(place, step);
    }
    return place;
  }
}

type Changes = Readonly<Record<string, string | undefined>>;

/** A folder that is removed is all of its files. */
function expanded(changes: Changes, files: readonly ManifestFile[]): Changes {
  return Object.fromEntries(Object.entries(changes).flatMap(([file, text]): readonly (readonly [string, string | undefined])[] => {
    if (text !== undefined) return [[file, text]];
    return files.flatMap(({path: name}) => (name === file || name.startsWith(`${file}/`) ? [[name, undefined] as const] : []));
  }));
}

/** What was wrong before stops nobody, as with a push. Throws with what is wrong now. */
function demandRight(before: readonly ManifestFile[], changes: Changes): void {
  const kept = before.filter(({path: name}) => !Object.hasOwn(changes, name));
  const added = Object.entries(changes).flatMap(([name, text]): readonly ManifestFile[] => (text === undefined ? [] : [{path: name, kind: 'text', blobId: '' as BlobId, text}]));
  const problems = (files: readonly ManifestFile[]): readonly Diagnostic[] => validateFiles(files, configForChecks(files).domain);
  const old = new Set(problems(before).map(({file, message}) => `${file} ${message}`));
  const now = problems([...kept, ...added]).filter(({file, message}) => !old.has(`${file} ${message}`));
  if (now.length > 0) throw new EditRefused(now.map(formatDiagnostic).join('\n'));
}
