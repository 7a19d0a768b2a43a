import {isDeepStrictEqual} from 'node:util';
import {posix} from 'node:path';
import {identified} from '../../schemas/app-id.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest, type Kind} from '../../schemas/load.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, CLUSTER_FILE, mustLoad} from './edits.ts';
import {removeKey} from './yaml-edit.ts';
import {replaceScalars, type Place} from './yaml-scalars.ts';

type Read = Parameters<Edit>[0];
type List = Parameters<Edit>[1];

/** Where manifests name apps: `*` is any key or place in a list, `#` a key itself. */
const NAMED: Readonly<Partial<Record<Kind, readonly Place[]>>> = {
  App: [['reach', '*'], ['allowFrom', '*']],
  Person: [['apps', '#'], ['tokens', '*', 'apps', '*']],
  Team: [['apps', '#'], ['owns', '*']],
  Cluster: [['policy', '#'], ['quotas', 'apps', '#']],
};
const REVIEWED: readonly Place[] = [['review', 'paths', '*']];

/** Where GitHub, GitLab and Gitea look for who looks at what. */
const CODEOWNERS: readonly string[] = ['CODEOWNERS', '.github/CODEOWNERS', 'docs/CODEOWNERS', '.gitlab/CODEOWNERS', '.gitea/CODEOWNERS'];

/**
 * Moves an app's folder, and puts the new name wherever manifests have the old one: roles, quotas, policy, reviews, other apps. Its app.yaml says from then on
 * by which id its volumes, images, repository, builds and logs are found.
 */
export function renameApp(from: AppName, to: AppName): Edit {
  return (read, list) => {
    const problem = problemOfAppName(to);
    if (problem !== undefined) throw new EditRefused(problem);
    // A README may stand beside them.
    const apps = list('apps').filter((name) => problemOfAppName(name) === undefined);
    if (!apps.includes(from)) throw new EditRefused(`there is no app "${from}"`);
    if (from === to) throw new EditRefused(`the app is called "${to}" already`);
    if (apps.includes(to)) throw new EditRefused(`app "${to}" exists already`);
    // All are asked for first: an edit is run again for each file that was not read yet.
    const folder = new Map(filesBelow(`apps/${from}`, read, list));
    const others = new Map(namingFiles(from, apps, list).map(({file, kind}) => [file, {kind, text: read(file)}] as const));
    const owners = CODEOWNERS.map((file) => [file, read(file)] as const);

    const moved = [...folder].map(([file, text]) => [`apps/${to}/${file.slice(`apps/${from}/`.length)}`, file === appFile(from) ? withId(text, {from, to}) : text] as const);
    const renamed = [...others].flatMap(([file, {kind, text}]) => (text === undefined ? [] : [[file, text, renamedIn(file, {kind, text, from, to})] as const]));
    const cluster = renamed.find(([file]) => file === CLUSTER_FILE)?.[2];
    demandSameReview({before: read(CLUSTER_FILE), after: cluster}, [...folder.keys()], {from, to});
    return {
      [`apps/${from}`]: undefined,
      ...Object.fromEntries(moved),
      ...Object.fromEntries(renamed.flatMap(([file, before, after]) => (before === after ? [] : [[file, after]]))),
      ...Object.fromEntries(owners.flatMap(([file, text]) => (text?.includes(`apps/${from}/`) === true ? [[file, text.replaceAll(new RegExp(`(?<![\\w-])apps/${from}/`, 'g'), `apps/${to}/`)]] : []))),
    };
  };
}

function filesBelow(folder: string, read: Read, list: List): readonly (readonly [file: string, text: string])[] {
  return list(folder).flatMap((name): readonly (readonly [string, string])[] => {
    const file = `${folder}/${name}`;
    const text = read(file);
    if (text === undefined) return filesBelow(file, read, list);
    if (text.includes('\uFFFD')) throw new EditRefused(`"${file}" is no text in UTF-8: a tool can't move it`);
    return [[file, text]];
  });
}

/** An app that gets its first name back needs no id any more. */
function withId(text: string, {from, to}: {readonly from: AppName; readonly to: AppName}): string {
  const file = appFile(from);
  const before = mustLoad(file, text);
  const {name, id = name as string} = identified(from, text);
  const {id: _, ...rest} = before;
  const wanted = id === to as string ? rest : {...rest, id};
  const edited = id === to as string ? removeKey(text, ['id']) : before.id === undefined ? text.replace(/^kind:.*$/m, (line) => `${line}\nid: ${id}`) : text;
  const after = edited === undefined ? undefined : loadManifest('App', file, edited);
  if (edited === undefined || after?.ok !== true || !isDeepStrictEqual(after.value, wanted)) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: write \`id: ${id}\` below \`kind: App\` by hand`);
  return edited;
}

interface Naming {
  readonly file: string;
  readonly kind: Kind;
}

function namingFiles(from: AppName, apps: readonly string[], list: List): readonly Naming[] {
  const yaml = (folder: string) => list(folder).filter((name) => name.endsWith('.yaml')).map((name) => `${folder}/${name}`);
  return [
    {file: CLUSTER_FILE, kind: 'Cluster'},
    ...yaml('people').map((file): Naming => ({file, kind: 'Person'})),
    ...yaml('teams').map((file): Naming => ({file, kind: 'Team'})),
    ...apps.filter((app) => app !== from).map((app): Naming => ({file: `apps/${app}/app.yaml`, kind: 'App'})),
  ];
}

/** A file that is wrong says nothing, and stays as it is. */
function renamedIn(file: string, {kind, text, from, to}: {readonly kind: Kind; readonly text: string; readonly from: AppName; readonly to: AppName}): string {
  if ((!text.includes(from) && !text.includes(to)) || !loadManifest(kind, file, text).ok) return text;
  const places = NAMED[kind] ?? [];
  // A role that was left of an app long gone must not become one for this app.
  replaceScalars(text, places, (value) => {
    if (value === to) throw new EditRefused(`${file} names an app "${to}" already, which there is not: take that out first`);
    return undefined;
  });
  const renamed = replaceScalars(text, places, (value) => (value === from ? to : undefined));
  const edited = kind === 'Cluster' ? replaceScalars(renamed, REVIEWED, (value) => (value.startsWith(`apps/${from}/`) ? `apps/${to}/${value.slice(`apps/${from}/`.length)}` : undefined)) : renamed;
  if (!loadManifest(kind, file, edited).ok) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: it names the app "${from}"`);
  return edited;
}

/** What others have to look at is no less protected afterwards. */
function demandSameReview(cluster: {readonly before: string | undefined; readonly after: string | undefined}, files: readonly string[], {from, to}: {readonly from: AppName; readonly to: AppName}): void {
  const [before, after] = [patternsIn(cluster.before), patternsIn(cluster.after)];
  const lost = before.find((pattern) => files.some((file) => {
    const there = `apps/${to}/${file.slice(`apps/${from}/`.length)}`;
    return posix.matchesGlob(file, pattern) && !after.some((one) => posix.matchesGlob(there, one));
  }));
  if (lost !== undefined) throw new EditRefused(`review.paths of ${CLUSTER_FILE} has "${lost}", which would not be about "${to}": name apps/${to}/ there first`);
}

function patternsIn(text: string | undefined): readonly string[] {
  const loaded = loadManifest('Cluster', CLUSTER_FILE, text ?? '');
  return loaded.ok ? loaded.value.review?.paths ?? [] : [];
}
