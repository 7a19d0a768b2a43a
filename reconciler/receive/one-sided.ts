import type {AppManifest} from '../../schemas/app.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import type {Problem} from '../../schemas/schema.ts';
import type {TextFile} from '../desired/folder.ts';

/**
 * Ways between apps that only one side has asked for so far, or with an app that there is not. No mistakes: the other side may come later,
 * and until then nothing is open. `manifestOf`: that of another app in the same commit.
 */
export async function oneSidedWarnings(name: string, file: TextFile | undefined, manifestOf: (app: string) => Promise<TextFile | undefined>): Promise<readonly Diagnostic[]> {
  const app = parsed(file);
  if (file === undefined || app === undefined) return [];
  const warnings: Problem[] = [];
  const warn = (field: string, index: number, message: string) => warnings.push({path: [field, index], message});
  for (const [index, other] of (app.reach ?? []).entries()) {
    const there = await manifestOf(other);
    if (there === undefined) warn('reach', index, `there is no app "${other}" yet`);
    else if (parsed(there)?.allowFrom?.includes(name) !== true) warn('reach', index, `"${other}" can't be reached before ${there.path} says: allowFrom: [${name}]`);
  }
  for (const [index, other] of (app.allowFrom ?? []).entries()) {
    if (await manifestOf(other) === undefined) warn('allowFrom', index, `there is no app "${other}" yet`);
  }
  return locate(warnings, file.path, file.text);
}

function parsed(file: TextFile | undefined): AppManifest | undefined {
  const loaded = file === undefined ? undefined : loadManifest('App', file.path, file.text);
  return loaded?.ok === true ? loaded.value : undefined;
}
