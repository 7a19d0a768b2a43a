import type {BuildContainer} from '../adapters/build-container.ts';
import {withoutPassword} from '../../schemas/buildpacks.ts';
import {emptySubmodules, unnamedSubmodules} from './check-source.ts';
import type {BuildContext} from './context.ts';
import {gitScript} from './fetch.ts';
import {detail, step, warning} from './output.ts';
import {BuildRefused} from './refused.ts';
import {buildEnvironment, quote} from './shell.ts';

const FETCH_SECONDS_MAX = 120;
const SUBMODULES_MAX = 20;

/**
 * Fills the folders of submodules, at the commits that the source names, in the build's own container: as with buildpacks, whoever pushes says where from.
 * Their own submodules are left out. One at an address that a build can't reach (SSH, a path, relative to where the source came from) is told, and
 * stays empty: not every build needs it.
 */
export async function fetchSubmodules(container: BuildContainer, context: BuildContext, signal: AbortSignal): Promise<void> {
  const {files, submodules = {}, print} = context;
  for (const path of (await unnamedSubmodules(files, submodules)).slice(0, SUBMODULES_MAX)) print(warning(`The submodule ${path} stays empty: there is no .gitmodules in the app's folder that says where it is`));
  for (const {path, url} of (await emptySubmodules(files)).slice(0, SUBMODULES_MAX)) {
    const commit = Object.hasOwn(submodules, path) ? submodules[path] : undefined;
    const shown = withoutPassword(url);
    if (commit === undefined || !/^https?:\/\//.test(url)) {
      print(warning(`The submodule ${path} stays empty: a build can't reach ${shown}, only http:// and https://`));
      continue;
    }
    print(step(`Fetching submodule ${path}`));
    print(detail(`${shown} at ${commit}`));
    const text = `seconds=${FETCH_SECONDS_MAX}\ncd ${quote(`/tmp/build/${path}`)} || exit 1\n${gitScript(url, commit)}`;
    const lines: string[] = [];
    const {exitCode} = await container.run({words: ['bash', '-c', text], env: buildEnvironment(context.sourceCommit)}, (line) => lines.push(line), signal);
    if (exitCode === 0) continue;
    for (const line of lines.slice(-10)) print(warning(withoutPassword(line)));
    throw new BuildRefused(`the submodule ${path} could not be fetched from ${shown}`);
  }
}
