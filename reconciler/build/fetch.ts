import type {BuildpackReference} from '../../schemas/buildpacks.ts';
import type {BuildContainer} from '../adapters/build-container.ts';
import type {BuildContext} from './context.ts';
import {LimitExceeded} from './limits.ts';
import {detail, formatMegabytes, step, warning} from './output.ts';
import {BuildRefused} from './refused.ts';
import {BUILDPACKS_FOLDER, buildEnvironment, quote} from './shell.ts';

/** A buildpack in the container, ready to be run. */
export interface Buildpack {
  readonly name: string;
  /** Its root. */
  readonly folder: string;
  /** `classic` has bin/compile, `cnb` a buildpack.toml and bin/build. */
  readonly kind: 'classic' | 'cnb';
  readonly commit?: string;
  readonly sha256?: string;
}

/** Of one buildpack: its history is not fetched. */
export interface FetchLimits {
  readonly secondsMax: number;
  readonly bytesMax: number;
}

const LIMITS: FetchLimits = {secondsMax: 120, bytesMax: 200_000_000};
/** Exit code of a fetch that brought too much. */
const TOO_LARGE = 63;

/**
 * Brings a buildpack into the container and resolves what it is exactly. That happens in there, and not on the node: whoever may push says
 * where from, so it must see no more of the node, its files and its network than the build itself, and ends with it.
 */
export async function fetchBuildpack(container: BuildContainer, context: BuildContext, {reference, index, signal}: {reference: BuildpackReference; index: number; signal: AbortSignal}): Promise<Buildpack> {
  const {name} = reference;
  if (reference.kind === 'built-in') return {name, folder: `${BUILDPACKS_FOLDER}/${name}`, kind: 'classic'};
  const folder = `${BUILDPACKS_FOLDER}/${String(index).padStart(2, '0')}`;
  if (reference.kind !== 'folder') context.print(step(`Fetching buildpack ${name}`));
  const limits = context.settings.fetchLimits ?? LIMITS;
  const lines = await run(container, context, {text: scriptOf(reference, {folder, limits}), name, limits, signal});
  const answer = Object.fromEntries(lines.flatMap((line) => {
    const [, key, value] = /^flynn-buildpack-(\w+) (\S+)$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value]];
  }));
  if (answer.kind !== 'classic' && answer.kind !== 'cnb') throw new BuildRefused(`"${name}" is no buildpack: it has neither bin/detect and bin/compile nor a buildpack.toml`);
  const {commit, sha256} = answer;
  if (commit !== undefined) context.print(detail(`commit ${commit}`));
  if (sha256 !== undefined) context.print(detail(`sha256 ${sha256}`));
  return {name, folder, kind: answer.kind, ...(commit !== undefined && {commit}), ...(sha256 !== undefined && {sha256})};
}

async function run(container: BuildContainer, {print, sourceCommit}: BuildContext, {text, name, limits, signal}: {text: string; name: string; limits: FetchLimits; signal: AbortSignal}): Promise<readonly string[]> {
  const lines: string[] = [];
  const {exitCode} = await container.run({words: ['bash', '-c', text], folder: '/tmp', env: buildEnvironment(sourceCommit)}, (line) => lines.push(line), signal);
  if (exitCode === 0) return lines;
  for (const line of lines.slice(-10)) print(warning(line));
  if (exitCode === TOO_LARGE) throw new LimitExceeded(`the buildpack "${name}" has more than ${formatMegabytes(limits.bytesMax)}`);
  if (exitCode === 124) throw new BuildRefused(`the buildpack "${name}" could not be fetched within ${limits.secondsMax} s`);
  throw new BuildRefused(`the buildpack "${name}" could not be fetched`);
}

function scriptOf(reference: Exclude<BuildpackReference, {kind: 'built-in'}>, {folder, limits}: {folder: string; limits: FetchLimits}): string {
  return `folder=${quote(folder)} limit_bytes=${limits.bytesMax} seconds=${limits.secondsMax}
${COMMON}
mkdir -p "$folder" && cd "$folder" || exit 1
${bringing(reference)}
describe
`;
}

function bringing(reference: Exclude<BuildpackReference, {kind: 'built-in'}>): string {
  switch (reference.kind) {
    case 'git': return fromGit(reference);
    case 'tarball': return fromTarball(reference);
    case 'folder': return fromFolder(reference);
  }
}

/** Lines for us begin with flynn-buildpack; all else is what went wrong. */
const COMMON = `
too_large() { exit ${TOO_LARGE}; }
describe() {
  [ "$(du -sb . | cut -f1)" -le "$limit_bytes" ] || too_large
  chmod u+x bin/* 2>/dev/null
  if [ -f bin/detect ] && [ -f bin/compile ]; then echo "flynn-buildpack-kind classic"
  elif [ -f buildpack.toml ]; then echo "flynn-buildpack-kind cnb"
  fi
}
# Nothing that is fetched may be larger, whatever its server says.
ulimit -f $((limit_bytes / 1024))
`;

/** A server may refuse to give a commit that is no branch's or tag's, and plain file servers know nothing of depth: then all is fetched. Submodules are not. */
function fromGit({url, ref}: Extract<BuildpackReference, {kind: 'git'}>): string {
  return `${gitScript(url, ref)}
echo "flynn-buildpack-commit $commit"`;
}

/** Fills an empty folder with a commit. Needs `seconds`; leaves `commit`. */
export function gitScript(url: string, ref?: string): string {
  return `
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_ALLOW_PROTOCOL=http:https GIT_ASKPASS=true
SECONDS=0
fetch() {
  [ "$SECONDS" -lt "$seconds" ] || exit 124
  timeout $((seconds - SECONDS)) git -c core.hooksPath=/dev/null fetch --quiet --no-recurse-submodules "$@" 2>/tmp/fetch-error && return
  [ $? -ne 124 ] || exit 124
  # What it was to write was larger than a file may be.
  ! grep -qs 'signal 25' /tmp/fetch-error || exit ${TOO_LARGE}
  return 1
}
url=${quote(url)} ref=${quote(ref ?? 'HEAD')}
git init --quiet . || exit 1
if fetch --depth 1 "$url" "$ref" || fetch "$url" "$ref"; then commit=FETCH_HEAD
elif fetch "$url" '+refs/heads/*:refs/flynn/heads/*' '+refs/tags/*:refs/tags/*'; then commit=$ref
else
  cat /tmp/fetch-error
  exit 1
fi
commit=$(git rev-parse --verify --quiet "$commit^{commit}") || { echo "there is no branch, tag or commit \\"$ref\\" in $url"; exit 1; }
git -c advice.detachedHead=false -c core.hooksPath=/dev/null checkout --quiet "$commit" || exit 1
rm -rf .git`;
}

function fromTarball({url, sha256}: Extract<BuildpackReference, {kind: 'tarball'}>): string {
  return `
expected=${quote(sha256 ?? '')}
curl --fail --silent --show-error --location --proto '=http,https' --proto-redir '=http,https' --retry 2 --retry-max-time "$seconds" --max-time "$seconds" --max-filesize "$limit_bytes" --output /tmp/buildpack.tgz ${quote(url)}
case $? in 0) ;; 28) exit 124 ;; 63) too_large ;; *) exit 1 ;; esac
sha256=$(sha256sum /tmp/buildpack.tgz | cut -d' ' -f1)
[ -z "$expected" ] || [ "$expected" = "$sha256" ] || { echo "its sha256 is $sha256"; exit 1; }
tar --extract --gzip --file /tmp/buildpack.tgz --no-same-owner || exit 1
rm /tmp/buildpack.tgz
# Archives that a git host makes have one folder at their top.
if [ ! -d bin ] && [ "$(ls -A | wc -l)" = 1 ]; then
  top=$(ls -A)
  mv "$top" ../unpacked && cd .. && rmdir "$folder" && mv unpacked "$folder" && cd "$folder" || exit 1
fi
echo "flynn-buildpack-sha256 $sha256"`;
}

function fromFolder({path}: Extract<BuildpackReference, {kind: 'folder'}>): string {
  return `
from=/tmp/build/${quote(path)}
[ -d "$from" ] || { echo "there is no folder ${path} in the app's repository"; exit 1; }
cp -R "$from/." . || exit 1`;
}
