import type {FastifyInstance, FastifyRequest} from 'fastify';
import type {AppManifest} from '../../schemas/app.ts';
import {readArmor} from '../../schemas/armor.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import {loadManifest, type Kind, type Manifests} from '../../schemas/load.ts';
import {looksSecret} from '../../schemas/looks-secret.ts';
import type {SecretsManifest} from '../../schemas/secrets.ts';
import {anySignal} from '../any-signal.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {appFile, CLUSTER_FILE} from '../commits/edits.ts';
import {changeEnv, secretsFile, SealedForOthers, type EnvChange} from '../commits/env-edits.ts';
import type {NodeView} from '../node.ts';
import {seal} from '../secrets/keyring.ts';
import type {EnvAnswer, EnvRequest, EnvWritten, Variables} from './config-answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';
import {readAppName} from './read.ts';
import {checkEnvRequest} from './read-env.ts';

/** Reading the repository and sealing; the remote one may be slow. */
const READ_MS_MAX = 60_000;
/** Certificates are variables, too; what is committed in the end has the limit of a manifest. */
const BODY_BYTES_MAX = 1024 * 1024;
/** How often a change is sealed anew because somebody else changed recipients or secrets at the same moment. */
const TRIES_MAX = 5;
/** See `../apply/replica-spec.ts`. */
const OURS: ReadonlySet<string> = new Set(['FLYNN_APP', 'FLYNN_SERVICE', 'FLYNN_REPLICA', 'FLYNN_RELEASE', 'FLYNN_JOB', 'FLYNN_RUN']);
/** Names in the subject of a commit; more are counted. */
const NAMES_MAX = 5;

type AppRequest = FastifyRequest<{Params: {app: string}}>;

/** Variables of apps: plain ones in app.yaml, secrets in secrets.yaml. A change of them is one commit. */
export function registerEnvRoutes(server: FastifyInstance, {view, commit, closing}: RouteParts): void {
  const deadline = () => anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);

  server.get('/apps/:app/env', async (request: AppRequest): Promise<EnvAnswer> => {
    const {app, secrets} = await configOf(readAppName(request.params.app), view, deadline());
    const names = new Set([...Object.keys(app.services ?? {}), ...Object.keys(secrets.services ?? {})]);
    const services = [...names].toSorted().map((name) => [name, variables(app.services?.[name]?.env, secrets.services?.[name]?.env)] as const);
    return {...variables(app.env, secrets.env), services: Object.fromEntries(services.filter(([, {env, secrets: own}]) => Object.keys(env).length + own.length > 0))};
  });

  server.post<{Params: {app: string}; Body: EnvRequest}>('/apps/:app/env', {bodyLimit: BODY_BYTES_MAX}, async (request): Promise<EnvWritten> => {
    const name = readAppName(request.params.app);
    const wanted = request.body;
    checkEnvRequest(wanted);
    for (let tries = 1; ; tries += 1) {
      const config = await configOf(name, view, deadline());
      const {change, warnings} = await changeOf(wanted, config, view);
      try {
        const written = await commit(request, {edit: changeEnv(name, change), message: `${name}: ${inWords(change)}`});
        return {...written, secrets: Object.keys(change.seal), warnings};
      } catch (error) {
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  });
}

interface AppConfig {
  readonly name: AppName;
  readonly app: AppManifest;
  readonly secrets: SecretsManifest | Pick<SecretsManifest, 'env' | 'services'>;
  readonly recipients: readonly string[];
}

async function configOf(name: AppName, view: NodeView, signal: AbortSignal): Promise<AppConfig> {
  const {files, shared} = await explaining("can't read the cluster repository", (async () => {
    const snapshot = await view.repo.snapshot(signal);
    const piece = snapshot.apps.find((app) => app.name === name);
    return {files: await piece?.files(signal), shared: await snapshot.shared.files(signal)};
  })());
  if (files === undefined) throw new ApiError(404, `there is no app "${name}"`);
  return {
    name,
    app: load('App', appFile(name), files) ?? {apiVersion: 'flynn/v1', kind: 'App'},
    secrets: load('Secrets', secretsFile(name), files) ?? {},
    recipients: load('Cluster', CLUSTER_FILE, shared)?.recipients ?? [],
  };
}

/** Throws a 409 with every problem; undefined when there is no such file. */
function load<K extends Kind>(kind: K, path: string, files: readonly ManifestFile[]): Manifests[K] | undefined {
  const file = files.find((one) => one.path === path);
  if (file === undefined) return undefined;
  if (file.kind === 'refused') throw new ApiError(409, `${path} ${file.why}`);
  const loaded = loadManifest(kind, path, file.text);
  if (!loaded.ok) throw new ApiError(409, `the manifest has to be put right first:\n${loaded.problem.map(formatDiagnostic).join('\n')}`);
  return loaded.value;
}

function variables(env: Readonly<Record<string, string>> = {}, sealed: Readonly<Record<string, string>> = {}): Variables {
  return {env, secrets: Object.keys(sealed)};
}

/** Seals what is to be a secret, or is one already: nobody makes a secret plain by forgetting a flag. */
async function changeOf({set = {}, unset = [], service, secret = false}: EnvRequest, {name, app, secrets, recipients}: AppConfig, view: NodeView): Promise<{change: EnvChange; warnings: readonly string[]}> {
  const owner = (app.id ?? name) as AppId; // A pattern of the schema.
  const plain = (service === undefined ? app.env : app.services?.[service]?.env) ?? {};
  const sealed = (service === undefined ? secrets.env : secrets.services?.[service]?.env) ?? {};
  const isSecret = (name: string) => secret || Object.hasOwn(sealed, name);
  const names = Object.keys(set);
  if (names.some(isSecret) && recipients.length === 0) throw new ApiError(409, await noRecipients(view));
  const seals = await Promise.all(names.filter(isSecret).map(async (name) => [name, await sealedAs(set[name] ?? '', {before: Object.hasOwn(sealed, name) ? sealed[name] : undefined, owner, recipients, view})] as const));
  const open = names.filter((name) => !isSecret(name));
  return {
    change: {...(service !== undefined && {service}), set: Object.fromEntries(open.map((name) => [name, set[name] ?? ''])), seal: Object.fromEntries(seals), unset, recipients},
    warnings: [
      ...names.filter((name) => OURS.has(name)).map((name) => `${name} is set by Flynn in every container: what is set here counts for nothing`),
      ...open.flatMap((name) => {
        const why = looksSecret(name, set[name] ?? '');
        return why === undefined ? [] : [`${name} looks like a secret (${why}), and everybody who can read the cluster repository can read it, for ever: flynn env set --secret ${name}`];
      }),
      ...names.filter((name) => isSecret(name) && Object.hasOwn(plain, name)).map((name) => `${name} was plain text until now, and is for ever in the history of git: change it where it comes from`),
    ],
  };
}

/** What is there already when it says the same to as many: sealing it again would be a change without one. */
async function sealedAs(value: string, {before, owner, recipients, view}: {before: string | undefined; owner: AppId; recipients: readonly string[]; view: NodeView}): Promise<string> {
  const armor = before === undefined ? undefined : readArmor(before);
  if (before === undefined || armor?.ok !== true || armor.value.recipientCount !== recipients.length || armor.value.owner !== owner as string) return seal(value, recipients, owner);
  const opened = await view.keyring.open(before).catch(() => undefined);
  return opened === value ? before : seal(value, recipients, owner);
}

async function noRecipients({keyring}: NodeView): Promise<string> {
  const [own] = await keyring.recipients();
  return own === undefined
    ? 'cluster.yaml has no recipients to encrypt secrets to, and this node has no identity: run `flynn up` again'
    : `cluster.yaml has no recipients to encrypt secrets to; with this node's key it would have\nrecipients:\n  - ${own}`;
}

/** `set env LOG_LEVEL and secret TOKEN of web`: names only. */
function inWords({set, seal: sealed, unset, service}: EnvChange): string {
  const parts = [
    ...listed('set env', Object.keys(set)),
    ...listed('set secret', Object.keys(sealed)),
    ...listed('unset env', unset),
  ];
  return `${parts.join(', ')}${service === undefined ? '' : ` of ${service}`}`;
}

function listed(verb: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length - NAMES_MAX;
  return [`${verb} ${names.slice(0, NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}
