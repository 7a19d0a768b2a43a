import {randomUUID} from 'node:crypto';
import type {BuiltImage} from '../build/build.ts';
import {warning} from '../build/output.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {addRelease, releaseFile, removeRelease, type NewRelease} from '../commits/edits.ts';
import {COMMITTER} from '../commits/writer.ts';
import type {BuildInputs} from './build-inputs.ts';
import type {DeployPush} from './deploy.ts';
import {forgetSource, keepSource} from './kept-sources.ts';
import {PushRejected} from './push.ts';

/** How often a release gets another number because somebody else took it. */
const NUMBER_TRIES_MAX = 5;
/** How long committing a release may take, whoever has gone away meanwhile, in milliseconds: a push to a remote repository and a look at what became of it. */
const COMMIT_MS_MAX = 150_000;
/** How long taking back a release may take when the pusher is gone, in milliseconds. */
const TAKE_BACK_MS_MAX = 30_000;

export interface Released {
  readonly number: number;
  /** As in its manifest: tells it from another one that got the same number. */
  readonly createdAt: string;
}

/**
 * Commits a release. Once the commit has begun, the signal no longer ends it: half-way nobody knows whether it was made. The caller
 * looks at the signal afterwards, and takes the release back.
 *
 * @throws {PushRejected} when the release can't be made. After any failure git does not name it.
 */
export async function release(pushed: DeployPush, {image, inputs}: {image: BuiltImage; inputs: BuildInputs}, signal: AbortSignal): Promise<Released> {
  const {app, commit, push, deps} = pushed;
  const createdAt = new Date().toISOString();
  const manifest: NewRelease = {
    image: image.image,
    source: {commit, builder: image.builder},
    services: Object.fromEntries(Object.entries(image.commands).map(([service, command]) => [service, {command}])),
    pushedBy: push.author.name,
    createdAt,
  };
  const operationId = randomUUID();
  for (let tries = 0; tries < NUMBER_TRIES_MAX; tries += 1) {
    const floor = await deps.repo.nextReleaseFloor(app, signal);
    const number = floor + 1;
    // Before the commit: a release whose source is lost could never be built again.
    await keepSource({gitdir: push.gitdir, env: push.env, commit, number, keep: inputs.keepReleases}, signal);
    const add = addRelease(app, manifest, {keep: inputs.keepReleases, numberAbove: floor});
    try {
      await deps.repo.commit({
        // The number is in the message too, which is fixed before the edit runs on whatever the tip is by then.
        edit: onlyAs(releaseFile(app, number), add),
        message: `${app}: release v${number} (${commit.slice(0, 8)})\n\nFlynn-App: ${app}\nFlynn-Source: ${commit}`,
        author: push.author,
        operationId,
      }, AbortSignal.timeout(COMMIT_MS_MAX));
      deps.node.wake(`${app}: release v${number}`);
      return {number, createdAt};
    } catch (error) {
      if (error instanceof NumberTaken) continue;
      if (error instanceof EditRefused) throw new PushRejected(...error.message.split('\n').slice(0, -1), warning(`Push rejected, ${error.message.split('\n').at(-1)}`));
      // The branch may have been moved all the same, with the answer lost.
      await takeBack(pushed, {number, createdAt}, 'it could not be seen whether the release was committed');
      throw error;
    }
  }
  throw new PushRejected(warning('Push rejected, others released the app at the same moment again and again. Push again'));
}

/** After this git says again what runs. Whoever has gone away must not end it, so it has a deadline of its own. */
export async function takeBack({app, push, deps}: Pick<DeployPush, 'app' | 'push' | 'deps'>, {number, createdAt}: Released, cause: string): Promise<void> {
  const signal = AbortSignal.timeout(TAKE_BACK_MS_MAX);
  const file = releaseFile(app, number);
  const remove = removeRelease(app, number);
  try {
    await deps.repo.commit({
      // Somebody else may have taken the number, or have removed the release.
      edit: (read, list) => (read(file)?.includes(createdAt) === true ? remove(read, list) : {}),
      message: `${app}: take back release v${number}\n\n${cause}`,
      author: COMMITTER,
      operationId: randomUUID(),
      isUnchecked: true,
    }, signal);
    await forgetSource(push.gitdir, number, signal);
    deps.node.wake(`${app}: release v${number} is taken back`);
  } catch (error) {
    deps.log(`release v${number} of ${app} could not be taken back`, error);
    push.print(warning(`Release v${number} could not be taken back: remove ${file} from the cluster repository`));
  }
}

class NumberTaken extends Error {
  override name = 'NumberTaken';
}

function onlyAs(file: string, edit: Edit): Edit {
  return (read, list) => {
    const changes = edit(read, list);
    if (changes[file] === undefined) throw new NumberTaken(file);
    return changes;
  };
}
