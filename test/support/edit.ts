import type {Edit} from '../../reconciler/checkout/snapshot.ts';

export type Files = Readonly<Record<string, string | undefined>>;

/** Runs an edit on files that are texts. Resolves to what it changes. */
export function runOn(files: Files, edit: Edit): Files {
  const list = (folder: string) => [...new Set(Object.keys(files).filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
  return edit((path) => files[path], list);
}

/** Lines that are only in one of the texts, as `diff` would say it. */
export function diff(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  return [...old.slice(start, old.length - end).map((line) => `-${line}`), ...now.slice(start, now.length - end).map((line) => `+${line}`)].join('\n');
}
