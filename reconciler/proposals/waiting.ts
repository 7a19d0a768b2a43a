import {parse, stringify} from 'yaml';
import {git} from '../adapters/git.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {objectWriter} from '../adapters/git-write.ts';
import type {ProposedRelease, Who} from './record.ts';

/** One ref each, of a text. Nothing but this node has them. */
const REFS = 'refs/flynn/waiting/';

/** A release that waits in a pull request at a forge. */
export interface WaitingRelease {
  /** Of the repository there, without `refs/heads/`; one that we have named. */
  readonly branch: string;
  readonly release: ProposedRelease;
  readonly by: Who;
}

/** What this node keeps for releases in pull requests, beside its copy of the repository. */
export class WaitingReleases {
  readonly #gitdir: string;
  readonly #objects: ObjectReader;

  constructor({gitdir, objects}: {readonly gitdir: string; readonly objects: ObjectReader}) {
    this.#gitdir = gitdir;
    this.#objects = objects;
  }

  async all(signal: AbortSignal): Promise<readonly WaitingRelease[]> {
    const listed = await git(['for-each-ref', '--format=%(objectname)', '--', REFS], {gitdir: this.#gitdir}, signal);
    return Promise.all(listed.split('\n').filter((id) => id !== '').map(async (id) => {
      const object = await this.#objects.read(id, signal);
      if (object === undefined) throw new Error(`a release that waits (blob ${id.slice(0, 8)}) can't be read`);
      // Written by ourselves, in a place that nobody else can push to.
      return parse(object.content.toString('utf8')) as WaitingRelease;
    }));
  }

  async put(waiting: WaitingRelease, signal: AbortSignal): Promise<void> {
    const blob = await objectWriter(this.#gitdir).blob(stringify(waiting, {lineWidth: 0}));
    await git(['update-ref', '--', `${REFS}${waiting.branch}`, blob], {gitdir: this.#gitdir}, signal);
  }

  async remove({branch}: WaitingRelease, signal: AbortSignal): Promise<void> {
    await git(['update-ref', '-d', '--', `${REFS}${branch}`], {gitdir: this.#gitdir}, signal);
  }
}
