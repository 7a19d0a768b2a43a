import {isDeepStrictEqual} from 'node:util';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, mustLoad, mustRead} from './edits.ts';
import {changeEnv, type EnvChange} from './env-edits.ts';
import {setScalar} from './yaml-edit.ts';

/** What the secret of webhooks is called where app.yaml has no name for it. */
export const HOOK_SECRET_DEFAULT = 'SOURCE_HOOK';

/** Gives the webhooks of an app's source a secret: a sealed value in secrets.yaml, and its name in app.yaml. */
export function setHookSecret(app: AppName, {sealed, recipients}: {readonly sealed: string; readonly recipients: EnvChange['recipients']}): Edit {
  return (read, list) => {
    const file = appFile(app);
    const original = mustRead(read, app);
    const before = mustLoad(file, original);
    if (before.source === undefined) throw new EditRefused(`⬢ ${app} has no source elsewhere that a webhook could tell of: app.yaml has no \`source:\``);
    const name = before.source.hookSecret ?? HOOK_SECRET_DEFAULT;
    const changes = changeEnv(app, {set: {}, seal: {[name]: sealed}, unset: [], recipients})(read, list);
    if (before.source.hookSecret !== undefined) return changes;
    const text = setScalar(changes[file] ?? original, ['source', 'hookSecret'], name) ?? original;
    const after = loadManifest('App', file, text);
    if (!after.ok || !isDeepStrictEqual(after.value.source, {...before.source, hookSecret: name})) {
      throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: set source.hookSecret to ${name} by hand`);
    }
    return {...changes, [file]: text};
  };
}
