import {git} from '../adapters/git.ts';

/** After how many of our own commits git is asked to look whether it should pack: each leaves about five small files. */
const COMMITS_PER_LOOK = 100;
const DEADLINE_MS = 10 * 60_000;

/**
 * Makes a function to be called after each of our own commits. Git packs by itself only what it was itself asked to write, and a
 * million small files fill a disk.
 */
export function afterCommits(gitdir: string): () => void {
  let commits = 0;
  let isBusy = false;
  return () => {
    commits += 1;
    if (commits % COMMITS_PER_LOOK !== 0 || isBusy) return;
    isBusy = true;
    git(['gc', '--auto', '--quiet'], {gitdir, config: {'gc.autoDetach': 'false'}, deadlineMs: DEADLINE_MS}, AbortSignal.timeout(DEADLINE_MS))
      // Not packed is only slower; the next look tries again.
      .catch(() => {})
      .finally(() => {
        isBusy = false;
      });
  };
}
