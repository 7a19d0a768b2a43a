import {execFileSync} from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {trustedIn, type Trusted} from '../../../reconciler/signatures/range.ts';
import {signersOf, type Signers} from '../../../reconciler/signatures/signers.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {file, head} from '../../support/manifests.ts';
import {bareRepo, cloneOf, run, temporaryFolder} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

/** A repository whose commits have to be signed, and people with real keys of `ssh-keygen`. */
export class SigningTrial {
  readonly clone: string;
  readonly base: CommitId;
  readonly keys: string;
  readonly files: Record<string, string>;

  private constructor(clone: string, {base, keys, files}: {base: CommitId; keys: string; files: Record<string, string>}) {
    this.clone = clone;
    this.base = base;
    this.keys = keys;
    this.files = files;
  }

  /** ann is an admin, bob deploys shop, cat is a maintainer of shop; each has the key of his name. `more`: files beside theirs. */
  static async start(t: ExecutionContext, more: Readonly<Record<string, string>> = {}): Promise<SigningTrial> {
    const keys = await temporaryFolder(t);
    for (const name of ['ann', 'bob', 'cat', 'eve']) makeKey(keys, name);
    const person = async (user: string, rest: string) => [`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${rest}signingKeys:\n  - ${await publicKey(keys, user)}\n`] as const;
    const files = {
      'cluster.yaml': `${head('Cluster')}name: test\ndomain: flynn.test\ncommits: {signed: required}\n`,
      'apps/shop/app.yaml': head('App'),
      ...Object.fromEntries([await person('ann', 'role: admin\n'), await person('bob', 'apps: {shop: deployer}\n'), await person('cat', 'apps: {shop: maintainer}\n')]),
      ...more,
    };
    const clone = await cloneOf(t, await bareRepo(t, files));
    await run(clone, 'config', 'gpg.format', 'ssh');
    return new SigningTrial(clone, {base: await run(clone, 'rev-parse', 'HEAD') as CommitId, keys, files});
  }

  get signers(): Signers {
    return signersOf(Object.entries(this.files).map(([name, text]) => file(name, text)));
  }

  /** Commits these files, signed with the key of `by`, as him unless `as` is somebody else. */
  async commit(by: string | undefined, files: Readonly<Record<string, string>>, {as = by ?? 'bob'}: {as?: string} = {}): Promise<CommitId> {
    for (const [name, text] of Object.entries(files)) {
      await fs.mkdir(path.dirname(path.join(this.clone, name)), {recursive: true});
      await fs.writeFile(path.join(this.clone, name), text);
    }
    await this.git(as, 'add', '--all');
    await this.git(as, ...this.signing(by), 'commit', '--quiet', '--allow-empty', ...(by === undefined ? [] : ['-S']), '--message', `by ${by}`);
    return this.head();
  }

  /** Options of git by which it signs as somebody. */
  signing(by: string | undefined): readonly string[] {
    return by === undefined ? [] : ['-c', `user.signingKey=${path.join(this.keys, by)}`];
  }

  /** `user.email` alone: environment variables would hide it. */
  async git(as: string, ...args: readonly string[]): Promise<string> {
    return execFileSync('git', ['-c', `user.name=${as}`, '-c', `user.email=${as}@example.com`, ...args], {cwd: this.clone, encoding: 'utf8', env: {PATH: process.env['PATH'], HOME: this.keys, GIT_CONFIG_NOSYSTEM: '1', GIT_MERGE_AUTOEDIT: 'no'}}).trim();
  }

  async head(): Promise<CommitId> {
    return await run(this.clone, 'rev-parse', 'HEAD') as CommitId;
  }

  /** What is said of the commits since the base. */
  async trusted({to, from = this.base, signers = this.signers}: {to?: CommitId; from?: CommitId; signers?: Signers} = {}): Promise<Trusted> {
    const gitdir = path.join(this.clone, '.git');
    const objects = new ObjectReader({gitdir});
    try {
      return await trustedIn({objects, gitdir, from, to: to ?? await this.head(), signers, nowMs: Date.now()}, signal);
    } finally {
      objects.close();
    }
  }

  /** Why the newest commit is not trusted; empty when it is. */
  async problem(options: Parameters<SigningTrial['trusted']>[0] = {}): Promise<string> {
    return (await this.trusted(options)).wrong?.problem ?? '';
  }
}

export function makeKey(folder: string, name: string, ...options: readonly string[]): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', ...options, '-N', '', '-C', name, '-f', path.join(folder, name)]);
}

export async function publicKey(folder: string, name: string): Promise<string> {
  return (await fs.readFile(path.join(folder, `${name}.pub`), 'utf8')).trim();
}
