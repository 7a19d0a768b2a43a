import {parseDocument} from 'yaml';
import type {AppManifest} from '../../schemas/app.ts';
import type {AppJson} from '../../schemas/app-json.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, mustLoad, mustRead} from './edits.ts';
import {changeEnv, mustLoadSecrets, secretsFile, type EnvChange} from './env-edits.ts';
import {setField} from './yaml-fields.ts';

/** What an app.json says and the manifests do not say yet. */
export interface TakenOver {
  readonly set: Readonly<Record<string, string>>;
  /** Variables whose values are made up. */
  readonly generated: readonly string[];
  /** Variables that somebody has to set first. */
  readonly missing: readonly string[];
}

/** Which variables of an app.json an app has no value of: neither in app.yaml nor in secrets.yaml, of all its services or of one. */
export function variablesToTakeOver({env}: AppJson, app: AppName, read: Parameters<Edit>[0]): TakenOver {
  const manifest = mustLoad(appFile(app), mustRead(read, app));
  const secrets = read(secretsFile(app));
  const owners = [manifest, ...(secrets === undefined ? [] : [mustLoadSecrets(secretsFile(app), secrets)])];
  const known = new Set(owners.flatMap((owner) => [owner, ...Object.values(owner.services ?? {})]).flatMap((one) => Object.keys(one.env ?? {})));
  // PORT is what a service's `port` says.
  const open = Object.entries(env).filter(([name]) => !known.has(name) && name !== 'PORT');
  const named = (kind: string) => open.filter(([, wanted]) => wanted.kind === kind).map(([name]) => name);
  return {
    set: Object.fromEntries(open.flatMap(([name, wanted]) => (wanted.kind === 'value' ? [[name, wanted.value]] : []))),
    generated: named('generated'),
    missing: named('missing'),
  };
}

/**
 * Writes what an app.json says into the manifests, where these say nothing: they alone count from then on.
 *
 * @param services  those that the release has: of others nothing is written
 */
export function takeOverAppJson(app: AppName, {appJson, services, env}: {appJson: AppJson; services: readonly string[]; env: EnvChange}): Edit {
  return (read, list) => {
    const changes = changeEnv(app, env)(read, list);
    const file = appFile(app);
    const original = changes[file] ?? mustRead(read, app);
    const text = fieldsOf(appJson, mustLoad(file, original), services).reduce((before, {path, value}) => setField(before, path, value) ?? setInDocument(before, path, value), original);
    const loaded = loadManifest('App', file, text);
    if (!loaded.ok) throw new EditRefused(`${loaded.problem.map(formatDiagnostic).join('\n')}\nwhat app.json says can't be taken over into ${file}`);
    return text === mustRead(read, app) ? changes : {...changes, [file]: text};
  };
}

/** Where the text is written in a way that no line of it can be changed alone. */
function setInDocument(text: string, path: readonly string[], value: unknown): string {
  const document = parseDocument(text);
  document.setIn(path, document.createNode(value));
  return document.toString({lineWidth: 0});
}

function fieldsOf({replicas, checks, crons}: AppJson, {services = {}, cron}: AppManifest, known: readonly string[]): readonly {readonly path: readonly string[]; readonly value: unknown}[] {
  const own = (name: string) => (Object.hasOwn(services, name) ? services[name] : undefined);
  return [
    ...Object.entries(replicas).filter(([name]) => known.includes(name) && own(name)?.replicas === undefined).map(([name, value]) => ({path: ['services', name, 'replicas'], value})),
    ...Object.entries(checks).filter(([name]) => known.includes(name) && own(name)?.check === undefined).map(([name, value]) => ({path: ['services', name, 'check'], value})),
    ...(cron === undefined ? Object.entries(crons).map(([name, value]) => ({path: ['cron', name], value})) : []),
  ];
}
