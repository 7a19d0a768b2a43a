import {rm} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {AppName} from '../../schemas/ids.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {refusalOf} from '../access/access.ts';
import {fullestDisk} from '../adapters/docker-disk.ts';
import type {Right} from '../access/rights.ts';
import {anySignal} from '../any-signal.ts';
import type {Principal} from '../api/authenticate.ts';
import {Refusals} from '../api/refusals.ts';
import type {NewAuditEntry} from '../oneshot/oneshot.ts';
import type {GitDeps} from './deps.ts';
import {notePush} from './note-push.ts';
import {findRepository} from './repositories.ts';
import type {PushSession} from './sessions.ts';

/** How long finding the repository may take, in milliseconds. */
export const FIND_MS_MAX = 30_000;
/** How long stopping waits for pushes to be undone and told of it, in milliseconds: a little more than their hooks do. */
const STOP_MS_MAX = 12_000;
/** With less than this many bytes free on the node's disk what git asks for could not even be put down. */
const DISK_BYTES_MIN = 1024 * 1024;

/** Somebody who wants to read a repository, or to push to it. */
export interface Wish {
  readonly principal: Principal;
  /** Address, for the audit log. */
  readonly from: string;
  /** `shop.git` */
  readonly repository: string;
  readonly isPush: boolean;
}

export type Admission =
  | {readonly ok: true; readonly gitdir: string; readonly isCluster: boolean; readonly app?: AppName}
  /** `status`: as HTTP has it. A sentence for the one who asked. */
  | {readonly ok: false; readonly status: 403 | 404 | 507; readonly why: string};

/** What git is to be run with, whichever way its client came. */
export interface GitCall {
  readonly gitdir: string;
  /** Folder for what a push needs only until it is complete. */
  readonly scratch: string;
  readonly user: string;
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

interface Serving {
  readonly principal: Principal;
  /** Address, for the audit log. */
  readonly from: string;
  readonly admitted: Extract<Admission, {ok: true}>;
  /** Whether this is the push itself, which may have to be undone. */
  readonly isReceiving: boolean;
  /** Aborted when the client goes. */
  readonly gone: AbortSignal;
}

/** What is the same for git over HTTP and over SSH: who gets in, and how a push ends whose client goes or whose node stops. */
export class GitDoor {
  readonly #deps: GitDeps;
  readonly #closing = new AbortController();
  /** Aborted when those that are still being received have had their time to end. */
  readonly #late = new AbortController();
  readonly #pushes = new Set<Promise<unknown>>();
  readonly #refusals: Refusals;

  constructor(deps: GitDeps) {
    this.#deps = deps;
    this.#refusals = new Refusals(deps.audit);
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends all that goes on. Resolves when pushers have been told, or can't be. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('flynn is stopping'));
    // Their hooks say so to the pushers, and end them.
    await Promise.race([Promise.allSettled(this.#pushes), sleep(STOP_MS_MAX, undefined, {ref: false})]);
    this.#late.abort();
  }

  /** Rejects when the cluster repository can't be read. */
  async admit({principal, from, repository, isPush}: Wish): Promise<Admission> {
    const name = /^(.+)\.git$/.exec(repository)?.[1];
    if (name === undefined) return {ok: false, status: 404, why: `there is no repository "${repository}": their names end in .git`};
    // Git shows this at the beginning only: what goes wrong later is a lost connection to its user.
    if ((await fullestDisk([this.#deps.layout.root])).freeBytes < DISK_BYTES_MIN) return {ok: false, status: 507, why: 'the disk of this node is full, nothing can be pushed or fetched: see flynn gc --dry-run'};
    const found = await findRepository(name, this.#deps, anySignal([this.closing, AbortSignal.timeout(FIND_MS_MAX)]));
    if (found.kind === 'none') {
      if (name !== 'cluster' && problemOfAppName(name) !== undefined) await this.#refusals.add({...actorOf(principal, from), action: 'refused', subject: `the repository ${JSON.stringify(name)}`}, Date.now());
      return {ok: false, status: 404, why: found.why};
    }
    const right = rightFor(found.kind, isPush);
    const app = found.kind === 'app' ? found.app : undefined;
    if (principal.may(right, app)) return {ok: true, gitdir: found.gitdir, isCluster: found.kind === 'cluster', ...(app !== undefined && {app})};
    await this.#refusals.add({...actorOf(principal, from), action: 'refused', ...(app !== undefined && {app}), subject: right}, Date.now());
    return {ok: false, status: 403, why: refusalOf(principal, right, app)};
  }

  /** Writes down that somebody came with a key that sshd still knew, and that is nobody's any more. */
  async noteStranger({fingerprint, address}: {readonly fingerprint: string; readonly address: string}): Promise<void> {
    await this.#refusals.add({actor: '', from: address, action: 'wrong key', subject: `ssh: ${fingerprint}`}, Date.now());
  }

  /** Writes down that somebody pushes: what can't be written down is not done. */
  async noteWish({principal, from, repository}: Wish, {app}: Extract<Admission, {ok: true}>): Promise<void> {
    await this.#deps.audit.add({...actorOf(principal, from), action: 'push', ...(app !== undefined && {app}), subject: repository});
  }

  /**
   * Lets git do its part: `start` runs it, ends it when the signal is aborted, and resolves when it has ended, to whether there was something
   * pushed at all.
   */
  async serve({principal, from, admitted: {gitdir, isCluster}, isReceiving, gone}: Serving, start: (call: GitCall, signal: AbortSignal) => Promise<boolean>): Promise<void> {
    const {session, end} = this.#deps.pushes.open(principal, anySignal([gone, this.closing]), from);
    const call: GitCall = {
      gitdir,
      scratch: this.#deps.layout.scratch,
      user: principal.email,
      // A cluster repository is read by us and by people's tools: nothing malformed gets in.
      config: {'core.hooksPath': this.#deps.layout.hooks, 'receive.advertisePushOptions': 'true', ...(isCluster ? {'receive.fsckObjects': 'true'} : {})},
      env: {FLYNN_PUSH: session.id},
    };
    try {
      if (!isReceiving) return void await start(call, session.signal);
      const wasPushed = await this.#receive({session, gone, gitdir}, (signal) => start(call, signal));
      // Malformed objects, a name that no branch can have, a hidden ref, too many bytes, or a pusher that went away.
      if (wasPushed && session.verdict === undefined) await notePush(this.#deps, {gitdir, ...session, author: principal}, {action: 'push refused', subject: 'git took nothing of it'});
    } finally {
      end();
    }
  }

  async #receive({session, gone, gitdir}: {readonly session: PushSession; readonly gone: AbortSignal; readonly gitdir: string}, start: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    const killed = new AbortController();
    const kill = () => killed.abort(gone.reason);
    // The release is live: its source has to be kept, whether somebody listens or not.
    gone.addEventListener('abort', () => session.isSettled || kill(), {once: true});
    this.#late.signal.addEventListener('abort', kill, {once: true});
    if (gone.aborted || this.#late.signal.aborted) kill();
    const receiving = start(killed.signal).finally(() => {
      this.#late.signal.removeEventListener('abort', kill);
      this.#pushes.delete(receiving);
    });
    this.#pushes.add(receiving);
    const wasPushed = await receiving;
    // Git 2.39 leaves it when it can't tell its client any more what became of the push.
    const {quarantine} = session;
    if (quarantine !== undefined && isQuarantineOf(gitdir, quarantine)) await rm(quarantine, {recursive: true, force: true});
    return wasPushed;
  }
}

/** What of the cluster repository may be changed is asked path by path, when it is known what was pushed. */
function rightFor(kind: 'cluster' | 'app', isPush: boolean): Right {
  if (kind === 'cluster') return isPush ? 'cluster.propose' : 'cluster.clone';
  return isPush ? 'app.push' : 'app.read';
}

function actorOf(principal: Principal, from: string): Pick<NewAuditEntry, 'actor' | 'user' | 'from' | 'oidc'> {
  return {actor: `${principal.name} <${principal.email}>`, user: principal.user, from, ...(principal.oidc && {oidc: principal.oidc.subject})};
}

/** Git's own name for it (tmp-objdir.c), in that repository: what a hook says is not taken for more than it is. */
function isQuarantineOf(gitdir: string, folder: string): boolean {
  return path.basename(path.dirname(folder)) === 'objects' && /^(tmp_objdir-)?incoming-\w+$/.test(path.basename(folder)) && path.basename(path.dirname(path.dirname(folder))) === path.basename(gitdir);
}
