import {BuildRefused} from './refused.ts';
import type {Source} from './source.ts';

/** First line of a file that Git LFS put in place of the real one (git-lfs, docs/spec.md), which has at most 1024 bytes. */
const POINTER = 'version https://git-lfs.github.com/spec/v1\n';
const POINTER_BYTES_MAX = 1024;
/** Files that are looked into. */
const POINTERS_MAX = 2000;
const ATTRIBUTES_BYTES_MAX = 100_000;
const NAMES_MAX = 5;

/** Files that Git LFS has are not there: a reason not to build. */
export async function checkPointers(source: Pick<Source, 'entries' | 'texts'>, {hasLfs = false}: {readonly hasLfs?: boolean}): Promise<void> {
  // Somebody may have such a text for other reasons: only where LFS is in use does it mean that a file is missing.
  const attributes = source.entries.filter(({name, sizeBytes}) => /(^|\/)\.gitattributes$/.test(name) && sizeBytes <= ATTRIBUTES_BYTES_MAX).slice(0, POINTERS_MAX);
  if (!hasLfs && !(await source.texts(attributes)).some((text) => /\bfilter=lfs\b/.test(text))) return;
  const files = source.entries.filter(({name, sizeBytes}) => !name.endsWith('/') && sizeBytes > POINTER.length && sizeBytes < POINTER_BYTES_MAX).slice(0, POINTERS_MAX);
  const texts = await source.texts(files);
  const pointers = files.filter((_, index) => texts[index]?.startsWith(POINTER));
  if (pointers.length === 0) return;
  const names = pointers.slice(0, NAMES_MAX).map(({name}) => name).join(', ');
  const more = pointers.length > NAMES_MAX ? ` and ${pointers.length - NAMES_MAX} more` : '';
  throw new BuildRefused(`these files are in Git LFS, which a push does not bring: ${names}${more}. Put them into git itself (git lfs migrate export), or let the app fetch them`);
}

/** Folders of submodules that are empty, as git leaves them. `url` as `.gitmodules` has it. */
export async function emptySubmodules({entries, text}: Pick<Source, 'entries' | 'text'>): Promise<readonly {readonly path: string; readonly url: string}[]> {
  const modules = (await text('.gitmodules')) ?? '';
  const folders = new Set(entries.filter(({name}) => name.endsWith('/')).map(({name}) => name));
  return modules.split(/^\[submodule /m).slice(1).flatMap((section) => {
    const [path, url = ''] = ['path', 'url'].map((key) => new RegExp(`^\\s*${key}\\s*=\\s*(.+?)\\s*$`, 'm').exec(section)?.[1]);
    if (path === undefined || !folders.has(`${path}/`)) return [];
    return entries.some(({name}) => name.startsWith(`${path}/`) && name !== `${path}/`) ? [] : [{path, url}];
  });
}

/** Submodules that `.gitmodules` says nothing of: of an app that is a folder of its repository, that stands above it. `submodules`: their commits, by their folders. */
export async function unnamedSubmodules(source: Pick<Source, 'entries' | 'text'>, submodules: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const named = new Set((await emptySubmodules(source)).map(({path}) => path));
  return Object.keys(submodules).filter((path) => !named.has(path));
}
