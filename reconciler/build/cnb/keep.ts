import type {BuildContainer} from '../../adapters/build-container.ts';
import {tarStream, textEntry, type TarEntry} from '../image/tar.ts';
import {BuildRefused} from '../refused.ts';
import {layersFolder} from './descriptor.ts';
import {keepingOf, type LayerTypes} from './layer.ts';
import {KEPT_FOLDER, WORK_FOLDER} from './places.ts';
import {inFolder, runIn} from './read.ts';

const OWNER_ID = 1000;

/** What a buildpack left in its folder of /layers when the build was done. */
export interface LeftLayers {
  readonly id: string;
  readonly layers: ReadonlyMap<string, LayerTypes>;
  /** Of `store.toml`: for the buildpack's next run. */
  readonly store?: string;
}

/**
 * Gives buildpacks what their last build of this app left: cached layers whole, of layers that were only launched what was noted of them. The last build is
 * what was kept in the cache's volume, never an image: so nothing depends on an image that may be gone, and an emptied cache is a first build.
 * Gives the names of the layers, `id:layer`.
 */
export async function restoreLayers(container: BuildContainer, ids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const lines = ids.flatMap(id => {
    const [kept, folder] = [keptFolder(id), layersFolder(id)];
    return [
      `mkdir -p ${inFolder(folder)}`,
      `if [ -d ${inFolder(kept, 'whole')} ]; then cp --archive ${inFolder(kept, 'whole')}/. ${inFolder(folder)}/; fi`,
      `if [ -d ${inFolder(kept, 'noted')} ]; then cp --archive ${inFolder(kept, 'noted')}/. ${inFolder(folder)}/; fi`,
      `find ${inFolder(folder)} -maxdepth 1 -name '*.toml' ! -name store.toml -printf '${id}:%f\\n' | sort`,
    ];
  });
  const names = await runIn(container, {folder: '/', text: lines.join('\n')}, signal);
  return names.split('\n').filter(name => name !== '').map(name => name.replace(/\.toml$/, ''));
}

/** Takes the files of layers that a buildpack wants again, and whose folders it left out, from the last build. */
export async function reuseLayers(container: BuildContainer, wanted: readonly {readonly id: string; readonly layer: string}[], signal: AbortSignal): Promise<void> {
  for (const {id, layer} of wanted) {
    const from = ['whole', 'reuse'].map(how => inFolder(keptFolder(id), how, layer));
    const script = `for from in ${from.join(' ')}; do if [ -d "$from" ]; then cp --archive "$from" ${inFolder(layersFolder(id))}/ && echo taken && exit; fi; done; exit 0`;
    if ((await runIn(container, {folder: '/', text: script}, signal)) === '') {
      throw new BuildRefused(`buildpack "${id}" wants the layer "${layer}" of the last build again, and there is none`);
    }
  }
}

/**
 * Keeps for the next build what `keepingOf` says. First the old is removed, then the new appears in one step: a build that is killed in between leaves no cache,
 * never half of one.
 */
export async function keepLayers(container: BuildContainer, all: readonly LeftLayers[], signal: AbortSignal): Promise<void> {
  const next = `${KEPT_FOLDER}.new`;
  const notes: TarEntry[] = [];
  const lines = ['set -e', ...[KEPT_FOLDER, next].map(folder => `if [ -d ${folder} ]; then chmod --recursive u+rwX ${folder}; rm -rf ${folder}; fi`), `mkdir -p ${next}`];
  const note = (text: string, to: string) => {
    // By number: names of layers may be longer than a tar takes.
    const name = `notes/${notes.length}.toml`;
    notes.push(textEntry(name, text, {ownerId: OWNER_ID}));
    lines.push(`cp ${WORK_FOLDER}/${name} ${to}`);
  };
  for (const {id, layers, store} of all) {
    const folder = keptFolder(id, next);
    lines.push(`mkdir -p ${['whole', 'noted', 'reuse'].map(how => inFolder(folder, how)).join(' ')}`);
    for (const [layer, types] of layers) {
      const keeping = keepingOf(types);
      if (keeping === 'nothing') continue;
      const [noted, files] = keeping === 'whole' ? ['whole', 'whole'] : ['noted', 'reuse'];
      lines.push(`if [ -d ${inFolder(layersFolder(id), layer)} ]; then cp --archive ${inFolder(layersFolder(id), layer)} ${inFolder(folder, files)}/; fi`);
      note(types.restored, inFolder(folder, noted, `${layer}.toml`));
    }
    if (store !== undefined) note(store, inFolder(folder, 'noted', 'store.toml'));
  }
  lines.push(`mv ${next} ${KEPT_FOLDER}`);
  // A file, because it may be longer than a word of a command may be.
  await container.put(WORK_FOLDER, tarStream([...notes, textEntry('keep.sh', lines.join('\n'), {ownerId: OWNER_ID})]), signal);
  await runIn(container, {folder: '/', text: `bash ${WORK_FOLDER}/keep.sh`}, signal);
}

function keptFolder(id: string, root: string = KEPT_FOLDER): string {
  return `${root}/${layersFolder(id).slice('/layers/'.length)}`;
}
