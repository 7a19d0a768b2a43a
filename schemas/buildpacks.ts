import type {Problem} from './schema.ts';
import {fail, ok, type Result} from './result.ts';

/** Ours, in the order in which they are asked whether an app is theirs: Heroku's. */
export const BUILT_IN_BUILDPACKS = [
  'ruby',
  'nodejs',
  'java',
  'python',
  'php',
  'go',
  'rust',
  'static',
  'procfile',
] as const;

export type BuiltInBuildpack = (typeof BUILT_IN_BUILDPACKS)[number];

/** A buildpack as somebody names it. `name` is how it is shown. */
export type BuildpackReference =
  | {readonly kind: 'built-in'; readonly name: BuiltInBuildpack}
  /** `ref`: a branch, a tag or a commit; absent: what the repository's HEAD is. */
  | {readonly kind: 'git'; readonly name: string; readonly url: string; readonly ref?: string}
  /** `sha256`: what the file has to be. */
  | {readonly kind: 'tarball'; readonly name: string; readonly url: string; readonly sha256?: string}
  /** A folder of the app's own repository, without `./`. */
  | {readonly kind: 'folder'; readonly name: string; readonly path: string};

export const BUILDPACKS_MAX = 20;
const LENGTH_MAX = 500;

/** Heroku's and Dokku's other names of what ours build. */
const ALIASES: Readonly<Record<string, BuiltInBuildpack>> = {node: 'nodejs', jvm: 'java', gradle: 'java', maven: 'java', golang: 'go'};

const NO_REF = 'has something after the # that names no branch, tag or commit';
const EXPECTED = 'expected one of ours, https://…git#ref, https://….tgz, or ./folder of the app';

export const buildpacksSchema = {
  type: 'array',
  items: {type: 'string', maxLength: LENGTH_MAX},
  minItems: 1,
  maxItems: BUILDPACKS_MAX,
  description: `What builds it, in this order, in place of what would be detected: one of ours (${BUILT_IN_BUILDPACKS.join(', ')}), a git URL with #branch, #tag or #commit, the URL of a .tgz, or ./folder in the app's own repository.`,
  examples: [['nodejs'], ['https://github.com/heroku/heroku-buildpack-apt.git#v15', 'python']],
};

/** Reads one buildpack's name. The problem is in words that follow the name. */
export function parseBuildpack(written: string): Result<BuildpackReference, string> {
  const text = written.trim();
  if (text.length > LENGTH_MAX) return fail(`is longer than ${LENGTH_MAX} characters`);
  if (/^https?:\/\//i.test(text)) return parseUrl(text);
  if (text.startsWith('./')) return parseFolder(text);
  if (/^(ssh:|git@|[\w.-]+@[\w.-]+:)/.test(text)) return fail('is reached by SSH, for which builds have no key: use its https:// address');
  if (/^[a-z+.-]+:/i.test(text)) return fail(`has a scheme that is not fetched, ${EXPECTED}`);
  if (/^(\/|\.\.)/.test(text)) return fail(`is outside of the app, ${EXPECTED}`);
  return parseName(text);
}

/** The name of exactly what was used under a name. */
export function pinnedBuildpack({name, commit, sha256}: {readonly name: string; readonly commit?: string; readonly sha256?: string}): string {
  const parsed = parseBuildpack(name);
  if (!parsed.ok) return name;
  if (parsed.value.kind === 'git' && commit !== undefined) return `${parsed.value.url}#${commit}`;
  if (parsed.value.kind === 'tarball' && sha256 !== undefined) return `${parsed.value.url}#sha256=${sha256}`;
  return name;
}

export function checkBuildpacks(buildpacks: readonly string[] | undefined): readonly Problem[] {
  return (buildpacks ?? []).flatMap((written, index) => {
    const parsed = parseBuildpack(written);
    return parsed.ok ? [] : [{path: ['buildpacks', index], message: `buildpack "${withoutPassword(written).slice(0, 200)}" ${parsed.problem}`}];
  });
}

/** For messages: whatever stands before the host of a URL may be a secret. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, '//');
}

function parseUrl(text: string): Result<BuildpackReference, string> {
  if (!URL.canParse(text)) return fail('is no URL');
  const url = new URL(text);
  // It would stand in the release, which everybody may read who may read the cluster repository.
  if (url.username !== '' || url.password !== '') return fail("has a password in its URL, which everybody could read: bring the buildpack into the app's repository and name it ./folder");
  const ref = decoded(url.hash.slice(1));
  if (ref === undefined) return fail(NO_REF);
  url.hash = '';
  if (/\.(tgz|tar\.gz)$/.test(url.pathname)) {
    if (ref === '') return ok({kind: 'tarball', name: text, url: url.href});
    const sha256 = /^sha256=([0-9a-f]{64})$/.exec(ref)?.[1];
    return sha256 === undefined ? fail('can only have #sha256= and 64 hex digits after the name of a .tgz') : ok({kind: 'tarball', name: text, url: url.href, sha256});
  }
  if (ref === '') return ok({kind: 'git', name: text, url: url.href});
  if (!/^[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}$/.test(ref) || ref.includes('..')) return fail(NO_REF);
  return ok({kind: 'git', name: text, url: url.href, ref});
}

/** Undefined: its escapes are none. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parseFolder(text: string): Result<BuildpackReference, string> {
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  if (steps.length === 0 || steps.includes('..')) return fail("is no folder of the app's repository");
  return ok({kind: 'folder', name: text, path: steps.join('/')});
}

function parseName(text: string): Result<BuildpackReference, string> {
  const [, owner, name = ''] = /^(?:([A-Za-z0-9-]+)\/)?([A-Za-z0-9._-]+)$/.exec(text) ?? [];
  const builtIn = (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined) ?? BUILT_IN_BUILDPACKS.find((one) => one === name);
  if ((owner === undefined || owner === 'heroku' || owner === 'flynn') && builtIn !== undefined) return ok({kind: 'built-in', name: builtIn});
  if (name === '' || owner === undefined || owner === 'flynn') return fail(`is not known; ours are ${BUILT_IN_BUILDPACKS.join(', ')}, others are named by URL or ./folder`);
  // Dokku's short form.
  const repository = name.startsWith('heroku-buildpack-') ? name : `heroku-buildpack-${name}`;
  return ok({kind: 'git', name: text, url: `https://github.com/${owner}/${repository}.git`});
}
