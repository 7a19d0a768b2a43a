import {randomBytes} from 'node:crypto';
import {parseAppJson, type AppJson} from '../../schemas/app-json.ts';
import {appIdIn} from '../../schemas/app-id.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import {git, GitError} from '../adapters/git.ts';
import {detail, step, warning} from '../build/output.ts';
import type {Edit, Snapshot} from '../checkout/snapshot.ts';
import {takeOverAppJson, variablesToTakeOver, type TakenOver} from '../commits/app-json-edits.ts';
import {appFile, CLUSTER_FILE} from '../commits/edits.ts';
import {recipientsIn} from '../commits/env-edits.ts';
import {ReleaseRefused} from '../release/refused.ts';
import {seal} from '../secrets/keyring.ts';
import {sourceCommit, type SourceOf} from './build-commit.ts';
import type {BuildInputs} from './build-inputs.ts';

/** What app.json says about an app that has no release yet. */
export interface FirstRelease {
  /** With the values that app.json has for variables. */
  readonly inputs: BuildInputs;
  /** Run once, when the release serves. */
  readonly postdeploy?: string;
  /** What belongs into the commit of the release. */
  edit(services: readonly string[]): Edit;
}

/**
 * Reads app.json, which counts for the first release alone: what it says is written into the manifests then, and from then on these count. Undefined: there
 * is none, or the app has a release.
 *
 * @throws {ReleaseRefused} when it is wrong, or wants variables that nobody has set
 */
export async function firstRelease({app, source, snapshot, print}: {app: AppName; source: SourceOf; snapshot: Snapshot; print: (line: string) => void}, inputs: BuildInputs, signal: AbortSignal): Promise<FirstRelease | undefined> {
  if (!inputs.isFirst) return undefined;
  const appJson = await readAppJson(source, inputs, signal);
  if (appJson === undefined) return undefined;
  const read = await reader(app, snapshot, signal);
  const variables = variablesToTakeOver(appJson, app, read);
  if (variables.missing.length > 0) throw new ReleaseRefused(`app.json requires ${variables.missing.join(', ')}, which nobody has set: flynn env set ${variables.missing[0]}=…, or with --secret`);
  const recipients = recipientsIn(read);
  const sealed = await sealedSecrets(appIdIn(app, read(appFile(app))), variables, recipients);
  tell(appJson, variables, print);
  return {
    inputs: {...inputs, env: {...variables.set, ...inputs.env}},
    ...(appJson.postdeploy !== undefined && {postdeploy: appJson.postdeploy}),
    edit: (services) => takeOverAppJson(app, {appJson, services, env: {set: variables.set, seal: sealed, unset: [], recipients}}),
  };
}

async function readAppJson(source: SourceOf, inputs: BuildInputs, signal: AbortSignal): Promise<AppJson | undefined> {
  const {gitdir, env} = source;
  const commit = await sourceCommit(source, inputs, signal);
  const text = await git(['cat-file', 'blob', `${commit}:app.json`], {gitdir, env}, signal).catch((error: unknown) => {
    if (error instanceof GitError && error.exitCode !== undefined) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = parseAppJson(text);
  if (!parsed.ok) throw new ReleaseRefused(`app.json ${parsed.problem}`);
  return parsed.value;
}

/** The manifests that are written to, as they are now. */
async function reader(app: AppName, {apps, shared}: Snapshot, signal: AbortSignal): Promise<Parameters<Edit>[0]> {
  const files = [...await shared.files(signal), ...await apps.find(({name}) => name === app)?.files(signal) ?? []];
  const texts = new Map(files.flatMap((file) => (file.kind === 'text' && (file.path === CLUSTER_FILE || file.path.startsWith(`apps/${app}/`)) ? [[file.path, file.text]] : [])));
  return (path) => texts.get(path);
}

async function sealedSecrets(app: AppId, {generated}: TakenOver, recipients: readonly string[]): Promise<Readonly<Record<string, string>>> {
  if (generated.length === 0) return {};
  if (recipients.length === 0) throw new ReleaseRefused(`app.json wants a secret for ${generated.join(', ')}, and cluster.yaml has no recipients to encrypt it to`);
  // 64 hex digits, as Heroku makes them.
  return Object.fromEntries(await Promise.all(generated.map(async (name) => [name, await seal(randomBytes(32).toString('hex'), recipients, app)] as const)));
}

function tell({replicas, checks, crons, ignored}: AppJson, {set, generated}: TakenOver, print: (line: string) => void): void {
  const lines = [
    ...Object.keys(set).map((name) => `env ${name}`),
    ...generated.map((name) => `env ${name}, a secret that was made for it`),
    ...Object.entries(replicas).map(([name, count]) => `${name}: ${count} ${count === 1 ? 'replica' : 'replicas'}`),
    ...Object.keys(checks).map((name) => `${name}: its check`),
    ...Object.keys(crons).map((name) => `cron ${name}`),
  ];
  if (lines.length > 0) print(step('First release: taking over from app.json what app.yaml does not say'));
  for (const line of lines) print(detail(line));
  if (ignored.length > 0) print(warning(`app.json: left out, as there is nothing like it here: ${ignored.join(', ')}`));
}
