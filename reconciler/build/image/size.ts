import type {BuildContainer} from '../../adapters/build-container.ts';
import {LimitExceeded} from '../limits.ts';
import {formatLimit, formatMegabytes} from '../output.ts';

/** Folders that are named when an image is too large. */
const BIGGEST_COUNT = 3;

interface ImageSize {
  readonly sizeBytes: number;
  readonly limits: {readonly imageBytes: number};
  /** What of it takes most, in words. */
  readonly biggest?: readonly string[];
}

/** @throws {LimitExceeded} for an image that is larger than `builds.imageSize` in cluster.yaml */
export function checkImageSize({sizeBytes, limits: {imageBytes}, biggest = []}: ImageSize): void {
  if (sizeBytes <= imageBytes) return;
  const most = biggest.length === 0 ? '' : `; most of it is ${biggest.join(', ')}`;
  throw new LimitExceeded(`the image has ${formatMegabytes(sizeBytes)}, more than the ${formatLimit(imageBytes)} that builds.imageSize in cluster.yaml allows${most}`);
}

/** `node_modules 812.4M`: what is largest at the root of /tmp/build. */
export async function biggestOf(container: BuildContainer, signal: AbortSignal): Promise<readonly string[]> {
  const command = {words: ['bash', '-c', `find . -mindepth 1 -maxdepth 1 -print0 | du --files0-from=- --summarize --block-size=1 2>/dev/null | sort -rn | head -n ${BIGGEST_COUNT}`], folder: '/tmp/build'};
  let text = '';
  for await (const chunk of container.read(command, signal)) text += Buffer.from(chunk).toString();
  return text.trim().split('\n').flatMap((line) => {
    const [, bytes, name] = /^(\d+)\t\.\/(.*)$/.exec(line) ?? [];
    return bytes === undefined ? [] : [`${name} ${formatMegabytes(Number(bytes))}`];
  });
}
