import type {FastifyInstance, FastifyRequest} from 'fastify';
import {certificateNameOf} from '../../schemas/certificate.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {appIdIn} from '../../schemas/app-id.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {sealedValues, type Sealed} from '../../schemas/secrets.ts';
import {anySignal} from '../any-signal.ts';
import {EditRefused, type ManifestFile} from '../checkout/snapshot.ts';
import {appFile, CLUSTER_FILE} from '../commits/edits.ts';
import {SealedForOthers, secretsFile} from '../commits/env-edits.ts';
import {mutex} from '../mutex.ts';
import {resealed, rotateSecrets, sealedOfCluster, type Rotation} from '../commits/secret-edits.ts';
import type {NodeView} from '../node.ts';
import {seal, SecretFailed} from '../secrets/keyring.ts';
import {noted} from './audit.ts';
import type {ForgottenKeys, RotatedSecrets, SecretsAnswer} from './config-answers.ts';
import type {Commit} from './commit.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** Reading all apps, and opening and sealing what is in them: a millisecond each. */
const READ_MS_MAX = 60_000;
const TRIES_MAX = 5;

/** Secrets of the whole cluster: names, and the key that they are encrypted to. */
export function registerSecretRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  const deadline = () => anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
  // Who forgets keys must not take one for unused that everything is just being sealed to.
  const inTurn = mutex();

  server.get('/secrets', async (): Promise<SecretsAnswer> => {
    const {recipients, apps, problems} = await allSecrets(view, deadline());
    const results = await view.keyring.inspect(apps.flatMap(({values}) => values.map(({value}) => value)));
    return {
      recipients,
      identities: await explaining("can't read the node's identities", view.keyring.recipients()),
      problems,
      secrets: apps.flatMap(({app, values}) => values.map(({name, service, value}) => {
        const result = results.get(value);
        return {app, ...(service !== undefined && {service}), name, ...(result?.ok === false && {problem: result.problem})};
      })),
    };
  });

  server.post('/secrets/rotate', (request): Promise<RotatedSecrets> => inTurn(async () => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await rotate(request, {view, commit}, deadline());
      } catch (error) {
        if (error instanceof SecretFailed) throw new ApiError(409, error.message);
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  }, deadline()));

  server.post('/secrets/forget', (request): Promise<ForgottenKeys> => inTurn(async () => {
    const [newest, ...older] = await explaining("can't read the node's identities", view.keyring.recipients());
    if (newest === undefined || older.length === 0) return {forgotten: []};
    const {apps, recipients, ofCluster} = await allSecrets(view, deadline());
    const kept = [newest, ...older].filter((key) => recipients.includes(key));
    const keep = kept.length === 0 ? [newest] : kept;
    const inUse = [...ofCluster, ...apps.flatMap(({values}) => values.map(({value}) => value)), ...view.sealedInUse()];
    const needing = await view.keyring.notOpenedBy(keep, [...new Set(inUse)]);
    if (needing > 0) throw new EditRefused(`${needing === 1 ? 'a value' : `${needing} values`} that this node runs, or that git has, can be opened with an older key only: flynn secrets rotate, and wait for the next deploy of apps whose last one has failed`);
    const forgotten = [newest, ...older].filter((key) => !keep.includes(key));
    if (forgotten.length === 0) return {forgotten};
    // Public keys: who has an old backup can tell which one it needs.
    await noted(request, {view, authenticate}, {action: 'secrets forget', subject: forgotten.join(' ')});
    await view.keyring.remove(forgotten);
    return {forgotten};
  }, deadline()));
}

interface AllSecrets {
  readonly recipients: readonly string[];
  readonly apps: readonly {readonly app: AppName; readonly id: AppId; readonly text: string; readonly values: readonly Sealed[]}[];
  /** In cluster.yaml and in certificates/. */
  readonly ofCluster: readonly string[];
  /** Files that are wrong. */
  readonly problems: readonly string[];
}

async function allSecrets(view: NodeView, signal: AbortSignal): Promise<AllSecrets> {
  return explaining("can't read the cluster repository", (async () => {
    const snapshot = await view.repo.snapshot(signal);
    const files = await snapshot.shared.files(signal);
    const shared = files.find(({path}) => path === CLUSTER_FILE);
    const cluster = shared?.kind === 'text' ? loadManifest('Cluster', CLUSTER_FILE, shared.text) : undefined;
    if (cluster?.ok !== true) throw new ApiError(409, `${CLUSTER_FILE} has to be put right first`);
    const apps: AllSecrets['apps'][number][] = [];
    const problems: string[] = [];
    for (const {name, files} of snapshot.apps) {
      const own = await files(signal);
      const [file, manifest] = [secretsFile(name), appFile(name)].map((wanted) => own.find(({path}) => path === wanted));
      if (file?.kind !== 'text') continue;
      const loaded = loadManifest('Secrets', file.path, file.text);
      if (loaded.ok) apps.push({app: name, id: appIdIn(name, manifest?.kind === 'text' ? manifest.text : undefined), text: file.text, values: sealedValues(loaded.value)});
      else problems.push(...loaded.problem.map(formatDiagnostic));
    }
    const ofCluster = [...sealedOfCluster(cluster.value).map(({value}) => value), ...files.flatMap(sealedKeyOf)];
    return {recipients: cluster.value.recipients ?? [], apps, problems, ofCluster};
  })());
}

/** Of one of people's own certificates. */
function sealedKeyOf(file: ManifestFile): readonly string[] {
  const loaded = file.kind === 'text' && certificateNameOf(file.path) !== undefined ? loadManifest('Certificate', file.path, file.text) : undefined;
  return loaded?.ok === true ? [loaded.value.key] : [];
}

/** A new key in the place of this node's, everything sealed anew, one commit. The old key stays on the node: what runs, and what git had before, needs it. */
async function rotate(request: FastifyRequest, {view, commit}: {view: NodeView; commit: Commit}, signal: AbortSignal): Promise<RotatedSecrets> {
  const {recipients, apps, problems, ofCluster} = await allSecrets(view, signal);
  const own = await view.keyring.recipients();
  const listed = recipients.filter((recipient) => own.includes(recipient));
  if (listed.length > 1) throw new EditRefused(`cluster.yaml has ${listed.length} keys of this node: take out all but one first`);
  if (recipients.length > 0 && listed.length === 0) throw new EditRefused(`cluster.yaml's recipients have no key of this node's; add one, by hand:\n  - ${own[0] ?? 'none: run `flynn up` again'}`);
  // One that was made by a rotation that never came to its commit.
  const unused = own[0] !== undefined && own[0] !== listed[0] ? own[0] : undefined;
  const to = unused ?? await view.keyring.add();
  const [from] = listed;
  const after = from === undefined ? [to] : recipients.map((recipient) => (recipient === from ? to : recipient));
  const sealed = new Map<string, string | undefined>();
  const owned = [...ofCluster.map((value) => ({value, owner: 'cluster' as const})), ...apps.flatMap(({id, values}) => values.map(({value}) => ({value, owner: id})))];
  for (const [value, owners] of Map.groupBy(owned, (one) => one.value)) {
    signal.throwIfAborted();
    // One that was copied by hand, before values had owners, stays of use to all who have it.
    const [owner, ...others] = new Set(owners.map((one) => one.owner));
    sealed.set(value, await view.keyring.open(value).then((opened) => (others.length === 0 ? seal(opened, after, owner) : seal(opened, after)), () => undefined));
  }
  const rotation: Rotation = {recipients, to, sealed, ...(from !== undefined && {from})};
  // Unchecked: it compares what it has changed itself, and another app's mistake must not keep everybody from a new key.
  const written = await commit(request, {isUnchecked: true, edit: rotateSecrets(rotation), message: `cluster: rotate the key of secrets\n\n${from ?? 'none'} → ${to}`});
  // It was a repetition, whose first try made a key of its own.
  if (!written.isNew && unused === undefined) await view.keyring.remove([to]);
  const changed = apps.filter(({app, text}) => resealed(secretsFile(app), text, sealed) !== undefined);
  const stayed = apps.flatMap(({app, values}) => values.filter(({value}) => sealed.get(value) === undefined || !changed.some((one) => one.app === app)).map(({path}) => `${secretsFile(app)}: ${path.join('.')}`));
  return {...written, message: written.message.split('\n')[0] ?? '', recipient: to, values: apps.reduce((sum, {values}) => sum + values.length, 0) - stayed.length, stayed: [...stayed, ...problems]};
}
