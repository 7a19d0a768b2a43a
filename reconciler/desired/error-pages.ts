import {PAGE_BYTES_MAX, PAGE_PATTERN, type ErrorPage, type ErrorPagesManifest} from '../../schemas/error-pages.ts';
import type {Problem} from '../../schemas/schema.ts';
import type {TextFile} from './folder.ts';
import type {ErrorPages} from './state.ts';

/** The texts of an app's pages, or what is wrong with where they should be from. `pages`: the files of its folder, by their paths below it. */
export function resolveErrorPages(manifest: ErrorPagesManifest = {}, pages: ReadonlyMap<string, TextFile>): {readonly errorPages?: ErrorPages; readonly problems: readonly Problem[]} {
  const named = Object.entries(manifest) as [ErrorPage, string][];
  const problems = named.flatMap(([status, path]): readonly Problem[] => {
    const file = pages.get(path);
    const at = (message: string): readonly Problem[] => [{path: ['errorPages', status], message}];
    if (file === undefined) return at(`there is no file "${path}" in the app's folder`);
    const bytes = Buffer.byteLength(file.text);
    return bytes > PAGE_BYTES_MAX ? at(`"${path}" has ${Math.ceil(bytes / 1024)} KiB, at most ${PAGE_BYTES_MAX / 1024} are taken`) : [];
  });
  if (named.length === 0 || problems.length > 0) return {problems};
  return {problems, errorPages: Object.fromEntries(named.map(([status, path]) => [status, pages.get(path)?.text ?? ''])) as ErrorPages};
}

/** Whether a path below the app's folder is that of a page: `pages/down.html`. */
export function isPage(path: string): boolean {
  return new RegExp(PAGE_PATTERN).test(path);
}
