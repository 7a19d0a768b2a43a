import {isDeepStrictEqual} from 'node:util';
import type {AppManifest, ServiceManifest} from '../../schemas/app.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {mergePatch, type JsonObject} from '../../schemas/merge-patch.ts';
import {EditRefused, type Edit, type ManifestFile} from '../checkout/snapshot.ts';
import {appFile, manifestOf, mustLoad, mustRead, releasedServices, unknownService, type AppFound} from './edits.ts';
import {removeKey} from './yaml-edit.ts';
import {setField} from './yaml-fields.ts';

/** What is said of a service in app.yaml, but for its variables, which have edits of their own. */
export type ServiceSettings = Omit<ServiceManifest, 'env'>;

/** A service that neither app.yaml nor the current release has. Refused when one of them does. */
export function addService(app: AppName, name: string, settings: ServiceSettings): Edit {
  return (read, list) => {
    const {text, manifest} = manifestOf(app, read);
    if (known(app, {manifest, read, list}).has(name)) throw new EditRefused(`app "${app}" has a service "${name}" already`);
    return written(app, {text, manifest, name, wanted: settings});
  };
}

/** All that is said of a service; what is not in it goes, but for its variables. One that is not there is made. */
export function putService(app: AppName, name: string, settings: ServiceSettings): Edit {
  return (read) => {
    const {text, manifest} = manifestOf(app, read);
    const env = serviceOf(manifest, name)?.env;
    return written(app, {text, manifest, name, wanted: {...settings, ...(env !== undefined && {env})}});
  };
}

/** Fields of it by a merge patch: null takes one out. Refused when there is no such service. */
export function patchService(app: AppName, name: string, patch: JsonObject): Edit {
  return (read, list) => {
    const {text, manifest} = manifestOf(app, read);
    const services = known(app, {manifest, read, list});
    if (!services.has(name)) throw new EditRefused(unknownService(app, name, services));
    return written(app, {text, manifest, name, wanted: mergePatch(serviceOf(manifest, name), patch)});
  };
}

/** Takes a service out, with its variables. Refused when the release has it: then app.yaml can only say how many of it there are. */
export function removeService(app: AppName, name: string): Edit {
  return (read, list) => {
    const {text, manifest} = manifestOf(app, read);
    const services = known(app, {manifest, read, list});
    if (!services.has(name)) throw new EditRefused(unknownService(app, name, services));
    if (releasedServices(app, read, list).includes(name)) throw new EditRefused(`"${name}" is a service of the current release: scale it to 0, or deploy a release without it`);
    return written(app, {text, manifest, name, wanted: undefined});
  };
}

/** What git says of an app among its files. Refused when that can't be read. */
export function appFileIn(app: AppName, files: readonly ManifestFile[]): AppManifest {
  const {read} = among(files);
  return mustLoad(appFile(app), mustRead(read, app));
}

/** Names of the services of the current release. */
export function servicesOfRelease(app: AppName, files: readonly ManifestFile[]): readonly string[] {
  const {read, list} = among(files);
  return releasedServices(app, read, list);
}

function among(files: readonly ManifestFile[]): {readonly read: Parameters<Edit>[0]; readonly list: Parameters<Edit>[1]} {
  const texts = new Map(files.flatMap((file) => (file.kind === 'text' ? [[file.path, file.text]] : [])));
  return {
    read: (path) => texts.get(path),
    list: (folder) => [...new Set([...texts.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))],
  };
}

function known(app: AppName, {manifest, read, list}: {readonly manifest: AppManifest; readonly read: Parameters<Edit>[0]; readonly list: Parameters<Edit>[1]}): ReadonlySet<string> {
  return new Set([...Object.keys(manifest.services ?? {}), ...releasedServices(app, read, list)]);
}

function serviceOf({services}: AppManifest, name: string): ServiceManifest | undefined {
  return services !== undefined && Object.hasOwn(services, name) ? services[name] : undefined;
}

/** Only lines of fields that change are touched. The whole file is read again and compared with what was meant. */
function written(app: AppName, {text, manifest, name, wanted}: AppFound & {readonly name: string; readonly wanted: JsonObject | undefined}): ReturnType<Edit> {
  const before: JsonObject | undefined = serviceOf(manifest, name) as JsonObject | undefined;
  const isGone = wanted === undefined || Object.keys(wanted).length === 0;
  if (isDeepStrictEqual(before, wanted) || (before === undefined && isGone)) return {};
  const file = appFile(app);
  const edited = isGone ? removeKey(text, ['services', name])
    : before === undefined || Object.keys(before).length === 0 ? setField(text, ['services', name], wanted)
      : withFields(text, name, {before, wanted});
  const after = edited === undefined ? undefined : loadManifest('App', file, edited);
  if (after?.ok === false) throw new EditRefused(after.problem.map(formatDiagnostic).join('\n'), {problems: after.problem});
  if (edited === undefined || !isDeepStrictEqual(withoutEmpty(after?.value), withoutEmpty(withService(manifest, name, isGone ? undefined : wanted)))) {
    throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: change services.${name} by hand`);
  }
  return {[file]: edited};
}

function withFields(text: string, name: string, {before, wanted}: {readonly before: JsonObject; readonly wanted: JsonObject}): string | undefined {
  let edited: string | undefined = text;
  // What goes comes last: a service that has nothing left for a moment would go with it.
  for (const field of [...Object.keys(wanted), ...Object.keys(before).filter((one) => !Object.hasOwn(wanted, one))]) {
    if (edited === undefined || isDeepStrictEqual(before[field], wanted[field])) continue;
    edited = Object.hasOwn(wanted, field) ? setField(edited, ['services', name, field], wanted[field]) : removeKey(edited, ['services', name, field]);
  }
  return edited;
}

function withService(manifest: AppManifest, name: string, wanted: JsonObject | undefined): AppManifest {
  const {[name]: _, ...others} = manifest.services ?? {};
  return {...manifest, services: {...others, ...(wanted !== undefined && {[name]: wanted as ServiceManifest})}};
}

/** No services are as many as an empty list of them. */
function withoutEmpty(manifest: AppManifest | undefined): AppManifest | undefined {
  if (manifest?.services === undefined || Object.keys(manifest.services).length > 0) return manifest;
  const {services: _, ...rest} = manifest;
  return rest;
}
