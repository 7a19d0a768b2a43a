import {createHash} from 'node:crypto';
import type Docker from 'dockerode';
import {execa} from 'execa';
import {imageId, importImage, pullImage, removeImage, tagImage} from '../../reconciler/adapters/docker-build.ts';
import {LABEL_STACK} from './labels.ts';

/** Debian's current stable release. */
const SUITE = 'trixie';
const PACKAGES = ['ca-certificates', 'curl'];
const EXCLUDED = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*', '/usr/share/info/*'];
/** The day of that release: files that are newer, those of security updates too, get its time, so that the same packages give the same image. */
export const EPOCH_SECONDS: number = Date.UTC(2025, 7, 9) / 1000;
/** Changes when the base image has to be made anew. */
export const BASE_DEFINITION = JSON.stringify([SUITE, PACKAGES, EXCLUDED, EPOCH_SECONDS]);
const DEFAULT_SECURITY_PATH = 'debian-security';

/**
 * The image that all of ours stand on: a minimal Debian made from the packages' mirror, about 20 s, no registry needed.
 * `FLYNN_BASE_IMAGE=debian:trixie-slim` pulls that one instead. `isRenewed`: although there is one. Resolves to its tag.
 */
export async function makeBase({docker, print, isRenewed = false}: {docker: Docker; print: (line: string) => void; isRenewed?: boolean}, signal: AbortSignal): Promise<string> {
  const wanted = process.env.FLYNN_BASE_IMAGE;
  if (wanted) {
    if (!isRenewed && await imageId(docker, wanted, signal)) return wanted;
    print(`pulling ${wanted}`);
    await pullImage(docker, wanted, signal).catch((cause: unknown) => {
      throw new Error(`can't pull "${wanted}": ${(cause as Error).message}; unset FLYNN_BASE_IMAGE to make the base image from Debian packages`, {cause});
    });
    return wanted;
  }
  const tag = `flynn/base:${createHash('sha256').update(BASE_DEFINITION).digest('hex').slice(0, 12)}`;
  if (!isRenewed && await imageId(docker, tag, signal)) return tag;
  const before = await imageId(docker, tag, signal);
  const sources = await debianSources(signal);
  print(`making ${tag} from ${sources[0]}`);
  await tagImage(docker, await importDebian(docker, sources, signal), tag, signal);
  // It has lost its name; one that something stands on stays.
  if (before !== undefined) await removeImage(docker, before, signal);
  return tag;
}

async function importDebian(docker: Docker, sources: readonly string[], signal: AbortSignal): Promise<string> {
  const debootstrap = execa(
    'mmdebstrap',
    ['--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, ...EXCLUDED.map(glob => `--dpkgopt=path-exclude=${glob}`), '--aptopt=Acquire::Languages "none"', '--format=tar', SUITE, '-', ...sources],
    {buffer: {stdout: false}, cancelSignal: signal, reject: false, env: {SOURCE_DATE_EPOCH: String(EPOCH_SECONDS)}},
  );
  const imported = importImage(docker, debootstrap.stdout, [`LABEL ${LABEL_STACK}=base`, 'CMD ["bash"]'], signal).then(
    id => ({id}),
    (error: unknown) => ({error}),
  );
  const [{failed, stderr, code, message}, outcome] = await Promise.all([debootstrap, imported]);
  signal.throwIfAborted();
  if (failed) {
    if ('id' in outcome) await removeImage(docker, outcome.id, signal);
    if (code === 'ENOENT') throw new Error('mmdebstrap is needed to make the base image: apt-get install mmdebstrap, or set FLYNN_BASE_IMAGE to an image that can be pulled, such as debian:trixie-slim');
    throw new Error(`mmdebstrap failed; check that this machine reaches its Debian mirror (apt-get update), or set FLYNN_DEBIAN_MIRROR:\n${stderr || message}`);
  }
  if ('error' in outcome) throw new Error(`the engine did not take the base image: ${(outcome.error as Error).message}`, {cause: outcome.error});
  return outcome.id;
}

/** Lines of sources.list for the new system, from the mirrors that this machine itself uses. */
export async function debianSources(signal: AbortSignal): Promise<readonly string[]> {
  const {stdout} = await execa('apt-get', ['indextargets', '--format', '$(REPO_URI)|$(ORIGIN)|$(LABEL)', 'Created-By: Packages'], {cancelSignal: signal, reject: false});
  return sourcesFrom(stdout ?? '', process.env.FLYNN_DEBIAN_MIRROR);
}

/** Exported for its test. `targets`: lines `uri|origin|label`. Throws when no mirror is known. */
export function sourcesFrom(targets: string, configured: string | undefined): readonly string[] {
  const entries = targets.split('\n').map(line => line.split('|'));
  const uriOf = (label: string) => entries.find(entry => entry[1] === 'Debian' && entry[2] === label)?.[0]?.replace(/\/$/, '');
  const mirror = configured?.replace(/\/$/, '') ?? uriOf('Debian');
  if (!mirror) throw new Error("this machine's apt knows no Debian mirror: set FLYNN_DEBIAN_MIRROR to the URL of one, or FLYNN_BASE_IMAGE to an image that can be pulled, such as debian:trixie-slim");
  const security = uriOf('Debian-Security') ?? new URL(DEFAULT_SECURITY_PATH, `${mirror}/`).href.replace(/\/debian\/debian-security$/, '/debian-security');
  return [`deb ${mirror} ${SUITE} main`, `deb ${mirror} ${SUITE}-updates main`, `deb ${security} ${SUITE}-security main`];
}
