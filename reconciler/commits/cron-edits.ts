import {isDeepStrictEqual} from 'node:util';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, mustLoad, mustRead} from './edits.ts';
import {setScalar} from './yaml-edit.ts';

/** Suspends a command with a schedule, or lets it go on: one changed line. Refused when app.yaml has no such one. */
export function suspendCron(app: AppName, cron: string, suspend: boolean): Edit {
  return (read) => {
    const file = appFile(app);
    const original = mustRead(read, app);
    const before = mustLoad(file, original);
    const entry = before.cron !== undefined && Object.hasOwn(before.cron, cron) ? before.cron[cron] : undefined;
    if (entry === undefined) throw new EditRefused(unknownCron(app, cron, Object.keys(before.cron ?? {})));
    if ((entry.suspend ?? false) === suspend) return {};
    const text = setScalar(original, ['cron', cron, 'suspend'], suspend) ?? original;
    const after = loadManifest('App', file, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...before, cron: {...before.cron, [cron]: {...entry, suspend}}})) {
      throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: set cron.${cron}.suspend to ${suspend} by hand`);
    }
    return {[file]: text};
  };
}

function unknownCron(app: AppName, cron: string, known: readonly string[]): string {
  return known.length === 0 ? `app "${app}" has no cron jobs: add them to ${appFile(app)}` : `app "${app}" has no cron job "${cron}"; known are ${known.toSorted().join(', ')}`;
}
