import type {AppManifest} from '../../schemas/app.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {Snapshot} from '../checkout/snapshot.ts';

/** Branches whose push is a deploy, as on Heroku, unless the app says otherwise. */
const BRANCHES_DEFAULT: readonly string[] = ['main', 'master'];
const BRANCH = 'refs/heads/';

/** What app.yaml says. Empty: nothing, or it can't be read; who deploys is told that, who only keeps a branch needs not know. */
export async function pushRulesOf(app: AppName, snapshot: Snapshot, signal: AbortSignal): Promise<Pick<AppManifest, 'deployBranch' | 'source'>> {
  const path = `apps/${app}/app.yaml`;
  const file = (await snapshot.apps.find(({name}) => name === app)?.files(signal))?.find((one) => one.path === path);
  const manifest = file?.kind === 'text' ? loadManifest('App', path, file.text) : undefined;
  return manifest?.ok === true ? manifest.value : {};
}

export function branchesOf(deployBranch: string | undefined): readonly string[] {
  return deployBranch === undefined ? BRANCHES_DEFAULT : [deployBranch];
}

export function refsOf(deployBranch: string | undefined): readonly string[] {
  return branchesOf(deployBranch).map((branch) => `${BRANCH}${branch}`);
}
