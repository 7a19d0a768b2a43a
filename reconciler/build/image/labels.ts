import {createReadStream} from 'node:fs';
import type Docker from 'dockerode';
import {LABEL_DEBIAN} from '../../../buildpacks/stack/labels.ts';
import {tarPieces} from '../../adapters/tar.ts';
import type {BuildContext} from '../context.ts';

/** How many of an image's layers, from the bottom, are those of the image that it stands on. */
export const LABEL_BASE_LAYERS = 'flynn.base-layers';

/**
 * Labels that other tools read too (OCI image-spec, annotations.md). `created` is the time of the commit and not of the build: the same
 * source gives the same image.
 */
export function standardLabels({app, sourceCommit, settings: {gitUrl}}: Pick<BuildContext, 'app' | 'sourceCommit' | 'settings'>, createdAtSeconds: number): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.created': new Date(createdAtSeconds * 1000).toISOString(),
    'org.opencontainers.image.revision': sourceCommit,
    ...(gitUrl === undefined ? {} : {'org.opencontainers.image.source': gitUrl(app)}),
    'org.opencontainers.image.title': app,
  };
}

/** What the image stands on, so that its own layers can be told from those below them, and be put onto another one. */
export function baseLabels(name: string, {Id: id, Config: {Labels: labels}, RootFS: {Layers: layers = []}}: Docker.ImageInspectInfo): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.base.name': name,
    'org.opencontainers.image.base.digest': id,
    [LABEL_BASE_LAYERS]: String(layers.length),
    ...(labels?.[LABEL_DEBIAN] === undefined ? {} : {[LABEL_DEBIAN]: labels[LABEL_DEBIAN]}),
  };
}

/** Seconds since 1970 of the newest file in a tar: `git archive` gives all of them the time of the commit. */
export async function newestTime(tarFile: string): Promise<number> {
  let newest = 0;
  for await (const {header} of tarPieces(createReadStream(tarFile))) {
    if (header !== undefined && /^[0-2]$/.test(header.type)) newest = Math.max(newest, header.modifiedAtSeconds);
  }
  return newest;
}
