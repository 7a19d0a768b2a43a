import {isDeepStrictEqual} from 'node:util';
import {parseDocument} from 'yaml';
import type {AppManifest} from '../../schemas/app.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {configChanges, withConfigOf, withoutEmpty, type Configured, type FieldChange} from './config.ts';
import {appFile, mustLoad, mustRead, releasedServices, releaseFolder, releaseNumbers, SECRETS_FILE} from './edits.ts';
import {SECRETS_TEMPLATE} from './env-edits.ts';
import {removeKey, setLines} from './yaml-edit.ts';
import {setField} from './yaml-fields.ts';

/** The configuration of another time: app.yaml, and the text of secrets.yaml where there was one. */
export interface ConfigThen extends Configured {
  readonly secrets?: string;
}

/**
 * Takes the configuration back, and the way to undo that. `from`: the release that has to be the current one still. Without `then`
 * everything stays as it is.
 */
export function restoreConfig(app: AppName, {from, then}: {from: number; then?: ConfigThen}): {readonly edit: Edit; readonly undo: Edit} {
  const file = appFile(app);
  const secretsFile = `apps/${app}/${SECRETS_FILE}`;
  // Of the last run of the edit: it may be made again on another tip.
  let written: readonly {readonly path: string; readonly before: string | undefined; readonly after: string | undefined}[] = [];
  return {
    edit: (read, list) => {
      const current = releaseNumbers(list(releaseFolder(app)))[0];
      if (current !== from) throw new EditRefused(`v${current ?? '?'} was released meanwhile, the rollback was asked for on v${from}: look again`);
      if (then === undefined) return {};
      const text = mustRead(read, app);
      const wanted = withConfigOf({manifest: mustLoad(file, text), releasedServices: releasedServices(app, read, list)}, then);
      const all = [
        {path: file, before: text, after: rewriteConfig(file, text, wanted)},
        {path: secretsFile, before: read(secretsFile), after: withSecretsThatStay(then.secrets, {now: read(secretsFile), namesThatStay: secretNames(wanted)})},
      ];
      written = all.filter(({before, after}) => before !== after);
      return Object.fromEntries(written.map(({path, after}) => [path, after]));
    },
    // What somebody has changed since is left to him.
    undo: (read) => Object.fromEntries(written.filter(({path, after}) => read(path) === after).map(({path, before}) => [path, before])),
  };
}

/** Secrets that belong to what a rollback leaves as it is: a source that is followed, drains. */
function secretNames({source, drains}: AppManifest): readonly string[] {
  return [source?.tokenSecret, source?.hookSecret, ...(drains ?? []).flatMap(({secretHeaders}) => Object.values(secretHeaders ?? {}))].filter((name) => name !== undefined);
}

/** Theirs are as they are now, whatever secrets there were then. Where no tool can edit the text, its owner is told that one is missing. */
function withSecretsThatStay(then: string | undefined, {now, namesThatStay}: {readonly now: string | undefined; readonly namesThatStay: readonly string[]}): string | undefined {
  const loaded = now === undefined ? undefined : loadManifest('Secrets', SECRETS_FILE, now);
  if (loaded?.ok !== true) return then;
  let text = then;
  for (const name of namesThatStay) {
    const value = loaded.value.env?.[name];
    if (value !== undefined) text = setLines(text ?? SECRETS_TEMPLATE, ['env', name], value) ?? text;
  }
  return text;
}

/**
 * An app.yaml's text that says `wanted`, with as few lines changed as an owner would change, comments included.
 *
 * @throws {EditRefused} when its YAML is shared or written in a way that no tool can edit
 */
export function rewriteConfig(file: string, text: string, wanted: AppManifest): string {
  const changes = configChanges(mustLoad(file, text), wanted);
  let edited: string | undefined = text;
  for (const {path, to} of changes) edited = edited === undefined ? undefined : to === undefined ? removeKey(edited, path) : setField(edited, path, to);
  if (edited !== undefined && says(file, edited, wanted)) return edited;
  const whole = editedWhole(text, changes);
  if (whole !== undefined && says(file, whole, wanted)) return whole;
  throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: take its configuration back by hand`);
}

/** Keeps comments and order, but sets its own spacing. Undefined: a value on the way is an alias, or none that has fields. */
function editedWhole(text: string, changes: readonly FieldChange[]): string | undefined {
  const document = parseDocument(text);
  try {
    for (const {path, to} of changes) {
      if (to === undefined) document.deleteIn(path);
      else document.setIn(path, to);
    }
  } catch {
    return undefined;
  }
  return document.toString({lineWidth: 0, flowCollectionPadding: false});
}

function says(file: string, text: string, wanted: AppManifest): boolean {
  const loaded = loadManifest('App', file, text);
  return loaded.ok && isDeepStrictEqual(withoutEmpty(loaded.value), withoutEmpty(wanted));
}

