import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {releaseFileName, releaseNumberOf} from '../../schemas/release.ts';
import {isPage} from './error-pages.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';

export type TextFile = Extract<ManifestFile, {kind: 'text'}>;

/** The files of `apps/<app>/`, by what they are. */
export interface AppFolder {
  readonly manifest?: TextFile;
  readonly secrets?: TextFile;
  /** By their paths below the folder: `pages/down.html`. */
  readonly pages: ReadonlyMap<string, TextFile>;
  /** Newest first. */
  readonly releases: readonly {readonly number: number; readonly file: TextFile}[];
  /** About names and kinds of files; their texts are not read. */
  readonly problems: readonly Diagnostic[];
}

export function appFile(app: AppName): string {
  return `apps/${app}/app.yaml`;
}

export function secretsFile(app: AppName): string {
  return `apps/${app}/secrets.yaml`;
}

export function sortFolder(app: AppName, files: readonly ManifestFile[]): AppFolder {
  const texts = files.filter((file) => file.kind === 'text');
  const manifest = texts.find(({path}) => path === appFile(app));
  const secrets = texts.find(({path}) => path === secretsFile(app));
  const below = `apps/${app}/`;
  const pages = new Map(texts.flatMap((file) => (isPage(file.path.slice(below.length)) ? [[file.path.slice(below.length), file] as const] : [])));
  const releases = texts.flatMap((file) => {
    const number = numberOf(app, file.path);
    return number === undefined ? [] : [{number, file}];
  });
  const problems = files.flatMap((file) => {
    const message = problemOf(app, file);
    return message === undefined ? [] : [{file: file.path, line: 1, column: 1, message}];
  });

  const nameProblem = problemOfAppName(app);
  if (nameProblem !== undefined) problems.unshift({file: appFile(app), line: 1, column: 1, message: nameProblem});
  if (!files.some(({path}) => path === appFile(app))) {
    problems.push({file: appFile(app), line: 1, column: 1, message: `is missing: every folder of apps/ has an app.yaml (remove the folder to remove the app)`});
  }
  return {
    ...(manifest && {manifest}),
    ...(secrets && {secrets}),
    pages,
    releases: releases.toSorted((a, b) => b.number - a.number),
    problems,
  };
}

/** Files that anybody may put beside manifests. */
export function isDocumentation(path: string): boolean {
  return /(^|\/)([^/]+\.md|\.gitkeep|\.gitignore|\.editorconfig)$/i.test(path);
}

/** `; did you mean apps/shop/app.yaml?`, of a name that is so near to one that is read that nothing else can be meant; else empty. */
export function meant(path: string): string {
  const name = nearestOf(path.replace(/\.yml$/i, '.yaml'));
  return name === undefined || name === path ? '' : `; did you mean ${name}?`;
}

function nearestOf(path: string): string | undefined {
  const [, app, number] = /^apps\/([^/]+)\/re?l[a-z]*\/v?0*([1-9]\d{0,14})\.yaml$/i.exec(path) ?? [];
  if (app !== undefined) return `apps/${app}/releases/${releaseFileName(Number(number))}`;
  const [, shop, kind] = /^apps\/([^/]+)\/(app|secret)s?\.yaml$/i.exec(path) ?? [];
  if (kind !== undefined) return `apps/${shop}/${kind.toLowerCase() === 'app' ? 'app' : 'secrets'}.yaml`;
  const [, alone] = /^apps\/([^/]+)\.yaml$/.exec(path) ?? [];
  if (alone !== undefined) return `apps/${alone}/app.yaml`;
  return /^(people|teams|nodes|certificates)\/[^/]+\.yaml$/.test(path) ? path : undefined;
}

function numberOf(app: AppName, path: string): number | undefined {
  const folder = `apps/${app}/releases/`;
  return path.startsWith(folder) ? releaseNumberOf(path.slice(folder.length)) : undefined;
}

function problemOf(app: AppName, file: ManifestFile): string | undefined {
  const {path} = file;
  if (isDocumentation(path)) return undefined;
  if (file.kind === 'refused') return file.why;
  if (path === appFile(app) || path === secretsFile(app) || numberOf(app, path) !== undefined) return undefined;
  if (isPage(path.slice(`apps/${app}/`.length))) return undefined;
  if (path.startsWith(`apps/${app}/releases/`)) return `is not the name of a release: they are v0001.yaml, v0002.yaml …${meant(path)}`;
  return `is not a file of an app: known are app.yaml, secrets.yaml, releases/v0001.yaml …, pages/*.html and *.md${meant(path)}`;
}
