import {isForProduction} from './descriptor.ts';
import {isTable, readToml, writeToml} from './toml.ts';

/** What a buildpack says of one of its layers in `<layer>.toml`. */
export interface LayerTypes {
  readonly isForLaunch: boolean;
  readonly isForBuild: boolean;
  readonly isCached: boolean;
  /** The same file as the next build finds it: without types, because a buildpack decides anew. */
  readonly restored: string;
}

/** What becomes of a layer until the next build (Buildpack API, the table of "Layer Types"). */
export type Keeping =
  /** Its files and its metadata are there when the next build begins. */
  | 'whole'
  /** Its metadata only; its files are taken when the buildpack wants the layer again and leaves no folder. */
  | 'for reuse'
  | 'nothing';

export function readLayer(text: string, where: string): LayerTypes {
  const root = readToml(text, where);
  const types = root.table('types');
  const metadata = root.value('metadata');
  // It may be anything that TOML has; only a table can say for which environments a layer is.
  const isHere = !isTable(metadata) || isForProduction(root.table('metadata'));
  return {
    isForLaunch: types.flag('launch') && isHere,
    isForBuild: types.flag('build'),
    isCached: types.flag('cache'),
    restored: metadata === undefined ? '' : writeToml({metadata}),
  };
}

export function keepingOf({isForLaunch, isForBuild, isCached}: LayerTypes): Keeping {
  if (isCached) return 'whole';
  return isForLaunch && !isForBuild ? 'for reuse' : 'nothing';
}
